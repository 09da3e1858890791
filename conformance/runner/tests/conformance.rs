//! Every case against our own gateway: unlisted failures fail, listed cases that pass fail, and the page is fresh.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use sluicegate_conformance::{Against, Known, Suite, folder, page, page_path, run_all, table};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_conforms_but_for_what_is_listed() {
    let known = Known::read(&folder()).unwrap();
    let finished = run_all(Suite::read(&folder()).unwrap(), &Against::Ourselves).await;
    let problems = known.check(&finished);
    assert!(problems.is_empty(), "{}\n{}", table(&finished, &known), problems.join("\n"));
    let written = std::fs::read_to_string(page_path()).unwrap_or_default();
    assert!(written == page(&finished, &known), "docs/reference/conformance.md is stale: run `make conformance`");
}

#[test]
fn the_cases_are_numbered_without_a_gap() {
    let suite = Suite::read(&folder()).unwrap();
    let ids: Vec<_> = suite.sections.iter().flat_map(|section| &section.cases).map(|case| case.id.clone()).collect();
    let expected: Vec<_> = (1..=158).map(|number| format!("C{number:03}")).collect();
    assert_eq!(ids, expected);
    let sections: BTreeSet<_> = suite.sections.iter().map(|section| section.section.as_str()).collect();
    assert_eq!(sections.into_iter().collect::<String>(), "ABCDEFGHI");
}

#[test]
fn tests_that_cases_name_are_there() {
    let root = folder().ancestors().nth(2).unwrap().to_owned();
    let suite = Suite::read(&folder()).unwrap();
    for case in suite.sections.iter().flat_map(|section| &section.cases) {
        if let Some(file) = &case.also {
            assert!(root.join(file).is_file(), "{} names {file}", case.id);
        }
    }
}
