//! Which function a path and a query name.

use super::refusal::Refusal;
use crate::process::LATEST;
use percent_encoding::percent_decode_str;

const PREFIX: &str = "/2015-03-31/functions/";
const SUFFIX: &str = "/invocations";
/// Lambda's limit for a name in a request, which may be an ARN.
const MAX_NAME_CHARS: usize = 170;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) name: String,
    pub(super) qualifier: Option<String>,
}

impl Address {
    /// The function in a path, as it is written there.
    pub(super) fn segment(path: &str) -> Option<&str> {
        let segment = path.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        (!segment.is_empty() && !segment.contains('/')).then_some(segment)
    }

    pub(super) fn parse(path: &str, query: &str) -> Result<Self, Refusal> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let written = decoded(Self::segment(path).unwrap_or_default());
        let asked = query.split('&').find_map(|pair| pair.strip_prefix("Qualifier=")).map(decoded);
        let (name, named) = split(&written);
        let is_word = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$' | '.'))
        };
        let well_formed = written.len() <= MAX_NAME_CHARS
            && is_word(name)
            && named.is_none_or(is_word)
            && asked.as_deref().is_none_or(is_word);
        if !well_formed {
            return Err(Refusal::Parameter(format!(
                "Value '{written}' at 'functionName' failed to satisfy constraint: it is neither a function's name nor its ARN"
            )));
        }
        match (named, asked) {
            (Some(named), Some(asked)) if named != asked => Err(Refusal::Parameter(
                "The derived qualifier from the function name does not match the specified qualifier.".to_owned(),
            )),
            (named, asked) => Ok(Self { name: name.to_owned(), qualifier: asked.or_else(|| named.map(str::to_owned)) }),
        }
    }

    /// By an ARN of ours, which needs no check: it names a function or it does not.
    pub(super) fn of_arn(arn: &str) -> Self {
        let (name, qualifier) = split(arn);
        Self { name: name.to_owned(), qualifier: qualifier.map(str::to_owned) }
    }

    /// As policies and messages name it.
    pub(super) fn arn(&self, region: &str, account: &str) -> String {
        let qualifier = self.qualifier.as_deref().filter(|qualifier| *qualifier != LATEST);
        let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
        format!("arn:aws:lambda:{region}:{account}:function:{}{qualifier}", self.name)
    }
}

/// `name[:qualifier]`, behind whatever comes before `function:`. All functions here are of one account and region.
fn split(written: &str) -> (&str, Option<&str>) {
    let rest = match written.split_once(":function:") {
        Some((_, rest)) => rest,
        None => written.strip_prefix("function:").unwrap_or(written),
    };
    rest.split_once(':').map_or((rest, None), |(name, qualifier)| (name, Some(qualifier)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_many_ways() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:echo";
        for (segment, query, expected) in [
            ("echo", "", Some(("echo", None))),
            ("echo", "Qualifier=live", Some(("echo", Some("live")))),
            ("echo:live", "", Some(("echo", Some("live")))),
            ("echo:live", "Qualifier=live", Some(("echo", Some("live")))),
            ("echo:live", "Qualifier=1", None),
            ("echo:$LATEST", "", Some(("echo", Some("$LATEST")))),
            ("echo", "Qualifier=%24LATEST", Some(("echo", Some("$LATEST")))),
            (arn, "", Some(("echo", None))),
            (&arn.replace(':', "%3A"), "", Some(("echo", None))),
            (&format!("{arn}:7"), "", Some(("echo", Some("7")))),
            ("123456789012:function:echo", "", Some(("echo", None))),
            ("myfunction:live", "", Some(("myfunction", Some("live")))),
            ("function:echo:live", "", Some(("echo", Some("live")))),
            ("a%2Fb", "", None),
            ("a%20b", "", None),
            (&"x".repeat(171), "", None),
            ("echo", "Qualifier=", None),
        ] {
            let address = Address::parse(&format!("{PREFIX}{segment}{SUFFIX}"), query).ok();
            let found = address.as_ref().map(|found| (found.name.as_str(), found.qualifier.as_deref()));
            assert_eq!(found, expected, "{segment} {query}");
        }
        assert_eq!(Address::segment("/2015-03-31/functions/a/b/invocations"), None);
        assert_eq!(Address::segment("/2015-03-31/functions//invocations"), None);
        assert_eq!(Address::segment("/2015-03-31/functions/echo"), None);
    }
}
