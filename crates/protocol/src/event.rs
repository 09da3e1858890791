//! The events a WebSocket API sends to its integrations, byte for byte: field order, omitted fields, number types.
//!
//! These types are written only. Handlers read events with their own, more forgiving types.

use crate::json::{self, Object};
use crate::{ConnectionId, RequestId};
use std::net::IpAddr;

/// The payload of a `$connect` integration.
#[derive(Debug)]
pub struct ConnectEvent<'a> {
    pub headers: SingleValues<'a>,
    pub multi_value_headers: MultiValues<'a>,
    pub query_string_parameters: Option<SingleValues<'a>>,
    pub multi_value_query_string_parameters: Option<MultiValues<'a>>,
    pub stage_variables: Option<SingleValues<'a>>,
    pub request_context: RequestContext<'a>,
    pub is_base64_encoded: bool,
}

/// The payload of a function that authorizes `$connect`. Maps are empty rather than left out.
#[derive(Debug)]
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
#[derive(Debug)]
pub struct MessageEvent<'a> {
    pub stage_variables: Option<SingleValues<'a>>,
    pub request_context: RequestContext<'a>,
    pub body: &'a str,
    pub is_base64_encoded: bool,
}

/// The payload of a `$disconnect` integration.
#[derive(Debug)]
pub struct DisconnectEvent<'a> {
    pub headers: SingleValues<'a>,
    pub multi_value_headers: MultiValues<'a>,
    pub stage_variables: Option<SingleValues<'a>>,
    pub request_context: RequestContext<'a>,
    pub is_base64_encoded: bool,
}

/// The fields are in the order AWS writes them; those without a value are left out.
#[derive(Debug)]
pub struct RequestContext<'a> {
    pub route_key: &'a str,
    pub message_id: Option<RequestId>,
    pub disconnect_status_code: Option<u16>,
    pub authorizer: Option<Authorizer<'a>>,
    pub event_type: EventType,
    pub extended_request_id: RequestId,
    /// `dd/MMM/yyyy:HH:mm:ss +0000`.
    pub request_time: &'a str,
    pub message_direction: &'static str,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    Connect,
    Message,
    Disconnect,
}

impl EventType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Message => "MESSAGE",
            Self::Disconnect => "DISCONNECT",
        }
    }
}

/// What an authorizer left: its own values, then `principalId`, then `integrationLatency` in milliseconds.
#[derive(Debug)]
pub struct Authorizer<'a> {
    pub values: &'a [(String, String)],
    pub principal_id: &'a str,
    pub integration_latency: u64,
}

/// Who the client is: `apiKey` and `apiKeyId` come first, fields of a signature last.
#[derive(Debug)]
pub struct Identity<'a> {
    pub caller: &'a [(&'static str, String)],
    pub user_agent: Option<&'a str>,
    pub source_ip: IpAddr,
}

/// Name and value pairs in order; of a name that comes several times the last value counts.
#[derive(Clone, Copy, Debug)]
pub struct SingleValues<'a>(pub &'a [(String, String)]);

/// The same pairs with every value of a name, in the place of its first.
#[derive(Clone, Copy, Debug)]
pub struct MultiValues<'a>(pub &'a [(String, String)]);

impl ConnectEvent<'_> {
    /// Appends the event as JSON.
    pub fn write(&self, json: &mut Vec<u8>) {
        let mut event = Object::begin(json);
        self.headers.write(event.field("headers"));
        self.multi_value_headers.write(event.field("multiValueHeaders"));
        if let Some(query) = &self.query_string_parameters {
            query.write(event.field("queryStringParameters"));
        }
        if let Some(query) = &self.multi_value_query_string_parameters {
            query.write(event.field("multiValueQueryStringParameters"));
        }
        finish(event, self.stage_variables, &self.request_context, None, self.is_base64_encoded);
    }
}

impl MessageEvent<'_> {
    /// Appends the event as JSON.
    pub fn write(&self, json: &mut Vec<u8>) {
        let event = Object::begin(json);
        finish(event, self.stage_variables, &self.request_context, Some(self.body), self.is_base64_encoded);
    }
}

impl DisconnectEvent<'_> {
    /// Appends the event as JSON.
    pub fn write(&self, json: &mut Vec<u8>) {
        let mut event = Object::begin(json);
        self.headers.write(event.field("headers"));
        self.multi_value_headers.write(event.field("multiValueHeaders"));
        finish(event, self.stage_variables, &self.request_context, None, self.is_base64_encoded);
    }
}

