//! What goes over the wire, byte by byte: cases must be able to send what no decent library would.

pub mod http;
pub mod websocket;

use std::time::Duration;

/// Nothing here takes that long; what does has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for `future`, and says what was waited for if it takes too long.
pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, future).await.map_err(|_| format!("waited in vain for {what}"))
}

/// Bytes from hexadecimal digits; spaces are allowed.
pub fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let byte = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..digits.len()).step_by(2).map(byte).collect::<Option<_>>().ok_or_else(|| format!("{text} is not hexadecimal"))
}

pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
