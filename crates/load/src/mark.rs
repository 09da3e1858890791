//! How a message is recognised wherever a server puts it: a mark in its text, and the template it stands in.
//!
//! A mark is 51 characters that JSON, URLs and DynamoDB carry unchanged: `sgl`, the run, the channel, the number and the time
//! of sending in hexadecimal, and a checksum. A receiver scans for the first eleven characters; it parses no JSON. What
//! rewrites text (compression inside a message, base64) hides marks: such deliveries count as unmarked.

use memchr::memmem::Finder;
use std::fmt::Write;
use std::time::{Instant, SystemTime};

/// The length of a mark in text.
pub const MARK_BYTES: usize = 51;
/// A template may ask for messages this long at most.
pub const MAX_TEMPLATE_BYTES: usize = 1024 * 1024;
const PREFIX_BYTES: usize = 11;
const FIELDS: [usize; 3] = [6, 12, 14];
const CHECK_BYTES: usize = 4;

/// One run's own time and name: marks of other runs on the same server mean nothing to it.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    id: u32,
    begun: Instant,
    epoch_us: u64,
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Whose sequence this is: 0 for what everybody gets, the connection's own for an echo.
    pub channel: u32,
    /// Counts from 0 in its channel.
    pub sequence: u64,
    /// When it was sent, or should have been; microseconds since 1970.
    pub sent_us: u64,
}

/// What a scan came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Mark(Mark),
    /// It begins like a mark of this run and is not what was sent.
    Damaged,
}

impl Default for Run {
    fn default() -> Self {
        Self::new()
    }
}

impl Run {
    pub fn new() -> Self {
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { id: fastrand::u32(..), begun: Instant::now(), epoch_us: epoch.as_micros() as u64 }
    }

    /// Eight hexadecimal digits.
    pub fn name(&self) -> String {
        format!("{:08x}", self.id)
    }

    /// Microseconds since 1970, by the clock that never jumps.
    pub fn microseconds(&self, at: Instant) -> u64 {
        self.epoch_us + at.saturating_duration_since(self.begun).as_micros() as u64
    }

    fn prefix(&self) -> String {
        format!("sgl{:08x}", self.id)
    }

    /// What finds this run's marks.
    pub fn scanner(&self) -> Scanner {
        Scanner { finder: Finder::new(self.prefix().as_bytes()).into_owned() }
    }

    fn write(&self, mark: Mark, text: &mut String) {
        let start = text.len();
        let Mark { channel, sequence, sent_us } = mark;
        // Writing to a string does not fail.
        let _ = write!(text, "{}.{channel:06x}.{sequence:012x}.{sent_us:014x}.", self.prefix());
        let check = crc32fast::hash(&text.as_bytes()[start..]) as u16;
        let _ = write!(text, "{check:04x}");
    }
}

#[derive(Clone, Debug)]
pub struct Scanner {
    finder: Finder<'static>,
}

impl Scanner {
    /// Every mark in `payload`, in its order there.
    pub fn scan(&self, payload: &[u8], mut each: impl FnMut(Found)) {
        let mut at = 0;
        while let Some(found) = self.finder.find(&payload[at..]) {
            let start = at + found;
            let mark = payload.get(start..start + MARK_BYTES).and_then(read);
            at = start + if mark.is_some() { MARK_BYTES } else { PREFIX_BYTES };
            each(mark.map_or(Found::Damaged, Found::Mark));
        }
    }
}

fn read(text: &[u8]) -> Option<Mark> {
    let (body, check) = text.split_at(MARK_BYTES - CHECK_BYTES);
    let mut at = PREFIX_BYTES;
    let [channel, sequence, sent_us] = FIELDS.map(|digits| {
        let field = (body[at] == b'.').then(|| hexadecimal(&body[at + 1..=at + digits]));
        at += 1 + digits;
        field.flatten()
    });
    let mark = Mark { channel: channel? as u32, sequence: sequence?, sent_us: sent_us? };
    (hexadecimal(check)? == u64::from(crc32fast::hash(body) as u16)).then_some(mark)
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

/// A message with places for what differs from one to the next.
#[derive(Clone, Debug)]
pub struct Template {
    pieces: Vec<Piece>,
    fill: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Mark,
    Sequence,
    Time,
    Channel,
    Run,
    Fill,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("it has no {{mark}}: that is how a delivery is recognised, so put it where the server passes it on")]
    NoMark,
    #[error("a size of {0} bytes needs a {{fill}} in it, where the text goes that makes it long enough")]
    NoFill(usize),
    #[error("it cannot be longer than {MAX_TEMPLATE_BYTES} bytes")]
    TooLong,
}

const PLACEHOLDERS: [(&str, Piece); 6] = [
    ("{mark}", Piece::Mark),
    ("{seq}", Piece::Sequence),
    ("{time_us}", Piece::Time),
    ("{connection}", Piece::Channel),
    ("{run}", Piece::Run),
    ("{fill}", Piece::Fill),
];

