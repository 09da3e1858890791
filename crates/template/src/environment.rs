//! Where a stack is deployed to, as far as names and ARNs tell; and the names that are made for it.
//!
//! On AWS a name that a template leaves open gets a random end. Here it does not: the same template gives the same names,
//! so tables are found again and clients keep their addresses.

use serde::Serialize;
use sha1::{Digest, Sha1};

/// The account and region that a stack believes to be in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    pub region: String,
    pub account: String,
    pub partition: String,
    /// What hosts end with: `amazonaws.com`.
    pub url_suffix: String,
}

impl Default for Environment {
    fn default() -> Self {
        Self::new("us-east-1", "000000000000")
    }
}

impl Environment {
    pub fn new(region: impl Into<String>, account: impl Into<String>) -> Self {
        let region = region.into();
        let (partition, url_suffix) = match region.as_str() {
            region if region.starts_with("cn-") => ("aws-cn", "amazonaws.com.cn"),
            region if region.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com"),
            _ => ("aws", "amazonaws.com"),
        };
        Self { region, account: account.into(), partition: partition.into(), url_suffix: url_suffix.into() }
    }

    /// `arn:{partition}:{service}:{region}:{account}:{resource}`
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// Of services that know no regions.
    pub(crate) fn global_arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}::{}:{resource}", self.partition, self.account)
    }

    /// `{api}.execute-api.{region}.{suffix}`
    pub(crate) fn execute_api_host(&self, api: &str) -> String {
        format!("{api}.execute-api.{}.{}", self.region, self.url_suffix)
    }
}

/// The longest a table's name may be, and so on; a longer one is cut and told apart by its hash.
pub(crate) fn physical_name(stack: &str, logical_id: &str, most: usize) -> String {
    // Logical ids have letters and digits; addresses of Terraform have dots and brackets as well.
    let fitting = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name = format!("{stack}-{}", logical_id.chars().map(fitting).collect::<String>());
    if name.len() <= most {
        return name;
    }
    let hash = id(stack, logical_id, 8);
    let kept: String = name.chars().take(most.saturating_sub(9)).collect();
    format!("{kept}-{hash}")
}

/// Lower-case letters and digits that are always the same for the same resource: what API ids look like. Starts with a letter.
pub(crate) fn id(stack: &str, logical_id: &str, length: usize) -> String {
    const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
    const ALL: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let digest = digest(stack, logical_id);
    let letter = |(place, byte): (usize, &u8)| {
        char::from(if place == 0 { LETTERS[usize::from(*byte) % 26] } else { ALL[usize::from(*byte) % 36] })
    };
    digest.iter().enumerate().take(length).map(letter).collect()
}

/// A UUID that is always the same for the same resource.
pub(crate) fn uuid(stack: &str, logical_id: &str) -> String {
    let mut bytes = digest(stack, logical_id);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
}

fn digest(stack: &str, logical_id: &str) -> [u8; 20] {
    Sha1::new().chain_update(stack).chain_update([0]).chain_update(logical_id).finalize().into()
}

/// A stack name made of whatever a file or folder is called: letters, digits and hyphens, beginning with a letter.
pub(crate) fn stack_name(text: &str) -> String {
    const MOST: usize = 128;
    let fitting = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = text.chars().map(fitting).collect();
    let name = name.trim_matches('-');
    let name: String = if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.chars().take(MOST).collect()
    } else {
        format!("stack-{name}").chars().take(MOST).collect()
    };
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_always_the_same() {
        assert_eq!(physical_name("chat", "Connections", 255), "chat-Connections");
        assert_eq!(physical_name("chat", &"A".repeat(100), 64).len(), 64);
        assert_ne!(physical_name("chat", &"A".repeat(100), 64), physical_name("chat", &"A".repeat(101), 64));
        assert_eq!(id("chat", "Api", 10), id("chat", "Api", 10));
        assert_ne!(id("chat", "Api", 10), id("chat", "Api2", 10));
        assert_ne!(id("ab", "c", 10), id("a", "bc", 10));
        assert_eq!(uuid("chat", "Mapping").len(), 36);
    }

    #[test]
    fn any_file_name_gives_a_stack_name() {
        for (text, expected) in [
            ("chat", "chat"),
            ("my app_2", "my-app-2"),
            ("2fast", "stack-2fast"),
            ("", "stack"),
            ("--x--", "x"),
            ("é", "stack"),
        ] {
            assert_eq!(stack_name(text), expected, "{text}");
        }
    }
}