/// What all events of integrations end with.
fn finish(
    mut event: Object<'_>,
    stage_variables: Option<SingleValues<'_>>,
    context: &RequestContext<'_>,
    body: Option<&str>,
    is_base64_encoded: bool,
) {
    if let Some(variables) = stage_variables {
        variables.write(event.field("stageVariables"));
    }
    context.write(event.field("requestContext"));
    if let Some(body) = body {
        json::text(event.field("body"), body);
    }
    json::boolean(event.field("isBase64Encoded"), is_base64_encoded);
    event.end();
}

impl AuthorizerEvent<'_> {
    /// Appends the event as JSON.
    pub fn write(&self, json: &mut Vec<u8>) {
        let mut event = Object::begin(json);
        json::plain(event.field("type"), self.r#type);
        json::text(event.field("methodArn"), self.method_arn);
        self.headers.write(event.field("headers"));
        self.multi_value_headers.write(event.field("multiValueHeaders"));
        self.query_string_parameters.write(event.field("queryStringParameters"));
        self.multi_value_query_string_parameters.write(event.field("multiValueQueryStringParameters"));
        self.stage_variables.write(event.field("stageVariables"));
        self.request_context.write(event.field("requestContext"));
        event.end();
    }
}

impl RequestContext<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        let mut context = Object::begin(json);
        json::text(context.field("routeKey"), self.route_key);
        if let Some(id) = self.message_id {
            json::plain(context.field("messageId"), id.text().as_str());
        }
        if let Some(code) = self.disconnect_status_code {
            json::number(context.field("disconnectStatusCode"), code.into());
        }
        if let Some(authorizer) = &self.authorizer {
            authorizer.write(context.field("authorizer"));
        }
        json::plain(context.field("eventType"), self.event_type.name());
        json::plain(context.field("extendedRequestId"), self.extended_request_id.text().as_str());
        json::plain(context.field("requestTime"), self.request_time);
        json::plain(context.field("messageDirection"), self.message_direction);
        if let Some(reason) = self.disconnect_reason {
            json::text(context.field("disconnectReason"), reason);
        }
        json::text(context.field("stage"), self.stage);
        json::number(context.field("connectedAt"), self.connected_at);
        json::number(context.field("requestTimeEpoch"), self.request_time_epoch);
        self.identity.write(context.field("identity"));
        json::plain(context.field("requestId"), self.request_id.text().as_str());
        json::text(context.field("domainName"), self.domain_name);
        json::plain(context.field("connectionId"), self.connection_id.text().as_str());
        json::text(context.field("apiId"), self.api_id);
        context.end();
    }
}

impl Authorizer<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        let mut authorizer = Object::begin(json);
        for (name, value) in self.values {
            json::text(authorizer.named(name), value);
        }
        json::text(authorizer.field("principalId"), self.principal_id);
        json::number(authorizer.field("integrationLatency"), self.integration_latency);
        authorizer.end();
    }
}

impl Identity<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        let is_key = |(name, _): &&(&'static str, String)| name.starts_with("apiKey");
        let mut identity = Object::begin(json);
        for (name, value) in self.caller.iter().filter(is_key) {
            json::text(identity.field(name), value);
        }
        if let Some(user_agent) = self.user_agent {
            json::text(identity.field("userAgent"), user_agent);
        }
        json::address(identity.field("sourceIp"), self.source_ip);
        for (name, value) in self.caller.iter().filter(|field| !is_key(field)) {
            json::text(identity.field(name), value);
        }
        identity.end();
    }
}

impl SingleValues<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        let mut object = Object::begin(json);
        for (name, values) in grouped(self.0) {
            json::text(object.named(name), values.last().expect("a group has at least the value that opened it"));
        }
        object.end();
    }
}

impl MultiValues<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        let mut object = Object::begin(json);
        for (name, values) in grouped(self.0) {
            let json = object.named(name);
            for (place, value) in values.iter().enumerate() {
                json.push(if place == 0 { b'[' } else { b',' });
                json::text(json, value);
            }
            json.push(b']');
        }
        object.end();
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
        let mut json = Vec::new();
        event.write(&mut json);
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
}
