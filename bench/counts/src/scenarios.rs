//! What is counted. Scenes from inside the crates are set up there, behind their feature `hot-paths`.

use http::request::Parts;
use serde_json::json;
use sluicegate_endpoint::policy::{Decision, Policy, decide};
use sluicegate_endpoint::signature::{Scope, verify};
use sluicegate_endpoint::{Caller, Credential, Credentials, Secret};
use sluicegate_gateway::hot_paths as gateway;
use sluicegate_tables::hot_paths as tables;
use sluicegate_velocity::{Params, Scope as Variables, Template};
use std::hint::black_box;

pub struct Scenario {
    pub name: &'static str,
    /// Enough for chance to vanish in them, few enough for seconds under callgrind.
    pub runs: u32,
    pub prepare: fn() -> Repeated,
}

/// One run; returns what it produced, and zero if it did not do its work.
type Repeated = Box<dyn FnMut() -> usize>;

pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "encode-256-bytes", runs: 5000, prepare: || Box::new(gateway::encode_text(256)) },
    Scenario { name: "encode-64-kb", runs: 500, prepare: || Box::new(gateway::encode_text(64 * 1024)) },
    Scenario { name: "decode-256-bytes", runs: 5000, prepare: || Box::new(gateway::decode_text(256)) },
    Scenario { name: "select-route", runs: 2000, prepare: || Box::new(gateway::select_route()) },
    Scenario {
        name: "selection-expression",
        runs: 2000,
        prepare: || Box::new(gateway::evaluate_selection_expression()),
    },
    Scenario { name: "message-event", runs: 1000, prepare: || Box::new(gateway::build_message_event()) },
    Scenario { name: "connect-event", runs: 500, prepare: || Box::new(gateway::build_connect_event()) },
    Scenario { name: "broadcast-to-1000", runs: 100, prepare: || Box::new(gateway::broadcast(1000)) },
    Scenario { name: "verify-signature", runs: 200, prepare: || Box::new(verify_signature()) },
    Scenario { name: "policy-pattern", runs: 2000, prepare: || Box::new(match_policy()) },
    Scenario { name: "mapping-template", runs: 1000, prepare: || Box::new(render_template()) },
    Scenario { name: "stream-record", runs: 500, prepare: || Box::new(tables::shape_change()) },
];

/// A POST to `@connections`, signed by botocore; the same as in the tests of signatures.
fn verify_signature() -> impl FnMut() -> usize {
    let credentials = Credentials::new([Credential {
        access_key_id: "AKIDEXAMPLE".into(),
        secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        account_id: "111122223333".into(),
        user_name: "ann".into(),
        policies: Vec::new(),
    }]);
    let scope = Scope { region: "eu-west-1", service: "execute-api" };
    let signed_at_ms = 1_772_619_630_000;
    let post = signed_post();
    move || match verify(&credentials, scope, black_box(&post), b"hello", signed_at_ms) {
        Ok(Caller::Known(credential)) => credential.user_name.len(),
        Ok(Caller::Anyone { .. }) | Err(_) => 0,
    }
}

fn signed_post() -> Parts {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260304/eu-west-1/execute-api/aws4_request, \
                         SignedHeaders=host;x-amz-date, \
                         Signature=fb2c109b3e06173e439e7e2846808ef9db09313f7bbba8e249c6f3e3ae1af5e8";
    let request = http::Request::post("/prod/@connections/L0SM9cOFvHcCIhw%3D")
        .header("host", "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com")
        .header("x-amz-date", "20260304T102030Z")
        .header("authorization", authorization)
        .body(());
    request.expect("every part of it is well-formed").into_parts().0
}

/// A policy with wildcards, asked about the resource of an `@connections` request.
fn match_policy() -> impl FnMut() -> usize {
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Deny", "Action": "execute-api:*", "Resource": "arn:aws:execute-api:*:*:*/test/*"},
            {"Effect": "Allow", "Action": "execute-api:Manage*",
             "Resource": "arn:aws:execute-api:eu-west-1:*:chat/prod/*/@connections/*"},
        ],
    });
    let policy = Policy::parse(&document.to_string());
    let resource = "arn:aws:execute-api:eu-west-1:111122223333:chat/prod/POST/@connections/L0SM9cOFvHcCIhw=";
    move || {
        let decision = decide(&policy, black_box("execute-api:ManageConnections"), &[black_box(resource)]);
        usize::from(decision == Decision::Allowed)
    }
}

/// A mapping template with JSONPath, as integrations other than `AWS_PROXY` have them.
fn render_template() -> impl FnMut() -> usize {
    let template = Template::parse(
        r#"{"room": $input.json('$.data.room'), "tags": $input.json('$..tags[*]'), "from": "$context.connectionId"}"#,
    );
    let body = r#"{"action":"send","data":{"room":"room1234","text":"hello","tags":["a","b","c"]}}"#;
    let context = json!({"connectionId": "L0SM9cOFvHcCIhw="});
    move || {
        let scope = Variables {
            body: black_box(body),
            params: Params::default(),
            context: &context,
            stage_variables: Vec::new(),
        };
        template.as_ref().map_or(0, |template| template.render(&scope).map_or(0, |text| text.len()))
    }
}
