//! What can be asked of the bench.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measures Sluicegate against a raw socket writer on this machine.
#[derive(Debug, Parser)]
#[command(name = "sluicegate-bench", args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// Measures only these; repeat it or separate with commas.
    #[arg(long, value_name = "SCENARIO", value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Connections of the fan-out, one table row each.
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [1_000, 10_000])]
    pub connections: Vec<usize>,
    /// Connections that are held idle while memory is read.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    pub idle_connections: usize,
    /// Handshakes of each run of `accept`.
    #[arg(long, value_name = "NUMBER", default_value_t = 2_000, value_parser = positive)]
    pub handshakes: usize,
    /// Clients that wait for a change, one table row each.
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [1, 100, 1_000])]
    pub clients: Vec<usize>,
    /// Runs of the hub and of the raw writer, in turns.
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: u32,
    /// The server to measure [default: `sluicegate` beside this binary].
    #[arg(long, value_name = "FILE")]
    pub server: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// Writes the result between the markers of this Markdown page.
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    #[command(subcommand)]
    pub part: Option<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// One message to every connection, and several at once.
    FanOut,
    /// Memory of connections that do nothing.
    Idle,
    /// Handshakes through `$connect`.
    Accept,
    /// From a table write to the clients, through the whole server.
    Change,
}

/// What this binary does when it is a server of its own bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Part {
    #[command(hide = true)]
    ServeRaw,
    #[command(hide = true)]
    ServeHub,
}

pub fn parse() -> Arguments {
    Arguments::parse()
}

impl Arguments {
    pub fn scenarios(&self) -> Vec<Scenario> {
        if self.only.is_empty() { Scenario::value_variants().to_vec() } else { self.only.clone() }
    }

    pub fn largest_crowd(&self) -> usize {
        self.connections
            .iter()
            .chain(&self.clients)
            .copied()
            .chain([self.idle_connections, self.handshakes])
            .max()
            .unwrap_or(0)
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}
