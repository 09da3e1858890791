//! What a stage takes from its sockets beyond API Gateway: longer frames, binary ones, compression.

use super::definition::StageExtensions;
use super::problem::Checker;
use crate::websocket::{BinaryFrames, Compression, Wire};
use sluicegate_protocol::limits::{FRAME_BYTES, MESSAGE_BYTES};

pub(crate) fn check(written: &StageExtensions, checker: &mut Checker) {
    if let Some(bytes) = written.frame_bytes
        && !(FRAME_BYTES..=MESSAGE_BYTES).contains(&bytes)
    {
        checker.problem(
            format!("frameBytes {bytes} is less than API Gateway takes, or more than a message may have"),
            format!("use {FRAME_BYTES} to {MESSAGE_BYTES}, or leave it out"),
        );
    }
}

pub(crate) fn wire(written: &StageExtensions) -> Wire {
    Wire {
        frame_bytes: written.frame_bytes,
        binary: if written.binary_frames { BinaryFrames::Taken } else { BinaryFrames::Refused },
        compression: if written.permessage_deflate { Compression::Deflate } else { Compression::None },
    }
}
