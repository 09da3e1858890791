//! Limits that AWS fixes and that every crate must agree on. Sources: the WebSocket API and Lambda quota pages.

/// A WebSocket message, in either direction, and the body of a `@connections` POST: 128 KB.
pub const MESSAGE_BYTES: usize = 131_072;
/// One WebSocket frame: 32 KB. Larger messages are split.
pub const FRAME_BYTES: usize = 32_768;
/// Connections without traffic are closed after ten minutes.
pub const IDLE_TIMEOUT_MS: u64 = 10 * 60 * 1000;
/// Connections are closed after two hours whatever they do.
pub const MAX_CONNECTION_AGE_MS: u64 = 2 * 60 * 60 * 1000;
/// An integration answers within 29 seconds.
pub const INTEGRATION_TIMEOUT_MS: u64 = 29_000;
/// A synchronous invocation's payload and result: 6 MB and the hundred bytes that Lambda adds.
pub const INVOCATION_BYTES: usize = 6 * 1024 * 1024 + 100;
