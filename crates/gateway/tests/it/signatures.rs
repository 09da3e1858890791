//! Signed requests: handshakes of `AWS_IAM` routes and `@connections`, with keys that are configured.

use crate::authorization::{changed, connect};
use crate::fixture::{Access, CONNECT, Client, Functions, Server, api};
use aws_credential_types::Credentials as SigningKeys;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate_endpoint::{Credential, Credentials, Policy, Secret};
use sluicegate_gateway::api::ApiDefinition;
use sluicegate_gateway::{Clock, HubOptions};
use std::time::{Duration, UNIX_EPOCH};

const NOW_MS: u64 = 1_772_619_630_000;
const HOST: &str = "chat.execute-api.eu-west-1.amazonaws.com";
const REGION: &str = "eu-west-1";

/// A user of each name, whose access key is the name and whose secret is the name backwards.
fn users(users: &[(&str, Value)]) -> Access {
    let users = users.iter().map(|(name, statement)| Credential {
        access_key_id: (*name).to_owned(),
        secret: Secret::new(name.chars().rev().collect::<String>()),
        account_id: "111122223333".into(),
        user_name: (*name).to_owned(),
        policies: vec![Policy::parse(&json!({ "Statement": statement }).to_string()).unwrap()],
    });
    Access { credentials: Credentials::new(users), ..Access::default() }
}

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    json!({"Effect": effect, "Action": action, "Resource": format!("arn:aws:execute-api:{resource}")})
}

async fn serve(api: ApiDefinition, access: Access) -> Server {
    let clock = Clock::manual(NOW_MS);
    Server::with_access(Functions::default(), vec![api], access, HubOptions::default(), clock).await
}

fn iam() -> ApiDefinition {
    changed(json!({"authorizationType": "AWS_IAM"}), json!({}), json!({}))
}

/// What a request is signed as.
#[derive(Clone, Copy)]
struct Signer<'a> {
    user: &'a str,
    region: &'a str,
    service: &'a str,
    at_ms: u64,
}

impl<'a> Signer<'a> {
    fn new(user: &'a str) -> Self {
        Self { user, region: REGION, service: "execute-api", at_ms: NOW_MS }
    }

    /// Headers, and the query of a presigned URL.
    fn sign(&self, method: &str, path: &str, host: &str, body: &[u8], settings: SigningSettings) -> Signed {
        let secret: String = self.user.chars().rev().collect();
        let identity = SigningKeys::new(self.user, secret, None, None, "test").into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(UNIX_EPOCH + Duration::from_millis(self.at_ms))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("http://{host}{path}");
        let headers = [("host", host)].into_iter();
        let request = SignableRequest::new(method, uri, headers, SignableBody::Bytes(body)).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let (headers, query) = instructions.into_parts();
        let headers = headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect();
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        Signed { headers, query: query.join("&") }
    }

    fn headers(&self, method: &str, path: &str, host: &str, body: &[u8]) -> Vec<(String, String)> {
        self.sign(method, path, host, body, SigningSettings::default()).headers
    }

    fn presigned(&self, host: &str, path: &str, expires: u64) -> String {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(expires));
        let query = self.sign("GET", path, host, b"", settings).query;
        format!("{path}{}{query}", if path.contains('?') { '&' } else { '?' })
    }
}

struct Signed {
    headers: Vec<(String, String)>,
    query: String,
}

