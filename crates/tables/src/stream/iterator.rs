//! Shard iterators: opaque text that says where to read on and until when it may.

use super::position::Position;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::hash::{DefaultHasher, Hasher};

/// AWS lets an iterator live for 15 minutes.
pub(crate) const LIFETIME_MS: i64 = 15 * 60 * 1000;

/// Keeps iterators from being made up: a fresh secret per data directory goes into each one's checksum. What it guards is
/// the caller's own position, so a keyed hash of the standard library is enough.
#[derive(Clone)]
pub(crate) struct Iterators {
    secret: [u8; 16],
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ShardIterator {
    pub(crate) stream_arn: String,
    pub(crate) position: Position,
    pub(crate) issued_at_ms: i64,
}

impl Iterators {
    pub(crate) fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// `<stream ARN>|1|<Base64>`, the form AWS's iterators have.
    pub(crate) fn write(&self, iterator: &ShardIterator) -> String {
        // The random part makes two iterators of one place differ, as AWS's do.
        let content = format!("{}|{}|{:016x}", iterator.position, iterator.issued_at_ms, fastrand::u64(..));
        let signed = format!("{content}|{:016x}", self.checksum(&iterator.stream_arn, &content));
        format!("{}|1|{}", iterator.stream_arn, STANDARD.encode(signed))
    }

    pub(crate) fn read(&self, text: &str) -> Option<ShardIterator> {
        let (stream_arn, encoded) = text.split_once("|1|")?;
        let signed = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (content, checksum) = signed.rsplit_once('|')?;
        if u64::from_str_radix(checksum, 16).ok()? != self.checksum(stream_arn, content) {
            return None;
        }
        let mut parts = content.split('|');
        Some(ShardIterator {
            stream_arn: stream_arn.to_owned(),
            position: Position::parse(parts.next()?)?,
            issued_at_ms: parts.next()?.parse().ok()?,
        })
    }

    fn checksum(&self, stream_arn: &str, content: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.secret);
        hasher.write(stream_arn.as_bytes());
        hasher.write(b"|");
        hasher.write(content.as_bytes());
        hasher.write(&self.secret);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iterator_reads_back_and_no_other_text_does() {
        let iterators = Iterators::new(*b"0123456789abcdef");
        let iterator = ShardIterator {
            stream_arn: "arn:aws:dynamodb:us-east-1:000000000000:table/T/stream/L".into(),
            position: Position::after(42),
            issued_at_ms: 1_790_000_000_000,
        };
        let text = iterators.write(&iterator);
        assert_eq!(iterators.read(&text), Some(iterator));
        assert_eq!(Iterators::new([0; 16]).read(&text), None, "another server's");

        let other_stream = text.replacen("/L|", "/M|", 1);
        let mut other_place = text.clone();
        let middle = text.rfind('|').unwrap() + 22;
        other_place.replace_range(middle..=middle, if text.as_bytes()[middle] == b'A' { "B" } else { "A" });
        for forged in [other_stream.as_str(), &other_place, "", "garbage", "a|1|", "a|1|====", &text[..text.len() - 4]]
        {
            assert_eq!(iterators.read(forged), None, "{forged}");
        }
    }
}
