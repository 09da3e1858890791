//! The contenders as processes, told what to send over standard input.

use crate::{Failure, payload};
use sluicegate_load::process;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    Raw,
    Hub,
    /// The HTTP stack alone.
    Http,
}

/// What a contender is told: `messages` messages, numbered from `first`, to every connection, in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub first: u64,
    pub messages: u64,
    /// Of each message.
    pub bytes: usize,
}

pub struct ServerProcess {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

impl Contender {
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Hub => "hub",
            Self::Http => "http",
        }
    }

    pub fn start(self) -> Result<ServerProcess, Failure> {
        self.start_with(&[])
    }

    pub fn start_with(self, arguments: &[&str]) -> Result<ServerProcess, Failure> {
        let part = match self {
            Self::Raw => "serve-raw",
            Self::Hub => "serve-hub",
            Self::Http => "serve-http",
        };
        let mut child = Command::new(std::env::current_exe()?)
            .arg(part)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {part}: {error}"))?;
        let orders = child.stdin.take().ok_or("the server has no standard input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("the server has no standard output")?);
        let mut server = ServerProcess { child, orders, answers, address: ([0, 0, 0, 0], 0).into() };
        server.address = server.answer("listening")?.parse()?;
        Ok(server)
    }
}

impl ServerProcess {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn cpu(&self) -> Result<Duration, Failure> {
        Ok(process::cpu(self.pid())?)
    }

    /// Gives an order and returns at once; [`Self::sent`] tells when it is done.
    pub fn order(&mut self, order: Order) -> Result<(), Failure> {
        Ok(self.orders.write_all(order.line().as_bytes())?)
    }

    /// How many connections took the messages of the last order.
    pub fn sent(&mut self) -> Result<u64, Failure> {
        Ok(self.answer("sent")?.parse()?)
    }

    fn answer(&mut self, word: &str) -> Result<String, Failure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        match line.trim().strip_prefix(word) {
            Some(rest) => Ok(rest.trim().to_owned()),
            None => Err(format!("the server should have said \"{word}\" but said \"{}\"", line.trim()).into()),
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It holds nothing worth a farewell; it is gone already if this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Order {
    /// Messages of the usual length.
    pub fn of(first: u64, messages: u64) -> Self {
        Self { first, messages, bytes: payload::BYTES }
    }

    pub fn sequences(self) -> Range<u64> {
        self.first..self.first + self.messages
    }

    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("send ")?.trim_end().split(' ');
        Some(Self {
            first: words.next()?.parse().ok()?,
            messages: words.next()?.parse().ok()?,
            bytes: words.next()?.parse().ok()?,
        })
    }

    fn line(self) -> String {
        format!("send {} {} {}\n", self.first, self.messages, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let order = Order { first: 17, messages: 8, bytes: 4096 };
        assert_eq!(Order::parse(&order.line()), Some(order));
        for other in ["", "send", "send 1", "send 1 2", "send a 1 2", "stop 1 2 3"] {
            assert_eq!(Order::parse(other), None, "{other}");
        }
    }
}