fn everything() -> Value {
    json!({"Effect": "Allow", "Action": "*", "Resource": "*"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_handshake_connects() {
    let server = serve(iam(), users(&[("ann", everything())])).await;
    let ann = Signer::new("ann");
    let unsigned = connect(&server, "/prod", &[]).await.summary();
    let expected =
        (403, "MissingAuthenticationTokenException".into(), r#"{"message":"Missing Authentication Token"}"#.into());
    assert_eq!(unsigned, expected);

    let host = server.address.to_string();
    let headers = ann.headers("GET", "/prod?room=1", &host, b"");
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    connect(&server, "/prod?room=1", &headers).await.connected();
    let event = server.events(CONNECT, 1).await.remove(0);
    let expected = json!({
        "sourceIp": "127.0.0.1", "accountId": "111122223333", "caller": "ann", "user": "ann",
        "userArn": "arn:aws:iam::111122223333:user/ann", "accessKey": "ann",
    });
    assert_eq!(event["requestContext"]["identity"], expected);
    assert_eq!(event["requestContext"].get("authorizer"), None);
    assert_eq!(connect(&server, "/prod?room=2", &headers).await.summary().0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presigned_url_connects_until_it_expires() {
    let server = serve(iam(), users(&[("ann", everything())])).await;
    // The client dials the server by its address, and that is the host it signs.
    let host = server.address.to_string();
    let ann = Signer::new("ann");
    let url = ann.presigned(&host, "/prod?room=a%20b", 60);
    connect(&server, &url, &[]).await.connected();
    let query = server.events(CONNECT, 1).await[0]["queryStringParameters"].clone();
    assert_eq!((&query["room"], &query["X-Amz-Expires"]), (&json!("a b"), &json!("60")));

    let minutes = |minutes: u64| minutes * 60_000;
    for (url, exception) in [
        (url.replace("room=a", "room=b"), "InvalidSignatureException"),
        (url.replace("Expires=60", "Expires=61"), "InvalidSignatureException"),
        (url.replace("/ann/", "/bob/").replace("ann%2F", "bob%2F"), "UnrecognizedClientException"),
        (format!("{url}0"), "InvalidSignatureException"),
        (url.replace("/prod?", "/prod/?"), "InvalidSignatureException"),
        (Signer { region: "us-east-1", ..ann }.presigned(&host, "/prod", 60), "InvalidSignatureException"),
        (Signer { service: "iotdevicegateway", ..ann }.presigned(&host, "/prod", 60), "InvalidSignatureException"),
        (Signer { at_ms: NOW_MS - minutes(2), ..ann }.presigned(&host, "/prod", 60), "InvalidSignatureException"),
        (Signer { at_ms: NOW_MS + minutes(16), ..ann }.presigned(&host, "/prod", 60), "InvalidSignatureException"),
    ] {
        let (status, got, body) = connect(&server, &url, &[]).await.summary();
        assert_eq!((status, got.as_str()), (403, exception), "{url} {body}");
    }
    server.clock.advance(Duration::from_secs(61));
    let (status, _, body) = connect(&server, &url, &[]).await.summary();
    assert_eq!(status, 403);
    assert!(body.contains("Signature expired"), "{body}");
    assert_eq!(server.seen(CONNECT).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_needs_permission_to_invoke() {
    let route = format!("{REGION}:111122223333:chat/prod/$connect");
    let server = serve(
        iam(),
        users(&[
            ("allowed", statement("Allow", "execute-api:Invoke", &route)),
            ("elsewhere", statement("Allow", "execute-api:Invoke", &format!("{REGION}:111122223333:chat/dev/*"))),
            ("manager", statement("Allow", "execute-api:ManageConnections", "*")),
            ("denied", json!([everything(), statement("Deny", "execute-api:Invoke", "*:chat/prod/*")])),
            ("nothing", json!([])),
        ]),
    )
    .await;
    let host = server.address.to_string();
    for (user, suffix) in [
        ("allowed", None),
        ("elsewhere", Some("")),
        ("manager", Some("")),
        ("denied", Some(" with an explicit deny")),
        ("nothing", Some("")),
    ] {
        let url = Signer::new(user).presigned(&host, "/prod", 60);
        let summary = connect(&server, &url, &[]).await.summary();
        let expected = match suffix {
            None => (101, String::new(), String::new()),
            Some(suffix) => {
                let message = format!(
                    "User: arn:aws:iam::111122223333:user/{user} is not authorized to perform: execute-api:Invoke on \
                     resource: arn:aws:execute-api:{REGION}:********3333:chat/prod/$connect{suffix}"
                );
                (403, "AccessDeniedException".to_owned(), json!({ "Message": message }).to_string())
            }
        };
        assert_eq!(summary, expected, "{user}");
    }
}

async fn management(
    server: &Server,
    signer: Option<Signer<'_>>,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, String, String) {
    let mut request = http::Request::builder().method(method).uri(path).header("host", HOST);
    let headers = signer.map(|signer| signer.headers(method, path, HOST, body.as_bytes()));
    for (name, value) in headers.unwrap_or_default() {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body.to_owned().into())).unwrap();
    let (status, headers, body) = server.raw_http(request).await;
    let exception = headers.get("x-amzn-errortype").map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    (status, exception, body)
}

async fn connected(server: &Server) -> (Client, String) {
    let client = server.connect().await;
    let events = server.events(CONNECT, 1).await;
    let id = events.last().unwrap()["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    (client, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_managed_with_a_right_signature() {
    let server = serve(api(), users(&[("ann", everything())])).await;
    let (mut client, id) = connected(&server).await;
    let ann = Signer::new("ann");
    let escaped = id.replace('=', "%3D");
    for path in [
        format!("/prod/@connections/{escaped}"),
        format!("/prod/%40connections/{escaped}"),
        format!("/prod/@connections/{id}"),
        format!("/prod//@connections/{escaped}"),
    ] {
        assert_eq!(management(&server, Some(ann), "POST", &path, &path).await.0, 200, "{path}");
        assert_eq!(client.receive().await, path);
    }
    let path = format!("/prod/@connections/{escaped}");
    let missing =
        (403, "MissingAuthenticationTokenException".into(), r#"{"message":"Missing Authentication Token"}"#.into());
    assert_eq!(management(&server, None, "POST", &path, "x").await, missing);
    let stale = Signer { at_ms: NOW_MS - 16 * 60_000, ..ann };
    for (signer, exception) in [
        (Signer::new("bob"), "UnrecognizedClientException"),
        (stale, "InvalidSignatureException"),
        (Signer { region: "us-east-1", ..ann }, "InvalidSignatureException"),
        (Signer { service: "dynamodb", ..ann }, "InvalidSignatureException"),
    ] {
        let (status, got, body) = management(&server, Some(signer), "POST", &path, "x").await;
        assert_eq!((status, got.as_str()), (403, exception), "{body}");
    }

    // Signed for another body.
    let mut request = http::Request::post(&path).header("host", HOST);
    for (name, value) in ann.headers("POST", &path, HOST, b"this") {
        request = request.header(name, value);
    }
    let (status, headers, body) = server.raw_http(request.body(Full::new("that".into())).unwrap()).await;
    assert_eq!((status, headers["x-amzn-errortype"].to_str().unwrap()), (403, "InvalidSignatureException"));
    assert!(body.starts_with(r#"{"message":"The request signature we calculated does not match"#), "{body}");

    // Something that only looks like a signature no longer passes.
    assert_eq!(server.http("POST", &path, "x").await.0, 403);
    assert_eq!(management(&server, Some(ann), "DELETE", &path, "").await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_managed_with_permission() {
    let on = |rest: &str| format!("{REGION}:111122223333:chat/prod/{rest}");
    let manage = |resource: &str| statement("Allow", "execute-api:ManageConnections", &on(resource));
    let server = serve(
        api(),
        users(&[
            ("all", manage("*")),
            ("post", manage("POST/@connections/*")),
            ("placeholder", manage("POST/@connections/{connectionId}")),
            ("bare", manage("POST/@connections")),
            ("dev", statement("Allow", "execute-api:ManageConnections", &format!("{REGION}:111122223333:chat/dev/*"))),
            ("invoke", statement("Allow", "execute-api:Invoke", "*")),
        ]),
    )
    .await;
    let (_client, id) = connected(&server).await;
    let path = format!("/prod/@connections/{id}");
    for (user, method, expected) in [
        ("all", "POST", 200),
        ("all", "GET", 200),
        ("post", "POST", 200),
        ("placeholder", "POST", 200),
        ("bare", "POST", 200),
        ("post", "GET", 403),
        ("post", "DELETE", 403),
        ("dev", "POST", 403),
        ("invoke", "POST", 403),
    ] {
        let (status, exception, body) = management(&server, Some(Signer::new(user)), method, &path, "").await;
        assert_eq!(status, expected, "{user} {method}: {body}");
        if expected == 403 {
            let message = format!(
                "User: arn:aws:iam::111122223333:user/{user} is not authorized to perform: execute-api:ManageConnections \
                 on resource: arn:aws:execute-api:{REGION}:********3333:chat/prod/{method}/@connections/{{connectionId}}"
            );
            assert_eq!(
                (exception.as_str(), body),
                ("AccessDeniedException", json!({ "Message": message }).to_string())
            );
        }
    }
    assert_eq!(management(&server, Some(Signer::new("all")), "DELETE", &path, "").await.0, 204);
}
