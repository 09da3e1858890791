//! Who is let in, who is refused and how, and what events show of it.

use crate::fixture::{Access, CONNECT, Client, DISCONNECT, ECHO, Functions, Reply, Server, api};
use http::HeaderMap;
use serde_json::{Value, json};
use sluicegate_gateway::api::{ApiDefinition, UsageDefinition};
use sluicegate_gateway::{Clock, HubOptions};
use tokio_tungstenite::tungstenite::{self, ClientRequestBuilder};

const AUTHORIZER: &str = "authorizer";
const ARN: &str = "arn:aws:execute-api:eu-west-1:111122223333:chat/prod/$connect";
const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;
const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;
const NO_MATCH: &str = r#"{"Message":"User is not authorized to access this resource"}"#;
const DENIED: &str = r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#;
const BROKEN: &str = r#"{"message":null}"#;

/// An API whose `$connect` route asks [`AUTHORIZER`].
fn guarded(sources: &[&str]) -> ApiDefinition {
    changed(
        json!({"authorizationType": "CUSTOM", "authorizerId": "a"}),
        json!({}),
        json!({"a": {
            "name": "a", "authorizerType": "REQUEST", "authorizerUri": AUTHORIZER, "identitySource": sources,
        }}),
    )
}

/// [`api`] with other members in its `$connect` route and its stage, and with authorizers.
pub fn changed(connect: Value, stage: Value, authorizers: Value) -> ApiDefinition {
    let mut definition = serde_json::to_value(api()).unwrap();
    let merge = |place: &mut Value, changes: Value| {
        for (name, value) in changes.as_object().unwrap() {
            place[name] = value.clone();
        }
    };
    let routes = definition["routes"].as_array_mut().unwrap();
    merge(routes.iter_mut().find(|route| route["routeKey"] == "$connect").unwrap(), connect);
    merge(&mut definition["stages"][0], stage);
    definition["authorizers"] = authorizers;
    serde_json::from_value(definition).unwrap()
}

fn statement(effect: &str, resource: &str) -> Value {
    json!({
        "principalId": "u1",
        "policyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource},
        ]},
    })
}

fn allow_with(name: &str, value: Value) -> Value {
    let mut output = statement("Allow", "*");
    output[name] = value;
    output
}

