//! What an authorizer function returns: who the client is, what it may do, and what its events shall carry.

use super::RESERVED;
use super::entries::{Entries, Flat, flatten};
use serde::Deserialize;
use serde_json::value::RawValue;
use sluicegate_endpoint::Policy;

/// AWS's limit for an authorizer's result.
const MAX_BYTES: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Output {
    pub(super) principal_id: String,
    pub(super) policy: Policy,
    /// Flat, stringified, in its own order.
    pub(super) context: Vec<(String, String)>,
    pub(super) usage_identifier_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    principal_id: String,
    policy_document: Box<RawValue>,
    context: Option<Entries>,
    usage_identifier_key: Option<String>,
}

impl Output {
    /// Reads a result. The error is for the log.
    pub(super) fn parse(result: &[u8]) -> Result<Self, String> {
        if result.len() > MAX_BYTES {
            return Err(format!("the result has {} bytes; at most {MAX_BYTES} are allowed", result.len()));
        }
        let written: Written = serde_json::from_slice(result).map_err(|error| error.to_string())?;
        let policy = Policy::parse(written.policy_document.get()).map_err(|error| error.to_string())?;
        Ok(Self {
            principal_id: written.principal_id,
            policy,
            context: context(written.context.unwrap_or_default())?,
            usage_identifier_key: written.usage_identifier_key,
        })
    }
}

fn context(entries: Entries) -> Result<Vec<(String, String)>, String> {
    let kept = entries.0.into_iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
    kept.map(|(name, value)| match flatten(&value) {
        Flat::Text(text) => Ok((name, text)),
        Flat::Null | Flat::Nested(_) => Err(format!("context value `{name}` is no string, number or boolean")),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#""policyDocument":{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

    #[test]
    fn context_is_flat_text_in_its_own_order() {
        for (context, expected) in [
            (r#"{"n":1,"b":true,"s":"x","a":1.50,"e":1e3}"#, "n=1 b=true s=x a=1.50 e=1e3"),
            (r#"{"s":"\u00e9\n\"","neg":-0}"#, "s=é\n\" neg=-0"),
            (r#"{"a":1,"b":2,"a":3}"#, "a=3 b=2"),
            (r#"{"principalId":"forged","integrationLatency":9,"a":""}"#, "a="),
            ("{}", ""),
            ("null", ""),
        ] {
            let result = format!(r#"{{"principalId":"u",{POLICY},"context":{context}}}"#);
            let output = Output::parse(result.as_bytes()).unwrap_or_else(|error| panic!("{context}: {error}"));
            let shown: Vec<_> = output.context.iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!(shown.join(" "), expected, "{context}");
        }
    }

    #[test]
    fn other_results_are_none() {
        let long = format!(r#"{{"principalId":"u",{POLICY},"context":{{"a":"{}"}}}}"#, "x".repeat(MAX_BYTES));
        for result in [
            "",
            "null",
            r#""Allow""#,
            "[]",
            r#"{"statusCode":401}"#,
            &format!("{{{POLICY}}}"),
            &format!(r#"{{"principalId":1,{POLICY}}}"#),
            &format!(r#"{{"principalId":null,{POLICY}}}"#),
            r#"{"principalId":"u"}"#,
            r#"{"principalId":"u","policyDocument":null}"#,
            r#"{"principalId":"u","policyDocument":"{}"}"#,
            r#"{"principalId":"u","policyDocument":{"Statement":[{"Effect":"Allow"}]}}"#,
            &format!(r#"{{"principalId":"u",{POLICY},"context":{{"a":{{}}}}}}"#),
            &format!(r#"{{"principalId":"u",{POLICY},"context":{{"a":[1]}}}}"#),
            &format!(r#"{{"principalId":"u",{POLICY},"context":{{"a":null}}}}"#),
            &format!(r#"{{"principalId":"u",{POLICY},"context":[]}}"#),
            &format!(r#"{{"principalId":"u",{POLICY},"context":"x"}}"#),
            &format!(r#"{{"principalId":"u",{POLICY},"usageIdentifierKey":1}}"#),
            &long,
        ] {
            assert!(Output::parse(result.as_bytes()).is_err(), "{result}");
        }
    }
}
