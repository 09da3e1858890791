//! The little of RFC 6455 that the bench speaks itself, independently of the code it measures.

const FIN_TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;

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

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Said<'a> {
    Text(&'a [u8]),
    Close(Option<u16>),
    /// Something that this bench never asks for, by its first byte.
    Other(u8),
}

/// The first frame of `bytes` and its length on the wire; `None` when it is not there as a whole.
pub fn first(bytes: &[u8]) -> Option<(Said<'_>, usize)> {
    let (opening, length) = (*bytes.first()?, *bytes.get(1)?);
    let (header, length) = match length {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => (2, usize::from(short)),
    };
    let end = header + length;
    let payload = bytes.get(header..end)?;
    let said = match opening {
        FIN_TEXT => Said::Text(payload),
        CLOSE => Said::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
        other => Said::Other(other),
    };
    Some((said, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_back_whole_or_not_at_all() {
        for length in [0, 125, 126, 256, 65_535] {
            let payload = vec![b'x'; length];
            let wire = text(&payload);
            assert_eq!(first(&wire), Some((Said::Text(&payload), wire.len())));
            assert_eq!(first(&wire[..wire.len() - 1]), None);
        }
        assert_eq!(first(&[0x88, 2, 0x03, 0xE9]), Some((Said::Close(Some(1001)), 4)));
        assert_eq!(first(&[0x88, 0]), Some((Said::Close(None), 2)));
        assert_eq!(first(&[0x89, 0, 1]), Some((Said::Other(0x89), 2)));
    }
}
