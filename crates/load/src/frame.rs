//! The client's half of RFC 6455, 5: what a server may send, and masked frames of our own. Independent of the code that it
//! measures.

const FIN: u8 = 0x80;
const MASK: u8 = 0x80;
/// RFC 6455, 5.5: control frames carry no more.
pub const MAX_CONTROL_BYTES: usize = 125;
/// A message that is longer is not read: the server is no longer believed.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The last frame of its message.
    pub last: bool,
    pub kind: Kind,
    pub payload: &'a [u8],
}

/// What no server may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("it masked a frame, which only clients do")]
    Masked,
    #[error("it sent a frame that begins with {0:#04x}, which means nothing without an extension")]
    Unknown(u8),
    #[error("it sent a control frame that is too long or in pieces")]
    Control,
    #[error("it announced a message of {0} bytes; at most {MAX_MESSAGE_BYTES} are read")]
    TooLong(u64),
    #[error("it sent the pieces of a message out of place")]
    Pieces,
}

impl Kind {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    fn code(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The first frame of `bytes` and its length on the wire; `None` when it is not there as a whole.
pub fn first(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Broken> {
    let &[opening, length, ..] = bytes else { return Ok(None) };
    let kind = Kind::of(opening & 0x0F).filter(|_| opening & 0x70 == 0).ok_or(Broken::Unknown(opening))?;
    if length & MASK != 0 {
        return Err(Broken::Masked);
    }
    let last = opening & FIN != 0;
    if kind.is_control() && (!last || usize::from(length) > MAX_CONTROL_BYTES) {
        return Err(Broken::Control);
    }
    let (header, length) = match length {
        126 => match bytes.get(2..4).and_then(<[u8]>::first_chunk) {
            Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(<[u8]>::first_chunk) {
            Some(length) => (10, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        short => (2, u64::from(short)),
    };
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_MESSAGE_BYTES);
    let end = header + length.ok_or_else(|| Broken::TooLong(announced(bytes)))?;
    let payload = bytes.get(header..end);
    Ok(payload.map(|payload| (Frame { last, kind, payload }, end)))
}

/// The 64-bit length that a frame gives.
fn announced(bytes: &[u8]) -> u64 {
    bytes.get(2..10).and_then(<[u8]>::first_chunk).map_or(0, |length| u64::from_be_bytes(*length))
}

/// Appends a whole message of this kind to `out`, masked as a client must.
pub fn masked(kind: Kind, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    out.reserve(payload.len() + 14);
    out.push(FIN | kind.code());
    match payload.len() {
        short @ 0..=125 => out.push(MASK | short as u8),
        medium @ 126..=0xFFFF => {
            out.push(MASK | 126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(MASK | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a server frames it.
    fn framed(opening: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![opening];
        match payload.len() {
            short @ 0..=125 => out.push(short as u8),
            medium @ 126..=0xFFFF => out.extend([&[126u8][..], &(medium as u16).to_be_bytes()].concat()),
            long => out.extend([&[127u8][..], &(long as u64).to_be_bytes()].concat()),
        }
        out.extend_from_slice(payload);
        out
    }

    #[test]
    fn frames_are_read_whole_or_not_at_all() {
        for length in [0, 1, 125, 126, 256, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let wire = framed(0x81, &payload);
            let frame = Frame { last: true, kind: Kind::Text, payload: &payload };
            assert_eq!(first(&wire), Ok(Some((frame, wire.len()))));
            for cut in [0, 1, 2, 3, wire.len() - 1].into_iter().filter(|cut| *cut < wire.len()) {
                assert_eq!(first(&wire[..cut]), Ok(None), "{length} bytes, cut at {cut}");
            }
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused_at_once() {
        for (wire, broken) in [
            (&[0x81u8, 0x85][..], Broken::Masked),
            (&[0xC1, 0x05], Broken::Unknown(0xC1)),
            (&[0x83, 0x00], Broken::Unknown(0x83)),
            (&[0x08, 0x00], Broken::Control),
            (&[0x89, 126, 0, 126], Broken::Control),
            (&[0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0], Broken::TooLong(1 << 32)),
            (&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255], Broken::TooLong(u64::MAX)),
        ] {
            assert_eq!(first(wire), Err(broken), "{wire:02x?}");
        }
    }

    #[test]
    fn our_own_frames_are_masked_with_their_key() {
        for length in [0, 5, 125, 126, 65_536] {
            let (payload, key, mut wire) = (vec![b'a'; length], [1, 2, 3, 4], Vec::new());
            masked(Kind::Text, &payload, key, &mut wire);
            assert_eq!(wire[1] & MASK, MASK);
            let body: Vec<u8> =
                wire[wire.len() - length..].iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
            assert_eq!(body, payload);
        }
    }
}
