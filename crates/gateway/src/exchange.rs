//! One request, message or end of a connection, with all that expressions may ask of it.

use crate::event::Moment;
use crate::execution_log::Steps;
use crate::peer::Peer;
use crate::stage::Stage;
use http::request::Parts;
use serde_json::Value;
use sluicegate_protocol::event::EventType;
use sluicegate_protocol::{CloseReason, RequestId};

/// `$context` variables beside those of authorization.
const CONTEXT_NAMES: [&str; 16] = [
    "apiId",
    "stage",
    "connectionId",
    "connectedAt",
    "domainName",
    "eventType",
    "routeKey",
    "requestId",
    "extendedRequestId",
    "messageId",
    "requestTime",
    "requestTimeEpoch",
    "disconnectStatusCode",
    "disconnectReason",
    "identity.sourceIp",
    "identity.userAgent",
];

pub(crate) struct Exchange<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) peer: &'a Peer,
    pub(crate) moment: Moment,
    pub(crate) route_key: &'a str,
    pub(crate) occasion: Occasion<'a>,
    /// Where is noted what is done for it.
    pub(crate) log: Steps<'a>,
}

pub(crate) enum Occasion<'a> {
    Connect(&'a ClientRequest),
    Message { id: RequestId, body: &'a str, is_base64: bool },
    Disconnect(&'a CloseReason),
}

/// The request of a handshake.
pub(crate) struct ClientRequest {
    pub(crate) parts: Parts,
    /// In the client's order and spelling.
    pub(crate) client_headers: Vec<(String, String)>,
    /// What functions are shown: without those of the hop, with those the gateway adds, sorted.
    pub(crate) headers: Vec<(String, String)>,
    /// Decoded, in order.
    pub(crate) query: Vec<(String, String)>,
}

impl ClientRequest {
    /// The last value of a header, whatever its spelling.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The last value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Exchange<'_> {
    pub(crate) fn event_type(&self) -> EventType {
        match self.occasion {
            Occasion::Connect(_) => EventType::Connect,
            Occasion::Message { .. } => EventType::Message,
            Occasion::Disconnect(_) => EventType::Disconnect,
        }
    }

    /// The text of a message; empty on other occasions.
    pub(crate) fn body(&self) -> &str {
        match self.occasion {
            Occasion::Message { body, .. } => body,
            Occasion::Connect(_) | Occasion::Disconnect(_) => "",
        }
    }

    /// The request of a handshake; `None` afterwards.
    pub(crate) fn client_request(&self) -> Option<&ClientRequest> {
        match self.occasion {
            Occasion::Connect(request) => Some(request),
            Occasion::Message { .. } | Occasion::Disconnect(_) => None,
        }
    }

    /// A stage variable.
    pub(crate) fn stage_variable(&self, name: &str) -> Option<&str> {
        let variables = self.stage.variables()?;
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A `$context` variable by its name without the prefix, such as `identity.sourceIp`. `None` when it has no value.
    pub(crate) fn context(&self, name: &str) -> Option<String> {
        let peer = self.peer;
        let text = |value: &str| Some(value.to_owned());
        match name {
            "apiId" => text(&peer.stage.api),
            "stage" => text(&peer.stage.stage),
            "connectionId" => Some(peer.id.to_string()),
            "connectedAt" => Some(peer.connected_at.to_string()),
            "domainName" => text(&peer.domain_name),
            "eventType" => text(self.event_type().name()),
            "routeKey" => text(self.route_key),
            "requestId" | "extendedRequestId" => Some(self.moment.request_id.to_string()),
            "messageId" => match self.occasion {
                Occasion::Message { id, .. } => Some(id.to_string()),
                Occasion::Connect(_) | Occasion::Disconnect(_) => None,
            },
            "requestTime" => text(&self.moment.clf_time()),
            "requestTimeEpoch" => Some(self.moment.now.to_string()),
            "disconnectStatusCode" => match self.occasion {
                Occasion::Disconnect(reason) => Some(reason.code.to_string()),
                Occasion::Connect(_) | Occasion::Message { .. } => None,
            },
            "disconnectReason" => match self.occasion {
                Occasion::Disconnect(reason) => text(&reason.reason),
                Occasion::Connect(_) | Occasion::Message { .. } => None,
            },
            "identity.sourceIp" => Some(peer.source_ip.to_string()),
            "identity.userAgent" => peer.user_agent.as_deref().and_then(text),
            _ => self.granted_context(name),
        }
    }

    /// All `$context` variables at once, nested where their names have dots.
    pub(crate) fn context_object(&self) -> Value {
        let mut object = Value::Object(serde_json::Map::new());
        let mut put = |name: &str, value: Option<String>| {
            let Some(value) = value else { return };
            match name.split_once('.') {
                // What an authorizer calls a value may have dots of its own; those are no nesting.
                Some((outer, inner)) => object[outer][inner] = value.into(),
                None => object[name] = value.into(),
            }
        };
        for name in CONTEXT_NAMES {
            put(name, self.context(name));
        }
        for (name, value) in self.peer.identity.iter().flat_map(|identity| &identity.0) {
            put(&format!("identity.{name}"), Some(value.clone()));
        }
        for name in self.peer.authorizer.iter().flat_map(|authorizer| authorizer.names()) {
            let name = format!("authorizer.{name}");
            put(&name, self.context(&name));
        }
        object
    }

    /// What authorization left behind.
    fn granted_context(&self, name: &str) -> Option<String> {
        if let Some(name) = name.strip_prefix("authorizer.") {
            return self.peer.authorizer.as_deref()?.get(name);
        }
        let name = name.strip_prefix("identity.")?;
        let identity = self.peer.identity.as_deref()?;
        identity.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }
}
