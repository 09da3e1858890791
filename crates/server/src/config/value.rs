//! The types of settings, and how their text is read: values that passed this door need no second look.

use super::problem::suggestion;
use crate::apps::{self, App};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A type of setting.
pub trait Value: Sized {
    /// Reads the text of a flag, a variable or a key of the file. The error says what is expected.
    fn parse(text: &str) -> Result<Self, String>;
}

impl Value for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.replacen("localhost:", "127.0.0.1:", 1).parse().map_err(|_| {
            format!("\"{text}\" is not an address; write an IP address and a port, such as 127.0.0.1:8080")
        })
    }
}

impl Value for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("the path is empty; name a folder".into()) } else { Ok(text.into()) }
    }
}

/// A file, or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionalFile(pub Option<PathBuf>);

impl Value for OptionalFile {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("the path is empty; name a file, or say none".into()),
            "none" => Ok(Self(None)),
            path => Ok(Self(Some(path.into()))),
        }
    }
}

impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
}

impl Value for u32 {
    fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(0) | Err(_) => Err(format!("\"{text}\" is not a whole number from 1 to {}", u32::MAX)),
            Ok(number) => Ok(number),
        }
    }
}

impl Value for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self::ZERO);
        }
        humantime::parse_duration(text).map_err(|_| {
            format!("\"{text}\" is not a duration; write a number with a unit, such as 500ms, 5s, 10m or 2h")
        })
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    Off,
    On,
}

impl Value for Switch {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(Self::On),
            "false" => Ok(Self::Off),
            _ => Err(format!("\"{text}\" is neither true nor false")),
        }
    }
}

/// A number of bytes; KB and MB count in 1024, as AWS limits do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

impl Value for ByteSize {
    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "" | "B" => 1,
            "KB" | "KiB" => 1024,
            "MB" | "MiB" => 1024 * 1024,
            _ => 0,
        };
        digits
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_mul(unit))
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or_else(|| format!("\"{text}\" is not a size; write bytes, or a number with KB or MB, such as 128KB"))
    }
}

/// Something that happens again and again, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Off,
    Every(Duration),
}

impl Value for Pace {
    fn parse(text: &str) -> Result<Self, String> {
        /// Faster than this the collector would mostly measure itself.
        const FASTEST: Duration = Duration::from_millis(100);
        if text == "off" {
            return Ok(Self::Off);
        }
        match Duration::parse(text) {
            Ok(interval) if interval >= FASTEST => Ok(Self::Every(interval)),
            _ => Err(format!("\"{text}\" is neither off nor a duration of at least 100ms, such as 1s")),
        }
    }
}

/// A ceiling that is given, or follows from what the machine allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maximum {
    Auto,
    At(u32),
}

impl Value for Maximum {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => u32::parse(text).map(Self::At).map_err(|problem| format!("{problem}, nor auto")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Value for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("\"{text}\" is neither text nor json")),
        }
    }
}

/// A region name, such as `eu-central-1`: what may stand in an ARN between two colons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(pub String);

impl Value for Region {
    fn parse(text: &str) -> Result<Self, String> {
        let well_formed = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if well_formed {
            Ok(Self(text.into()))
        } else {
            Err(format!("\"{text}\" is not a region; write lower-case letters, digits and dashes, such as us-east-1"))
        }
    }
}

/// Twelve digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountId(pub String);

impl Value for AccountId {
    fn parse(text: &str) -> Result<Self, String> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(format!("\"{text}\" is not an account id; write twelve digits"))
        }
    }
}

impl Region {
    /// The name under which AWS would serve an API.
    pub(crate) fn domain_name(&self, api_id: &str) -> String {
        self.host(&format!("{api_id}.execute-api"))
    }

    /// The name of a service, as its SDKs call it: in China hosts end differently.
    pub(crate) fn host(&self, service: &str) -> String {
        let end = if self.0.starts_with("cn-") { ".cn" } else { "" };
        format!("{service}.{self}.amazonaws.com{end}")
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bundled applications, each once, in the order given.
#[derive(Clone, Debug)]
pub struct AppList(pub Vec<&'static App>);

/// Files, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileList(pub Vec<PathBuf>);

impl Value for FileList {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::default());
        }
        let files: Vec<_> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(PathBuf::from).collect();
        if files.is_empty() { Err("no file is named; write none to read none".into()) } else { Ok(Self(files)) }
    }
}

/// Values of a template's parameters, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterList(pub BTreeMap<String, String>);

