//! RFC 6455 and RFC 7692, server side, without I/O: bytes in, events out; messages in, frames out.

mod decoder;
mod deflate;
pub(crate) mod extension;
mod frame;
pub(crate) mod handshake;
mod rules;

pub use decoder::{Decoder, Event};
pub use deflate::{Deflater, Inflater};
pub use frame::{Frame, close_frame, put_pong};
pub use rules::{BinaryFrames, Compression, FrameLimits, Rules, Wire};
