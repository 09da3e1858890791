//! Requests signed by botocore 1.44 (`vectors.json`), taken as they are and with one thing changed.

use super::claim::{Claim, Place};
use super::*;
use crate::{Caller, Credential, Credentials, Secret};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::HeaderValue;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::Deserialize;
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use time::OffsetDateTime;

/// 2026-03-04T10:20:30Z, when all of them were signed.
const SIGNED_AT_MS: u64 = 1_772_619_630_000;
const MINUTE_MS: u64 = 60_000;

#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn vector(name: &str) -> Vector {
    vectors().into_iter().find(|vector| vector.name == name).unwrap()
}

impl Vector {
    fn parts(&self) -> Parts {
        let mut request = http::Request::builder().method(self.method.as_str()).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(()).unwrap().into_parts().0
    }

    /// Who signed it, in a region and for a service, when looked at so long after it was signed.
    fn verified(&self, after_ms: i64) -> Result<Caller, Refusal> {
        let service = if self.name == "dynamodb" { "dynamodb" } else { "execute-api" };
        let scope = Scope { region: "eu-west-1", service };
        let now = SIGNED_AT_MS.saturating_add_signed(after_ms);
        verify(
            &credentials("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            scope,
            &self.parts(),
            self.body.as_bytes(),
            now,
        )
    }

    fn code(&self) -> &'static str {
        self.verified(0).map_or_else(|refusal| refusal.code(), |_| "accepted")
    }
}

fn credentials(secret: &str) -> Credentials {
    Credentials::new([Credential {
        access_key_id: "AKIDEXAMPLE".into(),
        secret: Secret::new(secret),
        account_id: "111122223333".into(),
        user_name: "ann".into(),
        policies: Vec::new(),
    }])
}

#[test]
fn what_botocore_signs_is_accepted() {
    for vector in vectors() {
        match vector.verified(0) {
            Ok(Caller::Known(credential)) => assert_eq!(credential.user_name, "ann"),
            other => panic!("{}: {other:?}", vector.name),
        }
    }
}

#[test]
fn what_was_changed_is_refused() {
    for vector in vectors() {
        let mut changed = vec![
            Vector { method: "PUT".into(), ..vector.clone() },
            Vector { path: vector.path.replacen("/prod", "/prov", 1).replacen("/?", "/x?", 1), ..vector.clone() },
            Vector { body: format!("{} ", vector.body), ..vector.clone() },
            Vector {
                path: format!("{}{}z=1", vector.path, if vector.path.contains('?') { '&' } else { '?' }),
                ..vector.clone()
            },
        ];
        if vector.name == "dynamodb" {
            changed.remove(1);
        }
        for name in vector.headers.keys().filter(|name| *name != "authorization") {
            let mut other = vector.clone();
            let value = other.headers.get_mut(name).unwrap();
            *value = if name == "x-amz-date" { "20260304T102031Z".into() } else { format!("{value}x") };
            changed.push(other);
            let mut without = vector.clone();
            without.headers.remove(name);
            changed.push(without);
        }
        for changed in changed {
            let code = changed.code();
            let place = format!("{}: {} {} {:?}", vector.name, changed.method, changed.path, changed.headers);
            assert!(["InvalidSignatureException", "IncompleteSignatureException"].contains(&code), "{code} {place}");
        }
    }
}

#[test]
fn signatures_have_their_time() {
    let (header, presigned) = (vector("boto3 post"), vector("presigned"));
    let minutes = |minutes: u64| (minutes * MINUTE_MS) as i64;
    for (vector, after, accepted) in [
        (&header, minutes(15), true),
        (&header, minutes(15) + 1000, false),
        (&header, -minutes(15), true),
        (&header, -minutes(15) - 1000, false),
        (&presigned, minutes(5), true),
        (&presigned, minutes(5) + 1000, false),
        (&presigned, -minutes(15), true),
        (&presigned, -minutes(16), false),
    ] {
        let result = vector.verified(after);
        assert_eq!(result.is_ok(), accepted, "{} after {after} ms: {result:?}", vector.name);
    }
    let Err(Refusal::Invalid(message)) = header.verified(minutes(16)) else { panic!("accepted") };
    let expected =
        "Signature expired: 20260304T102030Z is now earlier than 20260304T102130Z (20260304T103630Z - 15 min.)";
    assert_eq!(message, expected);
}