impl Template {
    /// Reads a template whose messages are at least `size` bytes long. Braces that name no placeholder are text.
    pub fn parse(text: &str, size: Option<usize>) -> Result<Self, TemplateError> {
        let template = Self::without_mark(text, size)?;
        if template.pieces.contains(&Piece::Mark) { Ok(template) } else { Err(TemplateError::NoMark) }
    }

    /// The same for what is not recognised again, such as a message that subscribes.
    pub fn without_mark(text: &str, size: Option<usize>) -> Result<Self, TemplateError> {
        if text.len().max(size.unwrap_or(0)) > MAX_TEMPLATE_BYTES {
            return Err(TemplateError::TooLong);
        }
        let mut template = Self { pieces: pieces(text), fill: 0 };
        if let Some(size) = size {
            if !template.pieces.contains(&Piece::Fill) {
                return Err(TemplateError::NoFill(size));
            }
            let sample = Mark { channel: 0, sequence: 0, sent_us: 0 };
            let bare = template.render(&Run::new(), sample).len();
            let fills = template.pieces.iter().filter(|piece| **piece == Piece::Fill).count();
            template.fill = size.saturating_sub(bare).div_ceil(fills);
        }
        Ok(template)
    }

    pub fn render(&self, run: &Run, mark: Mark) -> String {
        let mut text = String::with_capacity(self.fill + 256);
        for piece in &self.pieces {
            // Writing to a string does not fail.
            let _ = match piece {
                Piece::Text(part) => text.write_str(part),
                Piece::Mark => {
                    run.write(mark, &mut text);
                    Ok(())
                }
                Piece::Sequence => write!(text, "{}", mark.sequence),
                Piece::Time => write!(text, "{}", mark.sent_us),
                Piece::Channel => write!(text, "{}", mark.channel),
                Piece::Run => text.write_str(&run.name()),
                Piece::Fill => {
                    text.extend(std::iter::repeat_n('x', self.fill));
                    Ok(())
                }
            };
        }
        text
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(first) = rest.chars().next() {
        match PLACEHOLDERS.iter().find_map(|(name, piece)| Some((piece, rest.strip_prefix(name)?))) {
            Some((piece, after)) => {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(piece.clone());
                rest = after;
            }
            None => {
                plain.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark { channel: 7, sequence: 1_234_567, sent_us: 1_790_000_000_000_001 };

    fn found(run: &Run, payload: &[u8]) -> Vec<Found> {
        let mut all = Vec::new();
        run.scanner().scan(payload, |found| all.push(found));
        all
    }

    #[test]
    fn a_mark_is_found_wherever_it_stands_and_damage_is_noticed() {
        let run = Run::new();
        let template = Template::parse(r#"{"a":{"b":"{mark}"},"n":{seq}}"#, None).unwrap();
        let text = template.render(&run, MARK);
        assert!(text.ends_with(r#""},"n":1234567}"#), "{text}");
        assert_eq!(found(&run, text.as_bytes()), [Found::Mark(MARK)]);
        assert_eq!(found(&run, [text.as_bytes(), text.as_bytes()].concat().as_slice()), [Found::Mark(MARK); 2]);
        let start = text.find("sgl").unwrap();
        for at in start + PREFIX_BYTES..start + MARK_BYTES {
            let mut damaged = text.clone().into_bytes();
            damaged[at] ^= 1;
            assert_eq!(found(&run, &damaged), [Found::Damaged], "byte {at}");
        }
        assert_eq!(found(&run, &text.as_bytes()[..start + MARK_BYTES - 1]), [Found::Damaged]);
        let other = Run { id: run.id.wrapping_add(1), ..run };
        assert_eq!(found(&other, text.as_bytes()), []);
    }

    #[test]
    fn a_template_is_as_long_as_it_should_be() {
        let run = Run::new();
        for (text, size, expected) in [
            (r#"{"mark":"{mark}","fill":"{fill}"}"#, 256, 256),
            ("{mark}{fill}{fill}", 101, 101),
            ("{mark}{fill}", 10, MARK_BYTES),
        ] {
            assert_eq!(Template::parse(text, Some(size)).unwrap().render(&run, MARK).len(), expected, "{text}");
        }
    }

    #[test]
    fn a_template_that_cannot_work_is_refused() {
        for (text, size, problem) in [
            ("{seq}", None, TemplateError::NoMark),
            ("{mark}", Some(100), TemplateError::NoFill(100)),
            ("{mark}{fill}", Some(MAX_TEMPLATE_BYTES + 1), TemplateError::TooLong),
        ] {
            assert_eq!(Template::parse(text, size).unwrap_err(), problem, "{text}");
        }
    }
}
