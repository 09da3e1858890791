//! Expectations that are wrong are found to be wrong: a suite that cannot fail proves nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use sluicegate_conformance::{Against, Outcome, Suite, case::Section, run_all};

/// Each case expects one thing that is not so; the message must name it.
const WRONG: &[(&str, &str)] = &[
    ("steps = [{ connect = { status = 400 } }]", "expected status 400, got 101"),
    ("steps = [{ connect = { lacks = ['Upgrade'] } }]", "the header Upgrade should not be there"),
    ("steps = [{ connect = { has = { Upgrade = 'h2c' } } }]", "header Upgrade: expected h2c"),
    ("steps = [{ connect = { to = '/nope', status = 403, body = '{}' } }]", "body: expected `{}`"),
    ("steps = [{ connect = { to = '/nope', status = 403, error = 'Other' } }]", "expected x-amzn-ErrorType Other"),
    ("steps = [{ connect = {} }, { send = '{\"action\":\"echo\"}' }, { receive = 'x' }]", "expected `x`, got"),
    ("steps = [{ connect = {} }, { send = '{\"action\":\"echo\"}' }, { quiet = true }]", "expected a pong"),
    ("steps = [{ connect = {} }, { close = { code = 1000 } }, { ping = 'x' }]", "the end of the connection"),
    ("steps = [{ connect = {} }, { send-binary = '00' }, { closed = { code = 1002 } }]", "closed with 1003"),
    ("steps = [{ connect = {} }, { called = { function = 'connect', times = 0 } }]", "was called 1 times"),
    (
        "steps = [{ connect = {} }, { event = { of = 'connect', lacks = ['/headers/Host'] } }]",
        "/headers/Host should not",
    ),
    (
        "steps = [{ connect = {} }, { event = { of = 'connect', has = { isBase64Encoded = true } } }]",
        "/isBase64Encoded is",
    ),
    ("steps = [{ connect = {} }, { event = { of = 'connect', keys = { '' = ['headers'] } } }]", "the keys of `` are"),
    ("steps = [{ connect = {} }, { event = { of = 'connect', like = { '/headers/Host' = 'x' } } }]", "expected x, got"),
    ("steps = [{ connect = {} }, { post = { text = 'x', status = 410 } }]", "expected status 410, got 200"),
    ("steps = [{ connect = {} }, { post-until = { bytes = 1, at-most = 2, status = 429 } }]", "all 2 posts were taken"),
    ("steps = [{ connect = {} }, { metrics = { ConnectCount = '2' } }]", "ConnectCount is 1, expected 2"),
    ("steps = [{ connect = {} }, { access-log = ['x'] }]", "expected 1 lines, got []"),
    ("steps = [{ connect = {} }, { send = '{\"action\":\"echo\"}' }, { closed = { code = 1000 } }]", "got text"),
    ("refused = '.*'", "the API is served; it should have been refused"),
    ("given.routes = { a = { target = 'integrations/nothing' } }", "the API was refused"),
    ("steps = [{ send = '{{nobody}}' }]", "nothing is called {{nobody}} here"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_so_fails_and_says_why() {
    let cases: String = WRONG
        .iter()
        .enumerate()
        .map(|(index, (text, _))| {
            format!("[[case]]\nid = \"W{index:03}\"\ntitle = \"wrong\"\ncertainty = \"decision\"\n{text}\n")
        })
        .collect();
    let section: Section = toml::from_str(&format!("section = \"W\"\ntitle = \"Wrong\"\n{cases}")).unwrap();
    let finished = run_all(Suite { sections: vec![section] }, &Against::Ourselves).await;
    for ((_, outcome), (text, expected)) in finished[0].cases.iter().zip(WRONG) {
        let Outcome::Failed(error) = outcome else { panic!("{text} did not fail: {outcome:?}") };
        assert!(error.contains(expected), "{text} failed with: {error}");
    }
}

#[test]
fn words_that_mean_nothing_are_refused() {
    for case in [
        "steps = [{ conect = {} }]",
        "steps = [{ connect = { stauts = 400 } }]",
        "given.funktions = {}",
        "certain = true",
        "steps = [{ post = { txt = 'x' } }]",
    ] {
        let text = format!(
            "section = \"A\"\ntitle = \"t\"\n[[case]]\nid = \"C001\"\ntitle = \"x\"\ncertainty = \"observed\"\n{case}"
        );
        assert!(toml::from_str::<Section>(&text).is_err(), "{case}");
    }
}