#[test]
fn keys_regions_and_services_must_be_right() {
    let parts = vector("boto3 post").parts();
    let check = |credentials: &Credentials, region, service| {
        let result = verify(credentials, Scope { region, service }, &parts, b"hello", SIGNED_AT_MS);
        result.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    let right = credentials("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let stranger = Credentials::new([Credential {
        access_key_id: "AKIDOTHER".into(),
        ..Credential::clone(&right.find("AKIDEXAMPLE").unwrap().credential)
    }]);
    for (credentials, region, service, expected) in [
        (&right, "eu-west-1", "execute-api", "accepted"),
        (&right, "us-east-1", "execute-api", "InvalidSignatureException"),
        (&right, "eu-west-1", "dynamodb", "InvalidSignatureException"),
        (&credentials("another"), "eu-west-1", "execute-api", "InvalidSignatureException"),
        (&stranger, "eu-west-1", "execute-api", "UnrecognizedClientException"),
        (&Credentials::default(), "us-east-1", "dynamodb", "accepted"),
    ] {
        assert_eq!(check(credentials, region, service), expected, "{region} {service}");
    }
}

#[test]
fn claims_are_whole_and_single() {
    let header = vector("boto3 post");
    let authorization = header.headers["authorization"].clone();
    for (changed, expected) in [
        (authorization.replace("AWS4-HMAC-SHA256 ", ""), "IncompleteSignatureException"),
        (authorization.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "IncompleteSignatureException"),
        (authorization.replace("Signature=", "Sig="), "IncompleteSignatureException"),
        (authorization.replace("host;", ""), "IncompleteSignatureException"),
        (authorization.replace("20260304", "20260305"), "IncompleteSignatureException"),
        (authorization.replace("/aws4_request", ""), "IncompleteSignatureException"),
        (authorization.replace("SignedHeaders=host", "SignedHeaders=host;absent"), "InvalidSignatureException"),
        (format!("{authorization}, Signature=0"), "IncompleteSignatureException"),
        (format!("{authorization}0"), "InvalidSignatureException"),
        (authorization.replace("Signature=", "Signature=A"), "InvalidSignatureException"),
        ("Bearer x".to_owned(), "IncompleteSignatureException"),
    ] {
        let mut vector = header.clone();
        vector.headers.insert("authorization".into(), changed.clone());
        assert_eq!(vector.code(), expected, "{changed}");
    }
    let mut signed_year = header.clone();
    signed_year.headers.insert("authorization".into(), authorization.replace("/20260304/", "/+2026030/"));
    signed_year.headers.insert("x-amz-date".into(), "+20260304T102030Z".into());
    assert_eq!(signed_year.code(), "IncompleteSignatureException");

    let mut unsigned = header.clone();
    unsigned.headers.remove("authorization");
    assert_eq!(unsigned.code(), "MissingAuthenticationTokenException");

    let mut smuggled = header.clone();
    smuggled.headers.insert("x-amz-target".into(), "DynamoDB_20120810.DeleteTable".into());
    assert_eq!(smuggled.code(), "InvalidSignatureException");

    let mut twice = header.parts();
    twice.headers.append(AUTHORIZATION, HeaderValue::from_static("AWS4-HMAC-SHA256 Credential=a"));
    let scope = Scope { region: "eu-west-1", service: "execute-api" };
    let known = credentials("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    assert!(verify(&known, scope, &twice, b"hello", SIGNED_AT_MS).is_err());

    let presigned = vector("presigned");
    for (from, to) in [
        ("X-Amz-Expires=300", "X-Amz-Expires=3000"),
        ("X-Amz-Expires=300", "X-Amz-Expires=9999999"),
        ("X-Amz-Expires=300", "X-Amz-Expires=300&X-Amz-Expires=400"),
        ("&X-Amz-Expires=300", ""),
        ("X-Amz-Signature", "X%2DAmz-Signature"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=none"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="),
    ] {
        let vector = Vector { path: presigned.path.replace(from, to), ..presigned.clone() };
        assert_ne!(vector.path, presigned.path);
        assert_ne!(vector.code(), "accepted", "{}", vector.path);
    }
}

#[test]
fn signatures_are_found_where_sdks_put_them() {
    let header =
        "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=00";
    for (uri, header, expected) in [
        ("/prod", Some(header), Signature::Present),
        ("/prod?X-Amz-Credential=a&X-Amz-Signature=0", None, Signature::Present),
        ("/prod?X-Amz-Signature=0", None, Signature::Missing),
        ("/prod", Some("Bearer x"), Signature::Incomplete),
        ("/prod", Some("AWS4-HMAC-SHA256 Credential=a"), Signature::Incomplete),
        ("/prod", None, Signature::Missing),
    ] {
        let mut request = http::Request::get(uri);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(signature(&parts), expected, "{uri} {header:?}");
    }
}

#[test]
fn a_made_up_address_is_no_signature_while_nothing_is_verified() {
    let header =
        "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=00";
    let presigned = "/prod?X-Amz-Credential=a&X-Amz-Signature=0";
    for (credentials, uri, header, expected) in [
        (Credentials::default(), presigned, None, true),
        (Credentials::default(), presigned, Some(header), false),
        (Credentials::default(), "/prod", Some(header), false),
        (credentials("secret"), presigned, None, false),
        (credentials("secret"), "/prod", None, true),
    ] {
        let mut request = http::Request::post(uri);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(is_unsigned(&credentials, &parts), expected, "{uri} {header:?}");
    }
}

fn arbitrary_claim() -> impl Strategy<Value = (Claim, Parts, Vec<u8>)> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("DELETE")];
    let path = prop_oneof![
        4 => "/[a-zA-Z0-9_~-]{0,6}/(%40|@)connections/[A-Za-z0-9+=%]{0,8}",
        1 => "/[ -~&&[^?#\"<>`{}^|\\\\ ]]{0,12}",
    ];
    let query = prop_oneof![6 => Just(""), 1 => Just("?"), 1 => Just("?a=b")];
    let value = prop_oneof![4 => "[a-z0-9/.;=-]{0,12}", 1 => "[ -~\t]{0,8}"];
    // A claim without `host` is not read.
    let others = prop::sample::subsequence(vec!["accept", "content-type", "x-amz-date", "x-amz-target", "z"], 1..=5);
    let names = others.prop_map(|mut names| {
        names.push("host");
        names.sort_unstable();
        names
    });
    let headers = names.prop_flat_map(move |names| {
        let values = prop::collection::vec(value.clone(), names.len());
        (Just(names), values, prop::bool::weighted(0.1), prop::bool::weighted(0.1))
    });
    let body = prop::collection::vec(any::<u8>(), 0..80);
    (method, path, query, headers, body).prop_filter_map("not a request", |(method, path, query, headers, body)| {
        let (names, values, twice, reversed) = headers;
        let mut request = http::Request::builder().method(method).uri(format!("{path}{query}"));
        for (name, value) in names.iter().zip(&values) {
            request = request.header(*name, if *name == "x-amz-date" { "20260304T102030Z" } else { value });
            if twice {
                request = request.header(*name, "again");
            }
        }
        let mut signed_headers: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        if reversed {
            signed_headers.reverse();
        }
        let claim = Claim {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            region: "eu-west-1".to_owned(),
            service: "execute-api".to_owned(),
            time: OffsetDateTime::from_unix_timestamp((SIGNED_AT_MS / 1000) as i64).ok()?,
            signed_headers,
            signature: String::new(),
            place: Place::Header,
        };
        Some((claim, request.body(()).ok()?.into_parts().0, body))
    })
}

