//! What can be asked of the bench.

use crate::Failure;
use clap::{Args, Parser, Subcommand, ValueEnum};
use rlimit::Resource;
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
    /// Requests of each run of `post`.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = positive)]
    pub posts: usize,
    /// Clients of the echo, each with one message in flight.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = positive)]
    pub echo_connections: usize,
    /// Connections of the crowd [default: as many as this process may open].
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    crowd_connections: Option<usize>,
    /// Connections of the stream with slow readers.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = positive)]
    pub slow_connections: usize,
    /// Clients of the changes at a fixed rate.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = positive)]
    pub rate_clients: usize,
    /// Changes of the burst.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000)]
    pub changes: u64,
    /// Items in the data directory of `start`.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000)]
    pub items: u64,
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
    /// A signed POST to `@connections`.
    Post,
    /// A message through a function and back.
    Echo,
    /// Functions in processes: cold starts, and messages through a Node handler beside its bare HTTP server.
    Function,
    /// As many connections as there are descriptors, and one message to all.
    Crowd,
    /// A stream during which some stop reading.
    SlowReaders,
    /// From a table write to the clients, through the whole server.
    Change,
    /// The same at a fixed rate of changes.
    Rate,
    /// Many changes at once.
    Burst,
    /// From the command to `ready` on a full data directory.
    Start,
}

/// What this binary does when it is a server of its own bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Part {
    #[command(name = "serve-raw", hide = true)]
    Raw,
    #[command(name = "serve-hub", hide = true)]
    Hub(HubServer),
    #[command(name = "serve-http", hide = true)]
    Http,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub struct HubServer {
    /// Verifies signatures.
    #[arg(long)]
    pub credentials: bool,
    /// Bytes that may wait for one client.
    #[arg(long)]
    pub outbound_queue_bytes: Option<usize>,
}

pub fn parse() -> Arguments {
    Arguments::parse()
}

impl Arguments {
    pub fn scenarios(&self) -> Vec<Scenario> {
        if self.only.is_empty() { Scenario::value_variants().to_vec() } else { self.only.clone() }
    }

    pub fn crowd_connections(&self) -> Result<usize, Failure> {
        match self.crowd_connections {
            Some(connections) => Ok(connections),
            // The limit was raised as far as it goes before the first scenario; servers inherit it.
            None => Ok(Resource::NOFILE.get_soft()?.saturating_sub(OTHER_FILES).min(MOST_CONNECTIONS) as usize),
        }
    }

    pub fn largest_crowd(&self) -> usize {
        let single = [
            self.idle_connections,
            self.handshakes,
            self.crowd_connections.unwrap_or(0),
            self.slow_connections,
            self.rate_clients,
        ];
        self.connections.iter().chain(&self.clients).copied().chain(single).max().unwrap_or(0)
    }
}

/// Where descriptors are plenty, more than that tells nothing new.
const MOST_CONNECTIONS: u64 = 50_000;
/// Files of the servers and of the bench that are no connections.
const OTHER_FILES: u64 = 1_000;

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}
