//! Addresses and ARNs that a template gives, as they are here.

use crate::function_hosts::reachable;
use serde::Serialize;
use sluicegate_tables::Tables;
use sluicegate_template::{STREAM_LABEL, Stack};
use std::net::SocketAddr;

/// An output of a stack, with addresses that lead here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutputValue {
    pub stack: String,
    pub name: String,
    pub value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What is written in templates, and what it is here.
pub(crate) struct Addresses<'a> {
    stacks: &'a [Stack],
    listen: SocketAddr,
    /// ARNs of streams: the template's, and those that the streams have got.
    streams: Vec<(String, String)>,
}

impl<'a> Addresses<'a> {
    pub(super) fn new(stacks: &'a [Stack], listen: SocketAddr, tables: &Tables) -> Self {
        let each = stacks.iter().flat_map(|stack| &stack.tables).filter(|table| table.stream.is_some());
        let streams = each
            .filter_map(|table| {
                let arn = tables.stream(&table.name).ok()?.stream_arn().to_owned();
                Some((format!("{}/stream/{STREAM_LABEL}", table.arn), arn))
            })
            .collect();
        Self { stacks, listen, streams }
    }

    /// For people and their clients: `wss://{api}.execute-api.…` becomes `ws://{listen}/{api}`, and `https` becomes `http`.
    pub(crate) fn for_clients(&self, text: &str) -> String {
        let text = self.local(text, |api, scheme| {
            let scheme = if scheme == "wss" { "ws" } else { "http" };
            Some(format!("{scheme}://{}/{api}", self.listen))
        });
        self.local_queues(&text, self.listen)
    }

    /// For handlers. They take `wss` addresses to make `https` ones of them, by replacing the scheme; those lead here under
    /// their AWS names, while `ws` made of `wss` would lead nowhere. So only `https` is replaced.
    pub(crate) fn for_functions(&self, text: &str) -> String {
        let here = reachable(self.listen);
        let text = self.local(text, |api, scheme| (scheme == "https").then(|| format!("http://{here}/{api}")));
        self.local_queues(&text, here)
    }

    /// `https://sqs.{region}.…/{account}/` becomes `http://{here}/{account}/`.
    fn local_queues(&self, text: &str, here: SocketAddr) -> String {
        let queues = self.stacks.iter().flat_map(|stack| &stack.queues);
        queues.fold(text.to_owned(), |text, queue| {
            let path = queue.url.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
            let Some((host, path)) = path else { return text };
            let account = path.strip_suffix(&queue.name).unwrap_or(path);
            text.replace(&format!("https://{host}/{account}"), &format!("http://{here}/{account}"))
        })
    }

    fn local(&self, text: &str, address: impl Fn(&str, &str) -> Option<String>) -> String {
        let stacks = self.stacks.iter();
        let text = stacks.fold(text.to_owned(), |text, stack| stack.localised(&text, &address));
        self.streams.iter().fold(text, |text, (written, real)| text.replace(written, real))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use sluicegate_template::Options;
    use std::path::Path;

    #[test]
    fn addresses_lead_here_and_those_of_others_stay() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/stream-notify/template.yaml");
        let stacks = check::read(&example, &check::Disk, &Options::default()).unwrap();
        let api = stacks[0].apis[0].definition.api_id.as_str();
        let table = &stacks[0].tables.iter().find(|table| table.stream.is_some()).unwrap().arn;
        let written = format!("{table}/stream/{STREAM_LABEL}");
        let streams = vec![(written.clone(), format!("{table}/stream/2026"))];
        let addresses = Addresses { stacks: &stacks, listen: "0.0.0.0:80".parse().unwrap(), streams };
        let at = |scheme: &str| format!("{scheme}://{api}.execute-api.us-east-1.amazonaws.com/prod");
        for (text, clients, functions) in [
            (at("wss"), format!("ws://0.0.0.0:80/{api}/prod"), at("wss")),
            (at("https"), format!("http://0.0.0.0:80/{api}/prod"), format!("http://127.0.0.1:80/{api}/prod")),
            (format!("{written}!"), format!("{table}/stream/2026!"), format!("{table}/stream/2026!")),
            ("https://example.org/prod".into(), "https://example.org/prod".into(), "https://example.org/prod".into()),
        ] {
            assert_eq!(addresses.for_clients(&text), clients, "{text}");
            assert_eq!(addresses.for_functions(&text), functions, "{text}");
        }
    }
}
