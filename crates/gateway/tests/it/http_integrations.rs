//! HTTP and HTTP_PROXY integrations, in front of real backends, good and bad.

use crate::backend::{Backend, Misbehaviour, misbehaving};
use crate::fixture::{CONNECT, Functions};
use crate::integrations::{api_connecting_with, api_with, echoing, hears_nothing, is_error, serve, silent};
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_passes_the_message_and_the_answer_as_they_are() {
    for status in [200, 302, 404, 500] {
        let backend = Backend::answering(status, "the backend's own words").await;
        let api = api_with(json!({"integrationType": "HTTP_PROXY", "integrationMethod": "POST",
            "integrationUri": backend.url("/in?fixed=1"),
            "requestParameters": {"integration.request.header.connectionId": "context.connectionId"}}));
        let server = serve(Functions::default(), api).await;
        let mut client = server.connect().await;
        let message = r#"{ "action" : "x" , "n":1.0 }"#;
        client.send(message).await;
        assert_eq!(client.receive().await, "the backend's own words", "{status}");
        let seen = backend.request().await;
        assert_eq!(
            (seen.method.as_str(), seen.target.as_str(), &*seen.body),
            ("POST", "/in?fixed=1", message.as_bytes())
        );
        let id = server.seen(CONNECT)[0]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
        assert_eq!(seen.header("connectionId"), Some(id.as_str()));
        assert_eq!(seen.header("user-agent"), Some("AmazonAPIGateway_chat"));
        assert_eq!(seen.header("x-amzn-apigateway-api-id"), Some("chat"));
        assert!(seen.header("x-amzn-trace-id").unwrap().starts_with("Root=1-"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_mapped_is_not_sent_and_what_is_not_wanted_not_answered() {
    let backend = Backend::answering(500, "unwanted").await;
    let api = silent(api_with(json!({"integrationType": "HTTP", "integrationMethod": "PUT",
        "integrationUri": backend.url("/"), "contentHandlingStrategy": null})));
    let server = serve(echoing(), api).await;
    let mut client = server.connect().await;
    client.send(r#"{"action":"x"}"#).await;
    let seen = backend.request().await;
    assert_eq!((seen.method.as_str(), seen.header("connectionId")), ("PUT", None));
    assert!(!seen.headers.keys().any(|name| name.as_str().starts_with("sec-websocket")), "{:?}", seen.headers);
    hears_nothing(&mut client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_chooses_the_response_and_its_template() {
    let backend = Backend::start(|seen| {
        let status = if seen.target.ends_with("/known") { 200 } else { 404 };
        Response::builder().status(status).header("x-kind", "k").body(Bytes::from_static(br#"{"a":[1]}"#)).unwrap()
    })
    .await;
    let api = api_with(json!({"integrationType": "HTTP", "integrationMethod": "GET",
    "integrationUri": backend.url("/users/{user}"),
    "requestParameters": {"integration.request.path.user": "route.request.body.user"},
    "integrationResponses": [
        {"integrationResponseKey": "/4\\d\\d/", "responseTemplates": {"$default": "nobody"}},
        {"integrationResponseKey": "$default", "templateSelectionExpression": "${integration.response.header.x-kind}",
            "responseTemplates": {"k": "a is $input.json('$.a')", "$default": "not this one"}},
    ]}));
    let server = serve(Functions::default(), api).await;
    let mut client = server.connect().await;
    for (user, target, expected) in [
        ("known", "/users/known", "a is [1]"),
        ("other", "/users/other", "nobody"),
        // A value cannot leave its place in the address.
        ("../admin?x=/known", "/users/..%2Fadmin%3Fx%3D%2Fknown", "nobody"),
    ] {
        client.send(&json!({"action": "x", "user": user}).to_string()).await;
        assert_eq!(client.receive().await, expected, "{user}");
        assert_eq!(backend.seen().last().unwrap().target, target);
    }
    let requests = backend.seen().len();
    for user in [json!(".."), json!("."), json!(""), json!(null)] {
        client.send(&json!({"action": "x", "user": user}).to_string()).await;
        assert!(is_error(&client.receive().await, "Internal server error"), "{user}");
    }
    assert_eq!(backend.seen().len(), requests);
    assert_eq!(backend.connections(), 1, "connections are used again");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sources_of_parameters_reach_a_message_backend() {
    let backend = Backend::answering(200, "ok").await;
    let mut api = api_with(json!({"integrationType": "HTTP_PROXY", "integrationMethod": "ANY",
    "integrationUri": "http://127.0.0.1:${stageVariables.port}/${stageVariables.env}",
    "requestParameters": {
        "integration.request.header.literal": "'a b'",
        "integration.request.header.User-Agent": "'mine'",
        "integration.request.header.ip": "context.identity.sourceIp",
        "integration.request.header.nothing": "context.authorizer.principalId",
        "integration.request.header.query": "route.request.querystring.token",
        "integration.request.querystring.env": "stageVariables.env",
        "integration.request.querystring.list": "route.request.body.list",
        "integration.request.querystring.nested": "route.request.body.a.b[0]",
    }}));
    let variables = [("port", backend.address.port().to_string()), ("env", "test".to_owned())];
    api.stages[0].stage_variables.extend(variables.map(|(name, value)| (name.to_owned(), value)));
    let server = serve(Functions::default(), api).await;
    let mut client = server.connect().await;
    client.send(r#"{"action":"x","list":[1,"&b"],"a":{"b":["ä/c"]}}"#).await;
    assert_eq!(client.receive().await, "ok");
    let seen = backend.request().await;
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.target, "/test?env=test&list=%5B1%2C%20%26b%5D&nested=%C3%A4%2Fc");
    for (name, value) in [
        ("literal", Some("a b")),
        ("user-agent", Some("mine")),
        ("ip", Some("127.0.0.1")),
        ("nothing", None),
        ("query", None),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapped_value_cannot_add_headers() {
    let backend = Backend::answering(200, "ok").await;
    let api = api_with(json!({"integrationType": "HTTP_PROXY", "integrationMethod": "POST",
        "integrationUri": backend.url("/"),
        "requestParameters": {"integration.request.header.name": "route.request.body.name"}}));
    let server = serve(Functions::default(), api).await;
    let mut client = server.connect().await;
    client.send(r#"{"action":"x","name":"a\r\nrole: admin"}"#).await;
    assert!(is_error(&client.receive().await, "Internal server error"));
    assert_eq!(backend.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn base64_goes_out_as_bytes_and_bytes_come_back_as_base64() {
    let backend = Backend::start(|seen| Response::new(seen.body.clone())).await;
    let integration = |kind: &str, response: Option<&str>| {
        json!({"integrationType": kind, "integrationMethod": "POST", "integrationUri": backend.url("/"),
            "contentHandlingStrategy": "CONVERT_TO_BINARY",
            "integrationResponses": [{"integrationResponseKey": "$default", "contentHandlingStrategy": response}]})
    };
    let bytes = Message::binary(vec![0u8, 255]);
    for (kind, response, expected) in [
        ("HTTP_PROXY", None, bytes.clone()),
        ("HTTP", None, bytes),
        ("HTTP", Some("CONVERT_TO_TEXT"), Message::text("AP8=")),
    ] {
        let mut api = api_with(integration(kind, response));
        // Base64 is no JSON, so it goes to `$default`.
        api.routes.retain(|route| route.route_key != "$default");
        api.routes.last_mut().unwrap().route_key = "$default".to_owned();
        let server = serve(Functions::default(), api).await;
        let mut client = server.connect().await;
        let earlier = backend.seen().len();
        client.send("AP8=").await;
        assert_eq!(client.next().await, Some(expected), "{kind} {response:?}");
        let seen = backend.requests(earlier + 1).await.pop().unwrap();
        assert_eq!((&*seen.body, seen.header("content-type")), (&[0, 255][..], Some("application/octet-stream")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_connect_gets_the_handshake_and_decides() {
    for (status, expected) in [(200, 101), (204, 101), (400, 400), (302, 302), (503, 503)] {
        let backend = Backend::start(move |_| {
            let response = Response::builder().status(status).header("Sec-WebSocket-Protocol", "chat2");
            response.body(Bytes::new()).unwrap()
        })
        .await;
        let api = api_connecting_with(json!({"integrationType": "HTTP_PROXY", "integrationMethod": "ANY",
        "integrationUri": backend.url("/connect"),
        "requestParameters": {
            "integration.request.header.Sec-WebSocket-Version": "'0'",
            "integration.request.header.connectionId": "context.connectionId",
            "integration.request.header.all": "route.request.multivalueheader.X-Many",
            "integration.request.querystring.auth": "route.request.querystring.token",
            "integration.request.querystring.all": "route.request.multivaluequerystring.token",
        }}));
        let server = serve(Functions::default(), api).await;
        let url = server.url("/prod?token=t%201&token=u");
        let request = ClientRequestBuilder::new(url.parse().unwrap())
            .with_header("X-Mine", "m")
            .with_header("X-Many", "1")
            .with_header("User-Agent", "Browser")
            .with_sub_protocol("chat2");
        match server.connect_to(request).await {
            Ok(client) => {
                assert_eq!((expected, &client.headers["sec-websocket-protocol"]), (101, &"chat2".parse().unwrap()))
            }
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                assert_eq!(
                    (response.status().as_u16(), response.body().as_deref().unwrap_or_default()),
                    (expected, &[][..])
                );
            }
            Err(error) => panic!("{error}"),
        }
        let seen = backend.request().await;
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/connect?all=t%201&all=u&auth=u"));
        for (name, value) in [
            ("sec-websocket-version", Some("0")),
            ("sec-websocket-protocol", Some("chat2")),
            ("x-mine", Some("m")),
            ("all", Some("1")),
            ("user-agent", Some("AmazonAPIGateway_chat")),
            ("x-forwarded-for", Some("127.0.0.1")),
            ("x-forwarded-proto", Some("http")),
            ("host", Some(backend.address.to_string().as_str())),
            ("upgrade", None),
            ("connection", None),
        ] {
            assert_eq!(seen.header(name), value, "{name}");
        }
        assert!(seen.header("sec-websocket-key").is_some() && seen.header("connectionId").is_some());
        assert_eq!(seen.headers.get_all("sec-websocket-version").iter().count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_that_misbehave_are_errors_and_cost_little() {
    let writes = |bytes: &'static str| Misbehaviour::Writes(bytes.as_bytes());
    for (misbehaviour, message) in [
        (Misbehaviour::NeverAnswers, "Endpoint request timed out"),
        (Misbehaviour::Closes, "Internal server error"),
        (writes("HTTP/1.1 999999 OK\r\n\r\n"), "Internal server error"),
        (writes("SSH-2.0-OpenSSH_9.6\r\n"), "Internal server error"),
        (writes("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), "Internal server error"),
        (writes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"), "Internal server error"),
        (Misbehaviour::Endless, "Internal server error"),
    ] {
        let address = misbehaving(misbehaviour).await;
        let integration = json!({"integrationType": "HTTP_PROXY", "integrationMethod": "POST",
            "integrationUri": format!("http://{address}/"),
            "timeoutInMillis": if matches!(misbehaviour, Misbehaviour::NeverAnswers) { 50 } else { 29_000 }});
        let server = serve(echoing(), api_with(integration.clone())).await;
        let mut client = server.connect().await;
        client.send(r#"{"action":"x"}"#).await;
        let frame = client.receive().await;
        assert!(is_error(&frame, message), "{misbehaviour:?}: {frame}");
        hears_nothing(&mut client).await;

        let server = serve(Functions::default(), api_connecting_with(integration)).await;
        let expected = if message.starts_with("Endpoint") { 504 } else { 502 };
        assert_eq!(server.refusal("/prod").await.0, expected, "{misbehaviour:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switching_backend_admits_nobody() {
    let address = misbehaving(Misbehaviour::Writes(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ))
    .await;
    let api = api_connecting_with(json!({"integrationType": "HTTP_PROXY", "integrationMethod": "GET",
        "integrationUri": format!("http://{address}/")}));
    let server = serve(Functions::default(), api).await;
    assert_eq!(server.refusal("/prod").await.0, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_not_there_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for uri in [format!("http://{address}/"), format!("https://{address}/"), "${stageVariables.missing}".to_owned()] {
        let api = silent(api_with(
            json!({"integrationType": "HTTP_PROXY", "integrationMethod": "POST", "integrationUri": uri}),
        ));
        let server = serve(echoing(), api).await;
        let mut client = server.connect().await;
        client.send(r#"{"action":"x"}"#).await;
        let frame = client.receive().await;
        assert!(is_error(&frame, "Internal server error"), "{uri}: {frame}");
        hears_nothing(&mut client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnect_may_be_reported_to_a_backend() {
    let backend = Backend::answering(200, "").await;
    let mut api = api_with(json!({"integrationType": "HTTP_PROXY", "integrationMethod": "POST",
        "integrationUri": backend.url("/gone"),
        "requestParameters": {"integration.request.header.id": "context.connectionId",
            "integration.request.header.code": "context.disconnectStatusCode"}}));
    let route = api.routes.iter_mut().find(|route| route.route_key == "$disconnect").unwrap();
    route.target = Some("integrations/x".to_owned());
    let server = serve(Functions::default(), api).await;
    let mut client = server.connect().await;
    client.socket.close(None).await.unwrap();
    let seen = backend.request().await;
    let id: Value = server.seen(CONNECT)[0]["requestContext"]["connectionId"].clone();
    assert_eq!((seen.header("id"), seen.header("code")), (id.as_str(), Some("1005")));
}