impl Value for ParameterList {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::default());
        }
        let pairs = text.lines().filter(|line| !line.trim().is_empty());
        pairs
            .map(|pair| match pair.split_once('=') {
                Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
                _ => Err(format!("\"{pair}\" names no value; write Key=Value")),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// What a stack is called; `None` leaves it to the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackName(pub Option<String>);

impl Value for StackName {
    fn parse(text: &str) -> Result<Self, String> {
        /// CloudFormation's limit.
        const MOST: usize = 128;
        if text == "auto" {
            return Ok(Self(None));
        }
        let well_formed = text.len() <= MOST
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if well_formed {
            Ok(Self(Some(text.to_owned())))
        } else {
            Err(format!(
                "\"{text}\" is not a stack's name; write up to {MOST} letters, digits and hyphens, a letter first"
            ))
        }
    }
}

impl Value for AppList {
    fn parse(text: &str) -> Result<Self, String> {
        let mut chosen: Vec<&'static App> = Vec::new();
        if text == "none" {
            return Ok(Self(chosen));
        }
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let app = apps::find(name).ok_or_else(|| {
                let known = || apps::LINKED.iter().map(|app| app.name);
                let hint = suggestion(name, known());
                format!(
                    "no bundled application \"{name}\"{hint} There are: {}.",
                    known().collect::<Vec<_>>().join(", ")
                )
            })?;
            if !chosen.iter().any(|known| known.name == app.name) {
                chosen.push(app);
            }
        }
        if chosen.is_empty() { Err("no application is named; write none to run none".into()) } else { Ok(Self(chosen)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_zero_needs_none() {
        for (text, expected) in [
            ("0", Some(Duration::ZERO)),
            ("0s", Some(Duration::ZERO)),
            ("5s", Some(Duration::from_secs(5))),
            ("1m 30s", Some(Duration::from_secs(90))),
            ("5", None),
            ("", None),
            ("-1s", None),
        ] {
            assert_eq!(Duration::parse(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn sizes_count_in_1024_and_are_never_nothing() {
        for (text, expected) in [
            ("1", Some(1)),
            ("32KB", Some(32_768)),
            ("32 KB", Some(32_768)),
            ("1MB", Some(1_048_576)),
            ("0", None),
            ("KB", None),
            ("32kb", None),
            ("99999999999999999999", None),
            ("é", None),
        ] {
            assert_eq!(ByteSize::parse(text).ok().map(|size| size.0), expected, "{text:?}");
        }
    }

    #[test]
    fn the_collector_has_an_interval_or_is_off() {
        for (text, expected) in [
            ("off", Some(Pace::Off)),
            ("1s", Some(Pace::Every(Duration::from_secs(1)))),
            ("0", None),
            ("1ms", None),
            ("of", None),
        ] {
            assert_eq!(Pace::parse(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_unknown_application_is_named_with_its_neighbour() {
        let message = AppList::parse("live-metric").unwrap_err();
        assert!(message.contains("did you mean \"live-metrics\"?"), "{message}");
        assert!(AppList::parse("none").unwrap().0.is_empty());
        assert_eq!(AppList::parse("live-metrics,live-metrics").unwrap().0.len(), 1);
    }

    #[test]
    fn parameters_are_pairs_and_stacks_have_plain_names() {
        let pairs = |text| ParameterList::parse(text).map(|list| list.0.into_iter().collect::<Vec<_>>());
        assert_eq!(pairs("none"), Ok(Vec::new()));
        let expected = [("A", "1,2=3"), ("B", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(pairs("A=1,2=3\nB=\n"), Ok(expected.to_vec()));
        assert!(pairs("A").is_err() && pairs("=1").is_err());
        for (text, good) in [("blue-1", true), ("1blue", false), ("a b", false), ("", false), ("é", false)] {
            assert_eq!(StackName::parse(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn hosts_end_as_in_their_part_of_the_world() {
        for (region, expected) in [
            ("eu-west-1", "a1.execute-api.eu-west-1.amazonaws.com"),
            ("us-gov-west-1", "a1.execute-api.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "a1.execute-api.cn-north-1.amazonaws.com.cn"),
        ] {
            assert_eq!(Region(region.into()).domain_name("a1"), expected);
        }
    }

    #[test]
    fn addresses_need_a_port() {
        for (text, good) in
            [("127.0.0.1:0", true), ("[::1]:8080", true), ("localhost:80", true), ("8080", false), (":80", false)]
        {
            assert_eq!(SocketAddr::parse(text).is_ok(), good, "{text:?}");
        }
    }
}
