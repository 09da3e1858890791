//! The events a WebSocket API sends to its integrations, byte for byte: field order, omitted fields, number types.
//!
//! These types are written only. Handlers read events with their own, more forgiving types.

use crate::{ConnectionId, RequestId};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::net::IpAddr;

/// The payload of a `$connect` integration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectEvent<'a> {
    pub headers: SingleValues<'a>,
    pub multi_value_headers: MultiValues<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_string_parameters: Option<SingleValues<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_value_query_string_parameters: Option<MultiValues<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_variables: Option<SingleValues<'a>>,
    pub request_context: RequestContext<'a>,
    pub is_base64_encoded: bool,
}

/// The payload of a function that authorizes `$connect`. Maps are empty rather than left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerEvent<'a> {
    /// Always `REQUEST`.
    pub r#type: &'static str,
    pub method_arn: &'a str,
    pub headers: SingleValues<'a>,
    pub multi_value_headers: MultiValues<'a>,
    pub query_string_parameters: SingleValues<'a>,
    pub multi_value_query_string_parameters: MultiValues<'a>,
    pub stage_variables: SingleValues<'a>,
    pub request_context: RequestContext<'a>,
}

/// The payload of a route's integration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageEvent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_variables: Option<SingleValues<'a>>,
    pub request_context: RequestContext<'a>,
    pub body: &'a str,
    pub is_base64_encoded: bool,
}

/// The payload of a `$disconnect` integration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DisconnectEvent<'a> {
    pub headers: SingleValues<'a>,
    pub multi_value_headers: MultiValues<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_variables: Option<SingleValues<'a>>,
    pub request_context: RequestContext<'a>,
    pub is_base64_encoded: bool,
}

/// The fields are in the order AWS writes them; those without a value are left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext<'a> {
    pub route_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect_status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer: Option<Authorizer<'a>>,
    pub event_type: EventType,
    pub extended_request_id: RequestId,
    /// `dd/MMM/yyyy:HH:mm:ss +0000`.
    pub request_time: &'a str,
    pub message_direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect_reason: Option<&'a str>,
    pub stage: &'a str,
    /// Milliseconds since the epoch.
    pub connected_at: u64,
    /// Milliseconds since the epoch.
    pub request_time_epoch: u64,
    pub identity: Identity<'a>,
    pub request_id: RequestId,
    pub domain_name: &'a str,
    pub connection_id: ConnectionId,
    pub api_id: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EventType {
    Connect,
    Message,
    Disconnect,
}

/// What an authorizer left: its own values, then `principalId`, then `integrationLatency` in milliseconds.
#[derive(Debug)]
pub struct Authorizer<'a> {
    pub values: &'a [(String, String)],
    pub principal_id: &'a str,
    pub integration_latency: u64,
}

impl Serialize for Authorizer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len() + 2))?;
        for (name, value) in self.values {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("principalId", self.principal_id)?;
        map.serialize_entry("integrationLatency", &self.integration_latency)?;
        map.end()
    }
}

/// Who the client is: `apiKey` and `apiKeyId` come first, fields of a signature last.
#[derive(Debug)]
pub struct Identity<'a> {
    pub caller: &'a [(&'static str, String)],
    pub user_agent: Option<&'a str>,
    pub source_ip: IpAddr,
}

impl Serialize for Identity<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_key = |(name, _): &&(&'static str, String)| name.starts_with("apiKey");
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.caller.iter().filter(is_key) {
            map.serialize_entry(name, value)?;
        }
        if let Some(user_agent) = self.user_agent {
            map.serialize_entry("userAgent", user_agent)?;
        }
        map.serialize_entry("sourceIp", &self.source_ip)?;
        for (name, value) in self.caller.iter().filter(|field| !is_key(field)) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Name and value pairs in order; of a name that comes several times the last value counts.
#[derive(Clone, Copy, Debug)]
pub struct SingleValues<'a>(pub &'a [(String, String)]);

/// The same pairs with every value of a name, in the place of its first.
#[derive(Clone, Copy, Debug)]
pub struct MultiValues<'a>(pub &'a [(String, String)]);

impl Serialize for SingleValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, values) in grouped(self.0) {
            map.serialize_entry(name, values.last().expect("a group has at least the value that opened it"))?;
        }
        map.end()
    }
}

impl Serialize for MultiValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, values) in grouped(self.0) {
            map.serialize_entry(name, &values)?;
        }
        map.end()
    }
}

fn grouped(pairs: &[(String, String)]) -> Vec<(&str, Vec<&str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        match groups.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value),
            None => groups.push((name, vec![value])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    #[test]
    fn an_authorizer_is_asked_in_the_order_of_aws() {
        let headers = [("Connection", "upgrade"), ("Host", "a"), ("Host", "b")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let id = RequestId::new(1);
        let event = AuthorizerEvent {
            r#type: "REQUEST",
            method_arn: "arn",
            headers: SingleValues(&headers),
            multi_value_headers: MultiValues(&headers),
            query_string_parameters: SingleValues(&[]),
            multi_value_query_string_parameters: MultiValues(&[]),
            stage_variables: SingleValues(&[]),
            request_context: RequestContext {
                route_key: "$connect",
                message_id: None,
                disconnect_status_code: None,
                authorizer: None,
                event_type: EventType::Connect,
                extended_request_id: id,
                request_time: "04/Mar/2026:10:20:30 +0000",
                message_direction: "IN",
                disconnect_reason: None,
                stage: "prod",
                connected_at: 1,
                request_time_epoch: 2,
                identity: Identity {
                    caller: &[("apiKey", "k".to_owned())],
                    user_agent: None,
                    source_ip: Ipv6Addr::LOCALHOST.into(),
                },
                request_id: id,
                domain_name: "a",
                connection_id: ConnectionId::parse("L0SM9cOFvHcCIhw=").unwrap(),
                api_id: "chat",
            },
        };
        let expected = format!(
            r#"{{"type":"REQUEST","methodArn":"arn","headers":{{"Connection":"upgrade","Host":"b"}},"multiValueHeaders":{{"Connection":["upgrade"],"Host":["a","b"]}},"queryStringParameters":{{}},"multiValueQueryStringParameters":{{}},"stageVariables":{{}},"requestContext":{{"routeKey":"$connect","eventType":"CONNECT","extendedRequestId":"{id}","requestTime":"04/Mar/2026:10:20:30 +0000","messageDirection":"IN","stage":"prod","connectedAt":1,"requestTimeEpoch":2,"identity":{{"apiKey":"k","sourceIp":"::1"}},"requestId":"{id}","domainName":"a","connectionId":"L0SM9cOFvHcCIhw=","apiId":"chat"}}}}"#
        );
        assert_eq!(serde_json::to_string(&event).unwrap(), expected);
    }
}
