//! RFC 6455, server side, without I/O: bytes in, events out; messages in, frames out.

mod decoder;
mod frame;
pub mod handshake;

pub use decoder::{Decoder, Event, FrameLimits};
pub use frame::{Frame, close_frame, pong_frame};
