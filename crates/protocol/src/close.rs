//! Why a connection ended, as the client and the `$disconnect` event are told.

use std::borrow::Cow;

/// A close code (RFC 6455, 7.4) and its text, as reported in `disconnectStatusCode` and `disconnectReason`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    pub code: u16,
    pub reason: Cow<'static, str>,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        impl CloseReason {
            $($(#[$doc])* pub const $name: CloseReason = CloseReason { code: $code, reason: Cow::Borrowed($text) };)*
        }
    };
}

reasons! {
    /// `DELETE @connections`; the caller cannot choose a code.
    DELETED = 1000, "Connection Closed Normally";
    /// Idle timeout, maximum age, or this server stopping.
    GOING_AWAY = 1001, "Going away";
    PROTOCOL_ERROR = 1002, "Protocol error";
    /// A binary frame: API Gateway takes text only.
    BINARY_REFUSED = 1003, "Binary frames are not supported";
    /// The client's close frame had no code. Never sent on the wire.
    NO_STATUS = 1005, "Client-side close frame status not set";
    /// The transport ended without a close frame. Never sent on the wire.
    LOST = 1006, "";
    INVALID_UTF8 = 1007, "Invalid UTF-8";
    /// The client does not read: its outbound queue is full.
    TOO_SLOW = 1008, "Client too slow";
    TOO_BIG = 1009, "Message too big";
    INTERNAL = 1011, "Internal error";
    /// Too much memory is held for unfinished messages of all clients.
    OVERLOADED = 1013, "Try again later";
}

impl CloseReason {
    /// What the peer said in its close frame.
    pub fn from_peer(code: u16, reason: String) -> Self {
        Self { code, reason: Cow::Owned(reason) }
    }

    /// Whether the code may stand in a close frame (1005 and 1006 only describe one that did not).
    pub fn is_sendable(&self) -> bool {
        !matches!(self.code, 1005 | 1006 | 1015)
    }
}