#[test]
fn what_is_plain_is_signed_as_the_signer_signs_it() {
    let credentials = credentials("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let known = credentials.find("AKIDEXAMPLE").unwrap();
    let (plain, others) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases: 4000, failure_persistence: None, ..Config::default() });
    let compared = runner.run(&arbitrary_claim(), |(claim, parts, body)| {
        let Some(text) = plain::string_to_sign(&claim, &parts, &body) else {
            others.set(others.get() + 1);
            return Ok(());
        };
        plain.set(plain.get() + 1);
        let key = known.signing_key(&claim.region, &claim.service, claim.time);
        let expected = verify::signature_with(&known.credential, &claim, &parts, &body);
        prop_assert_eq!(Some(calculate_signature(key, &text)), expected);
        Ok(())
    });
    compared.unwrap();
    assert!(plain.get() > 500 && others.get() > 500, "{} plain, {} others", plain.get(), others.get());
}

#[test]
fn botocores_own_requests_are_plain() {
    for vector in vectors().into_iter().filter(|vector| vector.name == "boto3 post" || vector.name == "dynamodb") {
        let parts = vector.parts();
        let claim = claim::read(&parts).unwrap();
        assert!(plain::string_to_sign(&claim, &parts, vector.body.as_bytes()).is_some(), "{}", vector.name);
    }
}

#[test]
fn keys_are_those_of_their_day_region_and_service() {
    let credentials = credentials("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let known = credentials.find("AKIDEXAMPLE").unwrap();
    let day = |day: i64| OffsetDateTime::from_unix_timestamp(day * 86_400).unwrap();
    for round in 0..2 {
        for (number, region, service) in [(0, "a", "b"), (1, "a", "b"), (0, "b", "b"), (0, "a", "a")] {
            let expected = generate_signing_key(known.credential.secret.expose(), day(number).into(), region, service);
            assert_eq!(known.signing_key(region, service, day(number)), expected.as_ref(), "round {round}");
        }
        // More than are kept.
        let keys: HashSet<_> = (0..40).map(|number| known.signing_key("c", "d", day(number))).collect();
        assert_eq!(keys.len(), 40);
    }
}
