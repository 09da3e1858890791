//! Policies as people write them, and as attackers would.

use super::*;

const ARN: &str = "arn:aws:execute-api:eu-west-1:111122223333:chat/prod/$connect";

fn decision(policy: &str) -> Decision {
    decide(&[Policy::parse(policy).unwrap()], "execute-api:Invoke", &[ARN])
}

fn statement(effect: &str, action: &str, resource: &str) -> String {
    format!(r#"{{"Effect":"{effect}","Action":{action},"Resource":{resource}}}"#)
}

fn policy(statements: &[String]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

#[test]
fn resources_match_with_wildcards() {
    for (resource, expected) in [
        (ARN, true),
        ("*", true),
        ("arn:aws:execute-api:eu-west-1:111122223333:chat/*", true),
        ("arn:aws:execute-api:eu-west-1:111122223333:chat/prod/*", true),
        ("arn:aws:execute-api:*:*:chat/prod/$connect", true),
        ("arn:aws:execute-api:eu-west-1:111122223333:chat/prod/$connec?", true),
        ("arn:aws:execute-api:eu-west-1:11112222333?:*/$connect", true),
        ("arn:aws:execute-api:eu-west-1:111122223333:chat/prod/${*}connect", false),
        ("arn:aws:execute-api:eu-west-1:111122223333:chat/prod/${$}connect", true),
        ("arn:aws:execute-api:eu-west-1:111122223333:chat/prod/*/*", false),
        ("arn:aws:execute-api:eu-west-1:111122223333:chat/dev/*", false),
        ("arn:aws:execute-api:eu-west-1:111122223333:chat/prod/$connect?", false),
        ("arn:aws:execute-api:eu-west-1:111122223333:chat/PROD/$connect", false),
        ("arn:aws:execute-api:eu-west-1:111122223333:chat/prod", false),
        ("arn:aws:execute-api:eu-west-1:111122223333:*/${aws:username}", false),
        ("", false),
    ] {
        let policy = policy(&[statement("Allow", r#""execute-api:Invoke""#, &format!("{resource:?}"))]);
        let expected = if expected { Decision::Allowed } else { Decision::ImplicitlyDenied };
        assert_eq!(decision(&policy), expected, "{resource}");
    }
}

#[test]
fn actions_match_with_wildcards_and_without_case() {
    for (action, expected) in [
        (r#""execute-api:Invoke""#, true),
        (r#""execute-api:*""#, true),
        (r#""*""#, true),
        (r#""Execute-API:invoke""#, true),
        (r#"["execute-api:ManageConnections","execute-api:Inv*"]"#, true),
        (r#""execute-api:ManageConnections""#, false),
        (r#""execute-api""#, false),
        (r#""lambda:*""#, false),
    ] {
        let expected = if expected { Decision::Allowed } else { Decision::ImplicitlyDenied };
        assert_eq!(decision(&policy(&[statement("Allow", action, r#""*""#)])), expected, "{action}");
    }
}

#[test]
fn denial_wins_and_doubt_narrows() {
    let allow = statement("Allow", r#""*""#, r#""*""#);
    let conditional = |effect: &str| {
        format!(r#"{{"Effect":"{effect}","Action":"*","Resource":"*","Condition":{{"Bool":{{"a":"true"}}}}}}"#)
    };
    for (statements, expected) in [
        (vec![], Decision::ImplicitlyDenied),
        (vec![allow.clone()], Decision::Allowed),
        (vec![allow.clone(), statement("Deny", r#""*""#, r#""*""#)], Decision::ExplicitlyDenied),
        (vec![statement("Deny", r#""execute-api:Invoke""#, r#""*""#), allow.clone()], Decision::ExplicitlyDenied),
        (vec![allow.clone(), statement("Deny", r#""*""#, r#""arn:aws:s3:::a""#)], Decision::Allowed),
        (vec![statement("Deny", r#""lambda:*""#, r#""*""#)], Decision::ImplicitlyDenied),
        (vec![conditional("Allow")], Decision::ImplicitlyDenied),
        (vec![allow.clone(), conditional("Deny")], Decision::ExplicitlyDenied),
        (vec![allow.clone(), statement("Deny", r#""*""#, r#""arn:*/${aws:username}""#)], Decision::ExplicitlyDenied),
        (vec![r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}"#.into()], Decision::Allowed),
        (vec![r#"{"Effect":"Allow","NotAction":"lambda:*","Resource":"*"}"#.into()], Decision::Allowed),
        (vec![r#"{"Effect":"Allow","NotAction":"execute-api:*","Resource":"*"}"#.into()], Decision::ImplicitlyDenied),
        (vec![r#"{"Effect":"Allow","Action":"*","NotResource":"*chat*"}"#.into()], Decision::ImplicitlyDenied),
        (vec![r#"{"Effect":"Allow","Action":"*","NotResource":"*other*"}"#.into()], Decision::Allowed),
        (vec![allow, r#"{"Effect":"Deny","Action":"*","NotResource":"*other*"}"#.into()], Decision::ExplicitlyDenied),
    ] {
        assert_eq!(decision(&policy(&statements)), expected, "{statements:?}");
    }
    assert_eq!(
        decision(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":["x","*"],"Sid":"s","Principal":"*"}}"#),
        Decision::Allowed
    );
}

#[test]
fn a_resource_with_two_names_is_permitted_narrowly() {
    let names = ["c/POST/@connections/abc=", "c/POST/@connections/{connectionId}"];
    for (statement, expected) in [
        (r#"{"Effect":"Allow","Action":"*","Resource":"c/POST/@connections/abc="}"#, Decision::Allowed),
        (r#"{"Effect":"Allow","Action":"*","Resource":"c/POST/@connections/{connectionId}"}"#, Decision::Allowed),
        (r#"{"Effect":"Allow","Action":"*","Resource":"c/GET/*"}"#, Decision::ImplicitlyDenied),
        (r#"{"Effect":"Allow","Action":"*","NotResource":"*/abc="}"#, Decision::ImplicitlyDenied),
        (r#"{"Effect":"Allow","Action":"*","NotResource":"*/${aws:username}"}"#, Decision::ImplicitlyDenied),
        (r#"{"Effect":"Deny","Action":"*","Resource":"*/abc="}"#, Decision::ExplicitlyDenied),
        (r#"{"Effect":"Deny","Action":"*","NotResource":"*/abc="}"#, Decision::ExplicitlyDenied),
    ] {
        let policy = Policy::parse(&policy(&[statement.to_owned()])).unwrap();
        assert_eq!(decide(&[policy], "execute-api:ManageConnections", &names), expected, "{statement}");
    }
}

#[test]
fn unnamed_resources_need_permission_for_all() {
    let everything = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    for (statements, expected) in [
        (vec![everything], Decision::Allowed),
        (vec![r#"{"Effect":"Allow","Action":"*","Resource":"arn:*"}"#], Decision::ImplicitlyDenied),
        (vec![r#"{"Effect":"Allow","Action":"*","NotResource":"x"}"#], Decision::ImplicitlyDenied),
        (vec![everything, r#"{"Effect":"Deny","Action":"*","Resource":"x"}"#], Decision::ExplicitlyDenied),
        (vec![everything, r#"{"Effect":"Deny","Action":"s3:*","Resource":"*"}"#], Decision::Allowed),
    ] {
        let written: Vec<String> = statements.iter().map(|statement| (*statement).to_owned()).collect();
        let policy = Policy::parse(&policy(&written)).unwrap();
        assert_eq!(decide_everywhere(&[policy], "dynamodb:PartiQLSelect"), expected, "{statements:?}");
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    let long = format!(r#"{{"Statement":{{"Effect":"Allow","Action":"*","Resource":"{}"}}}}"#, "a".repeat(513));
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"Statement":null}"#,
        r#"{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}"#,
        r#"{"Statement":[{"Action":"*","Resource":"*"}]}"#,
        r#"{"Statement":[{"Effect":"Allow","Resource":"*"}]}"#,
        r#"{"Statement":[{"Effect":"Allow","Action":"*"}]}"#,
        r#"{"Statement":[{"Effect":"Allow","Action":[],"Resource":"*"}]}"#,
        r#"{"Statement":[{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}]}"#,
        r#"{"Statement":[{"Effect":"Allow","Action":1,"Resource":"*"}]}"#,
        r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":"x"}]}"#,
        r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Conditions":{}}]}"#,
        &long,
    ] {
        assert!(Policy::parse(text).is_err(), "{text}");
    }
}

#[test]
fn hostile_patterns_take_no_time() {
    let hostile = format!(r#"{{"Statement":{{"Effect":"Allow","Action":"*","Resource":"{}b"}}}}"#, "*a".repeat(200));
    let policy = Policy::parse(&hostile).unwrap();
    let long = "a".repeat(5000);
    assert_eq!(decide(&[policy], "a:b", &[long.as_str()]), Decision::ImplicitlyDenied);
}
