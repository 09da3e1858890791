//! The little of RFC 6455 that the raw writer speaks.

const FIN_TEXT: u8 = 0x81;

/// A server's text frame, ready for the wire.
pub fn text(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("messages of this bench are below 64 KB");
    let mut frame = vec![FIN_TEXT];
    match length {
        0..=125 => frame.push(length as u8),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}