async fn start(api: ApiDefinition, authorizer: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Server {
    start_with(api, Access::default(), Clock::System, authorizer).await
}

async fn start_with(
    api: ApiDefinition,
    access: Access,
    clock: Clock,
    authorizer: impl Fn(&Value) -> Reply + Send + Sync + 'static,
) -> Server {
    let functions = Functions::default()
        .on(AUTHORIZER, authorizer)
        .on(ECHO, |event| Reply::Json(json!({"statusCode": 200, "body": event["requestContext"].to_string()})));
    Server::with_access(functions, vec![api], access, HubOptions::default(), clock).await
}

/// What a handshake came to.
pub enum Outcome {
    Connected(Box<Client>),
    Refused(u16, HeaderMap, String),
}

impl Outcome {
    pub fn connected(self) -> Client {
        match self {
            Self::Connected(client) => *client,
            Self::Refused(status, headers, body) => panic!("refused: {status} {headers:?} {body}"),
        }
    }

    /// Status, exception and body of a refusal; `101` if there was none.
    pub fn summary(&self) -> (u16, String, String) {
        match self {
            Self::Connected(_) => (101, String::new(), String::new()),
            Self::Refused(status, headers, body) => {
                let exception = headers["x-amzn-errortype"].to_str().unwrap().to_owned();
                assert_eq!(headers["content-type"], "application/json");
                assert!(headers.contains_key("x-amzn-requestid") && headers.contains_key("x-amz-apigw-id"));
                (*status, exception, body.clone())
            }
        }
    }
}

pub async fn connect(server: &Server, path: &str, headers: &[(&str, &str)]) -> Outcome {
    let mut request = ClientRequestBuilder::new(server.url(path).parse().unwrap());
    for (name, value) in headers {
        request = request.with_header(*name, *value);
    }
    match server.connect_to(request).await {
        Ok(client) => Outcome::Connected(Box::new(client)),
        Err(tungstenite::Error::Http(response)) => {
            let body = String::from_utf8(response.body().clone().unwrap_or_default()).unwrap();
            Outcome::Refused(response.status().as_u16(), response.headers().clone(), body)
        }
        Err(other) => panic!("no HTTP answer: {other}"),
    }
}

fn refusal(status: u16, exception: &str, body: &str) -> (u16, String, String) {
    (status, exception.to_owned(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_identity_a_client_is_refused_before_the_function_is_asked() {
    let query: &[&str] = &["route.request.querystring.token"];
    let both: &[&str] = &["route.request.querystring.token", "route.request.header.X-Tenant"];
    for (sources, path, headers, asked) in [
        (query, "/prod", &[][..], false),
        (query, "/prod?token=", &[], false),
        (query, "/prod?Token=a", &[], false),
        (query, "/prod?token=a", &[], true),
        (both, "/prod?token=a", &[], false),
        (both, "/prod", &[("x-tenant", "t")], false),
        (both, "/prod?token=a", &[("x-tenant", "")], false),
        (both, "/prod?token=a", &[("x-tenant", "t")], true),
        (&["context.identity.sourceIp"], "/prod", &[], true),
        (&["context.identity.apiKey"], "/prod", &[], false),
        (&["stageVariables.alias"], "/prod", &[], true),
        (&["stageVariables.other"], "/prod", &[], false),
        (&[], "/prod", &[], true),
    ] {
        let mut api = guarded(sources);
        api.stages[0].stage_variables.insert("alias".into(), "live".into());
        let server = start(api, |_| Reply::Json(statement("Allow", "*"))).await;
        let summary = connect(&server, path, headers).await.summary();
        let expected = match asked {
            true => (101, String::new(), String::new()),
            false => refusal(401, "UnauthorizedException", UNAUTHORIZED),
        };
        assert_eq!(summary, expected, "{sources:?} {path} {headers:?}");
        assert_eq!(server.seen(AUTHORIZER).len(), usize::from(asked), "{sources:?} {path} {headers:?}");
        assert_eq!(server.seen(CONNECT).len(), usize::from(asked));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_decides() {
    let prefix = "arn:aws:execute-api:eu-west-1:111122223333:chat";
    let no_match = || refusal(403, "AccessDeniedException", NO_MATCH);
    let denied = || refusal(403, "AccessDeniedException", DENIED);
    for (output, expected) in [
        (statement("Allow", ARN), None),
        (statement("Allow", "*"), None),
        (statement("Allow", &format!("{prefix}/prod/*")), None),
        (statement("Allow", &format!("{prefix}/*")), None),
        (statement("Allow", &format!("{prefix}/prod/$connec?")), None),
        (statement("Allow", &format!("{prefix}/prod/*/*")), Some(no_match())),
        (statement("Allow", &format!("{prefix}/dev/*")), Some(no_match())),
        (statement("Allow", &format!("{prefix}/prod/echo")), Some(no_match())),
        (statement("Deny", ARN), Some(denied())),
        (statement("Deny", &format!("{prefix}/prod/echo")), Some(no_match())),
    ] {
        let shown = output.to_string();
        let server = start(guarded(&[]), move |_| Reply::Json(output.clone())).await;
        let summary = connect(&server, "/prod", &[]).await.summary();
        let let_in = expected.is_none();
        assert_eq!(summary, expected.unwrap_or((101, String::new(), String::new())), "{shown}");
        assert_eq!(server.seen(CONNECT).len(), usize::from(let_in), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_refuses() {
    let broken = || refusal(500, "AuthorizerConfigurationException", BROKEN);
    let unauthorized = || refusal(401, "UnauthorizedException", UNAUTHORIZED);
    for (reply, expected) in [
        (Reply::Fails("Unauthorized"), unauthorized()),
        (Reply::Fails("unauthorized"), broken()),
        (Reply::Fails("Unauthorized: no"), broken()),
        (Reply::Throws, broken()),
        (Reply::Missing, broken()),
        (Reply::Throttled, broken()),
        (Reply::Json(json!(null)), broken()),
        (Reply::Json(json!("Allow")), broken()),
        (Reply::Json(json!({"statusCode": 401})), broken()),
        (Reply::Json(json!({"isAuthorized": true})), broken()),
        (Reply::Json(json!({"principalId": "u"})), broken()),
        (Reply::Json(json!({"policyDocument": statement("Allow", "*")["policyDocument"]})), broken()),
        (Reply::Json(allow_with("policyDocument", json!({"Statement": "x"}))), broken()),
        (Reply::Json(allow_with("context", json!({"a": {"b": 1}}))), broken()),
        (Reply::Json(allow_with("context", json!({"a": [1]}))), broken()),
        (Reply::Json(allow_with("context", json!({"a": "x".repeat(9000)}))), broken()),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let server = start(guarded(&[]), move |_| reply.lock().unwrap().take().unwrap()).await;
        assert_eq!(connect(&server, "/prod", &[]).await.summary(), expected);
        assert_eq!(server.seen(CONNECT).len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_reaches_every_event_as_text() {
    let context = json!({"n": 1, "b": true, "s": "x"});
    let server = start(guarded(&[]), move |_| Reply::Json(allow_with("context", context.clone()))).await;
    let mut client = connect(&server, "/prod", &[]).await.connected();
    client.send(r#"{"action":"echo"}"#).await;
    let message: Value = serde_json::from_str(&client.receive().await).unwrap();
    client.socket.close(None).await.unwrap();
    let connect = server.events(CONNECT, 1).await.remove(0);
    let disconnect = server.events(DISCONNECT, 1).await.remove(0);
    for context in [&connect["requestContext"], &message, &disconnect["requestContext"]] {
        let authorizer = &context["authorizer"];
        assert_eq!((&authorizer["n"], &authorizer["b"], &authorizer["s"]), (&json!("1"), &json!("true"), &json!("x")));
        assert_eq!(authorizer["principalId"], "u1");
        assert!(authorizer["integrationLatency"].is_u64(), "{authorizer}");
        assert_eq!(authorizer.as_object().unwrap().len(), 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_is_shown_the_whole_handshake_each_time() {
    let server = start(guarded(&[]), |_| Reply::Json(statement("Allow", "*"))).await;
    connect(&server, "/prod", &[]).await.connected();
    connect(&server, "/prod?token=abc&token=def", &[("x-api-key", "k"), ("X-Tenant", "t")]).await.connected();
    let asked = server.events(AUTHORIZER, 2).await;

    let (plain, full) = (&asked[0], &asked[1]);
    assert_eq!((&plain["type"], &plain["methodArn"]), (&json!("REQUEST"), &json!(ARN)));
    for name in ["queryStringParameters", "multiValueQueryStringParameters", "stageVariables"] {
        assert_eq!(plain[name], json!({}), "{name}");
    }
    let names: Vec<&str> = full["headers"].as_object().unwrap().keys().map(String::as_str).collect();
    for (name, value) in
        [("Connection", "upgrade"), ("Upgrade", "websocket"), ("content-length", "0"), ("x-api-key", "k")]
    {
        assert_eq!(full["headers"][name], value, "{names:?}");
        assert_eq!(full["multiValueHeaders"][name], json!([value]));
    }
    assert_eq!(full["queryStringParameters"], json!({"token": "def"}));
    assert_eq!(full["multiValueQueryStringParameters"], json!({"token": ["abc", "def"]}));
    for absent in ["isBase64Encoded", "path", "resource", "httpMethod", "pathParameters", "body"] {
        assert_eq!(full.get(absent), None, "{absent}");
    }
    assert_eq!(full["requestContext"].get("authorizer"), None);

    let connected = server.events(CONNECT, 2).await;
    for (asked, connected) in asked.iter().zip(&connected) {
        let (asked, connected) = (&asked["requestContext"], &connected["requestContext"]);
        for same in ["connectionId", "requestId", "eventType", "routeKey", "stage", "domainName", "identity"] {
            assert_eq!(asked[same], connected[same], "{same}");
        }
        assert_eq!(asked["eventType"], "CONNECT");
    }
}

const KEY: &str = "0123456789abcdefghij";

fn usage(plan: Value) -> Access {
    let mut plan = plan;
    plan["keys"] = json!(["key-1"]);
    plan["apiStages"] = json!([{"apiId": "chat", "stage": "prod"}]);
    let usage = json!({"apiKeys": [{"id": "key-1", "value": KEY}], "usagePlans": [plan]});
    Access { usage: serde_json::from_value::<UsageDefinition>(usage).unwrap(), ..Access::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_opens_the_stages_of_its_plan() {
    let api = || changed(json!({"apiKeyRequired": true}), json!({}), json!({}));
    let forbidden = || refusal(403, "ForbiddenException", FORBIDDEN);
    let unused = |_: &Value| Reply::Throws;
    let server = start_with(api(), usage(json!({})), Clock::System, unused).await;
    for headers in [&[][..], &[("x-api-key", "")], &[("x-api-key", "0123456789abcdefghiX")]] {
        assert_eq!(connect(&server, "/prod", headers).await.summary(), forbidden(), "{headers:?}");
    }
    let mut client = connect(&server, "/prod", &[("X-Api-Key", KEY), ("user-agent", "a")]).await.connected();
    client.send(r#"{"action":"echo"}"#).await;
    let message: Value = serde_json::from_str(&client.receive().await).unwrap();
    for context in [&server.events(CONNECT, 1).await[0]["requestContext"], &message] {
        let expected = json!({"apiKey": KEY, "apiKeyId": "key-1", "userAgent": "a", "sourceIp": "127.0.0.1"});
        assert_eq!(context["identity"], expected);
        assert_eq!(context.get("authorizer"), None);
    }
    assert_eq!(server.seen(CONNECT).len(), 1);

    let clock = Clock::manual(1_772_619_630_000);
    let server = start_with(api(), usage(json!({"quota": {"limit": 1, "period": "DAY"}})), clock.clone(), unused).await;
    let key = &[("x-api-key", KEY)];
    connect(&server, "/prod", key).await.connected();
    let summary = connect(&server, "/prod", key).await.summary();
    assert_eq!(summary, refusal(429, "LimitExceededException", r#"{"message":"Limit Exceeded"}"#));
    clock.advance(std::time::Duration::from_secs(24 * 60 * 60));
    connect(&server, "/prod", key).await.connected();

    let plan = json!({"throttle": {"rateLimit": 1.0, "burstLimit": 1}});
    let clock = Clock::manual(1_772_619_630_000);
    let server = start_with(api(), usage(plan), clock.clone(), unused).await;
    connect(&server, "/prod", key).await.connected();
    let summary = connect(&server, "/prod", key).await.summary();
    assert_eq!(summary, refusal(429, "TooManyRequestsException", r#"{"message":"Too Many Requests"}"#));
    clock.advance(std::time::Duration::from_secs(1));
    connect(&server, "/prod", key).await.connected();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorizer_may_bring_the_api_key() {
    let mut api = guarded(&[]);
    api.api_key_selection_expression = Some("$context.authorizer.usageIdentifierKey".into());
    api.routes.iter_mut().find(|route| route.route_key == "$connect").unwrap().api_key_required = true;
    for (key, status) in [(json!(KEY), 101), (json!("0123456789abcdefghiX"), 403), (json!(null), 403)] {
        let answer = allow_with("usageIdentifierKey", key.clone());
        let reply = move |_: &Value| Reply::Json(answer.clone());
        let server = start_with(api.clone(), usage(json!({})), Clock::System, reply).await;
        // The header is not what counts here.
        assert_eq!(connect(&server, "/prod", &[("x-api-key", KEY)]).await.summary().0, status, "{key}");
        if status == 101 {
            assert_eq!(server.events(CONNECT, 1).await[0]["requestContext"]["identity"]["apiKeyId"], "key-1");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_allowed_origins_connect_and_they_are_looked_at_first() {
    let mut api = guarded(&[]);
    api.stages[0].sluicegate.allowed_origins = vec!["https://app.example.org".into()];
    let server = start(api, |_| Reply::Json(statement("Allow", "*"))).await;
    for headers in [&[][..], &[("Origin", "https://evil.example.org")], &[("Origin", "null")]] {
        let expected = refusal(403, "ForbiddenException", FORBIDDEN);
        assert_eq!(connect(&server, "/prod", headers).await.summary(), expected, "{headers:?}");
    }
    assert_eq!(server.seen(AUTHORIZER).len(), 0);
    connect(&server, "/prod", &[("Origin", "https://app.example.org")]).await.connected();
}
