//! What a connection may send, beyond and within what API Gateway takes.

use sluicegate_protocol::limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// Payload bytes of one frame.
    pub frame: usize,
    /// Payload bytes of one message, after inflating.
    pub message: usize,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { frame: limits::FRAME_BYTES, message: limits::MESSAGE_BYTES }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BinaryFrames {
    /// As API Gateway does: close with 1003.
    #[default]
    Refused,
    Taken,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    #[default]
    None,
    /// permessage-deflate (RFC 7692), without context takeover in either direction: nothing is kept between messages.
    Deflate,
}

/// The rules for what one connection sends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    pub limits: FrameLimits,
    pub binary: BinaryFrames,
    /// What was negotiated.
    pub compression: Compression,
}

/// The rules of a stage, from which those of its connections are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// In place of the server's own frame limit.
    pub frame_bytes: Option<usize>,
    pub binary: BinaryFrames,
    /// What a client may negotiate.
    pub compression: Compression,
}

impl Wire {
    /// The rules for a connection that negotiated `compression`.
    pub fn rules(&self, server: FrameLimits, compression: Compression) -> Rules {
        let frame = self.frame_bytes.unwrap_or(server.frame);
        Rules { limits: FrameLimits { frame, ..server }, binary: self.binary, compression }
    }
}
