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

    /// For people and their clients: `wss://{api}.execute-api.…` becomes `ws://{listen}/{api}`, and `https` becomes `http`. So do
    /// addresses at domains of the stacks: those names lead to this server only where they are in the DNS.
    pub(crate) fn for_clients(&self, text: &str) -> String {
        let plain = |scheme: &str| if scheme == "wss" { "ws" } else { "http" };
        let text = self.local(text, |api, scheme| Some(format!("{}://{}/{api}", plain(scheme), self.listen)));
        let text = self.domains().iter().fold(text, |text, (scheme, written, path)| {
            whole(&text, &format!("{scheme}://{written}"), &format!("{}://{}{path}", plain(scheme), self.listen))
        });
        self.local_queues(&text, self.listen)
    }

    /// Scheme, `{domain}/{mapping key}` and the path that it stands for, the longest first: a domain's other keys go on from it.
    fn domains(&self) -> Vec<(&'static str, String, String)> {
        let apis = self.stacks.iter().flat_map(|stack| &stack.apis).map(|api| &api.definition);
        let mappings = apis.flat_map(|api| api.domain_names.iter().map(move |mapping| (&api.api_id, mapping)));
        let mut domains = Vec::new();
        for (api, mapping) in mappings {
            let written = format!("{}/{}", mapping.domain_name, mapping.api_mapping_key);
            let (written, path) = (written.trim_end_matches('/'), format!("/{api}/{}", mapping.stage));
            domains.extend(["wss", "https"].map(|scheme| (scheme, written.to_owned(), path.clone())));
        }
        domains.sort_by_key(|(_, written, _)| std::cmp::Reverse(written.len()));
        domains
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

/// Replaces an address, but not one that only begins alike.
fn whole(text: &str, written: &str, local: &str) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(written) {
        let (before, after) = (&rest[..start], &rest[start + written.len()..]);
        let goes_on = after.starts_with(|next: char| next.is_ascii_alphanumeric() || "-._".contains(next));
        replaced += before;
        replaced += if goes_on { written } else { local };
        rest = after;
    }
    replaced + rest
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

    #[test]
    fn addresses_at_domains_of_ones_own_lead_here_for_clients() {
        let folder = tempfile::tempdir().unwrap();
        let template = folder.path().join("domains.yaml");
        let text = "\
Resources:
  Chat: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}}
  Prod: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Chat, StageName: prod, AutoDeploy: true}}
  Test: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Chat, StageName: test, AutoDeploy: true}}
  Domain: {Type: AWS::ApiGatewayV2::DomainName, Properties: {DomainName: ws.example.org}}
  Bare: {Type: AWS::ApiGatewayV2::ApiMapping, Properties: {ApiId: !Ref Chat, DomainName: !Ref Domain, Stage: !Ref Prod}}
  Keyed:
    Type: AWS::ApiGatewayV2::ApiMapping
    Properties: {ApiId: !Ref Chat, DomainName: !Ref Domain, Stage: !Ref Test, ApiMappingKey: v2}
";
        std::fs::write(&template, text).unwrap();
        let stacks = check::read(&template, &check::Disk, &Options::default()).unwrap();
        let api = stacks[0].apis[0].definition.api_id.as_str();
        let addresses = Addresses { stacks: &stacks, listen: "127.0.0.1:80".parse().unwrap(), streams: Vec::new() };
        for (text, expected) in [
            ("wss://ws.example.org", format!("ws://127.0.0.1:80/{api}/prod")),
            ("wss://ws.example.org/v2?a=b", format!("ws://127.0.0.1:80/{api}/test?a=b")),
            ("https://ws.example.org/v2", format!("http://127.0.0.1:80/{api}/test")),
            ("wss://ws.example.org.other.net", "wss://ws.example.org.other.net".to_owned()),
            ("wss://ws.example.org/v22", format!("ws://127.0.0.1:80/{api}/prod/v22")),
        ] {
            assert_eq!(addresses.for_clients(text), expected, "{text}");
        }
    }
}
