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

/// Turns a client's only frame, in place, into the server's frame with the same payload. `None` if it is anything else.
pub fn echo(frame: &mut [u8]) -> Option<&[u8]> {
    const MASKED: u8 = 0x80;
    const MASK_BYTES: usize = 4;
    let (length, head) = match *frame.get(1)? & !MASKED {
        126 => (usize::from(u16::from_be_bytes([*frame.get(2)?, *frame.get(3)?])), 4),
        127 => return None,
        short => (usize::from(short), 2),
    };
    let start = head + MASK_BYTES;
    if frame[0] != FIN_TEXT || frame[1] & MASKED == 0 || frame.len() != start + length {
        return None;
    }
    let mask = [frame[head], frame[head + 1], frame[head + 2], frame[head + 3]];
    frame[start..].iter_mut().zip(mask.into_iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    // The head moves up over the mask.
    frame.copy_within(..head, MASK_BYTES);
    frame[MASK_BYTES + 1] &= !MASKED;
    Some(&frame[MASK_BYTES..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_the_frame_without_its_mask() {
        for length in [0, 1, 125, 126, 300] {
            let payload = vec![b'x'; length];
            let plain = text(&payload);
            let head = plain.len() - length;
            let mut masked = plain[..head].to_vec();
            masked[1] |= 0x80;
            masked.extend([1, 2, 3, 4]);
            masked.extend(payload.iter().zip([1, 2, 3, 4].into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
            assert_eq!(echo(&mut masked.clone()), Some(plain.as_slice()), "{length}");
            masked.push(0);
            assert_eq!(echo(&mut masked), None, "{length} and one more");
        }
    }
}
