//! Templates through the crate's door: text in, text out.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod arbitrary;
mod errors;
mod gateway;
mod hostile;
mod language;
mod methods;

use serde_json::json;
use sluicegate_velocity::{Params, RenderError, Scope, Template};

const BODY: &str = r#"{"name":"Ada","zeta":1,"alpha":2.50,"deep":{"b":[1,{"c":"x"}],"a":null},
    "items":[{"id":1,"kind":"x","tags":["p","q"]},{"id":2,"kind":"y"},{"id":3,"kind":"x"}],"yes":true,"no":false,"quote":"it's \"so\"","empty":[]}"#;

fn render_with_body(template: &str, body: &str) -> Result<String, RenderError> {
    let context = json!({
        "connectionId": "ahxA0bIfjoECHlw=",
        "connectedAt": 1_772_619_630_117_i64,
        "routeKey": "send",
        "stage": "prod",
        "identity": {"sourceIp": "198.51.100.7"},
        "authorizer": {"principalId": "u1", "tenant": "t9"},
    });
    let scope = Scope {
        body,
        params: Params {
            path: vec![("proxy", "a/b")],
            querystring: vec![("room", "42"), ("proxy", "shadowed")],
            header: vec![("Host", "example.org"), ("X-Token", "s3'cret")],
        },
        context: &context,
        stage_variables: vec![("table", "live"), ("z-y", "hyphen")],
    };
    let parsed = Template::parse(template).unwrap_or_else(|error| panic!("{:.200} does not parse: {error}", template));
    parsed.render(&scope)
}

/// A template is parsed once and rendered by whichever thread has a message for it.
const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Template>();
};

fn render(template: &str) -> Result<String, RenderError> {
    render_with_body(template, BODY)
}

/// Checks a table of templates and what they put out; reports every row that fails.
fn check(rows: &[(&str, &str)]) {
    let failures: Vec<String> = rows
        .iter()
        .filter_map(|(template, expected)| match render(template) {
            Ok(text) if text == *expected => None,
            Ok(text) => Some(format!("{template:?}\n   expected {expected:?}\n   rendered {text:?}")),
            Err(error) => Some(format!("{template:?}\n   expected {expected:?}\n   failed: {error}")),
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} rows:\n{}", failures.len(), rows.len(), failures.join("\n"));
}
