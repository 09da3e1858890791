//! What a handshake comes to, and what `$connect` is told.

use crate::fixture::{CONNECT, DISCONNECT, Functions, Reply, Server, api, api_with_stage, ok};
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate_gateway::{Clock, HubOptions};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::ClientRequestBuilder;

async fn server_that_answers(result: Value) -> Server {
    Server::start(Functions::default().on(CONNECT, move |_| Reply::Json(result.clone()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn any_2xx_connects() {
    for result in
        [json!({"statusCode": 200}), json!({"statusCode": 201}), json!({"statusCode": "200"}), json!({"headers": {}})]
    {
        let server = server_that_answers(result.clone()).await;
        for path in ["/prod", "/prod/", "/chat/prod"] {
            let request = ClientRequestBuilder::new(server.url(path).parse().unwrap());
            let client = server.connect_to(request).await.unwrap_or_else(|error| panic!("{result} {path}: {error}"));
            assert!(!client.headers.contains_key("sec-websocket-protocol"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_status_is_the_status_of_the_handshake() {
    for status in [301, 400, 401, 403, 501] {
        let result = json!({"statusCode": status, "body": "why", "headers": {"X-A": "1"}});
        let server = server_that_answers(result).await;
        let (got, headers, body) = server.refusal("/prod").await;
        assert_eq!((got, body.as_str()), (status, ""));
        assert!(!headers.contains_key("x-a"));
        // The place was given back and nothing else was told.
        assert_eq!(server.seen(DISCONNECT), Vec::<Value>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_are_none_are_gateway_errors() {
    for (reply, status) in [
        (Reply::Json(json!(null)), 502),
        (Reply::Json(json!("ok")), 502),
        (Reply::Json(json!({"statusCode": 200, "foo": 1})), 502),
        (Reply::Throws, 502),
        (Reply::Missing, 500),
        (Reply::Throttled, 500),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let server =
            Server::start(Functions::default().on(CONNECT, move |_| reply.lock().unwrap().take().unwrap())).await;
        let (got, headers, body) = server.refusal("/prod").await;
        assert_eq!((got, body.as_str()), (status, r#"{"message": "Internal server error"}"#));
        assert_eq!(headers["x-amzn-errortype"], "InternalServerErrorException");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_nothing_are_refused() {
    let server = Server::start(Functions::default()).await;
    for path in ["/nope", "/other/prod", "/prod/more/still", "/"] {
        let (status, headers, body) = server.refusal(path).await;
        assert_eq!((status, body.as_str()), (403, r#"{"message":"Forbidden"}"#), "{path}");
        assert_eq!(headers["x-amzn-errortype"], "ForbiddenException");
    }
    let plain = http::Request::get("/prod").header("host", "localhost").body(Full::default()).unwrap();
    assert_eq!(server.raw_http(plain).await.0, 426);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_subprotocol_is_the_functions_choice() {
    let server = Server::start(Functions::default().on(CONNECT, |event| {
        assert_eq!(event["headers"]["Sec-WebSocket-Protocol"], "chat1, myprotocol");
        Reply::Json(
            json!({"statusCode": 200, "headers": {"sec-websocket-protocol": "myprotocol", "Set-Cookie": "a=b"}}),
        )
    }))
    .await;
    let request = ClientRequestBuilder::new(server.url("/prod").parse().unwrap());
    let client = server.connect_to(request.with_sub_protocol("chat1").with_sub_protocol("myprotocol")).await.unwrap();
    assert_eq!(client.headers["sec-websocket-protocol"], "myprotocol");
    assert!(!client.headers.contains_key("set-cookie"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connect_event_is_the_one_aws_sends() {
    let server = Server::start(Functions::default()).await;
    let request = ClientRequestBuilder::new(server.url("/prod?a=1&a=2&b=x%20y").parse().unwrap())
        .with_header("x-custom", "v")
        .with_header("User-Agent", "Example/1.0");
    let _client = server.connect_to(request).await.unwrap();
    let event = server.events(CONNECT, 1).await.remove(0);

    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&event),
        [
            "headers",
            "isBase64Encoded",
            "multiValueHeaders",
            "multiValueQueryStringParameters",
            "queryStringParameters",
            "requestContext",
        ]
    );
    assert_eq!(event["multiValueQueryStringParameters"], json!({"a": ["1", "2"], "b": ["x y"]}));
    assert_eq!(event["queryStringParameters"], json!({"a": "2", "b": "x y"}));
    assert_eq!(event["isBase64Encoded"], false);

    let headers = names(&event["headers"]);
    for present in [
        "Host",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "X-Amzn-Trace-Id",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
        "x-custom",
    ] {
        assert!(headers.iter().any(|name| name == present), "{present} in {headers:?}");
    }
    for absent in ["connection", "upgrade", "content-length"] {
        assert!(!headers.iter().any(|name| name.eq_ignore_ascii_case(absent)), "{absent} in {headers:?}");
    }
    assert_eq!(event["headers"]["X-Forwarded-For"], "127.0.0.1");
    assert_eq!(event["multiValueHeaders"]["x-custom"], json!(["v"]));

    let context = &event["requestContext"];
    assert_eq!(
        names(context),
        [
            "apiId",
            "connectedAt",
            "connectionId",
            "domainName",
            "eventType",
            "extendedRequestId",
            "identity",
            "messageDirection",
            "requestId",
            "requestTime",
            "requestTimeEpoch",
            "routeKey",
            "stage",
        ]
    );
    assert_eq!((&context["routeKey"], &context["eventType"]), (&json!("$connect"), &json!("CONNECT")));
    assert_eq!((&context["apiId"], &context["stage"]), (&json!("chat"), &json!("prod")));
    assert_eq!(context["domainName"], "chat.execute-api.us-east-1.amazonaws.com");
    assert_eq!(context["requestId"], context["extendedRequestId"]);
    assert_ne!(context["requestId"], context["connectionId"]);
    assert_eq!(context["identity"], json!({"sourceIp": "127.0.0.1", "userAgent": "Example/1.0"}));
    assert!(context["requestTimeEpoch"].as_u64().unwrap() >= context["connectedAt"].as_u64().unwrap());
    assert!(context["requestTime"].as_str().unwrap().ends_with(" +0000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_without_a_value_are_left_out_and_stage_variables_shown() {
    let with_variables = api_with_stage(json!({"stageName": "dev", "stageVariables": {"alias": "live"}}));
    let server = Server::with(Functions::default(), vec![with_variables], HubOptions::default(), Clock::System).await;
    for path in ["/prod", "/dev"] {
        server.connect_to(ClientRequestBuilder::new(server.url(path).parse().unwrap())).await.unwrap();
    }
    let events = server.events(CONNECT, 2).await;
    assert!(events[0].get("queryStringParameters").is_none() && events[0].get("stageVariables").is_none());
    assert_eq!(events[0]["requestContext"]["identity"], json!({"sourceIp": "127.0.0.1"}));
    assert_eq!(events[1]["stageVariables"], json!({"alias": "live"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_of_the_api_stands_for_it() {
    let server = Server::start(Functions::default()).await;
    let host = "chat.execute-api.eu-west-1.amazonaws.com";
    let request = ClientRequestBuilder::new(format!("ws://{host}/prod").parse().unwrap());
    let _client = server.connect_to(request).await.unwrap();
    assert_eq!(server.events(CONNECT, 1).await[0]["requestContext"]["domainName"], host);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_during_connect_is_still_disconnected() {
    let gate = Arc::new(Notify::new());
    let handler_gate = gate.clone();
    let functions = Functions::default()
        .on(CONNECT, move |_| Reply::After(handler_gate.clone(), json!({"statusCode": 200})))
        .on(DISCONNECT, |_| ok());
    let server = Server::start(functions).await;
    let attempt = tokio::spawn({
        let url = server.url("/prod");
        async move { tokio_tungstenite::connect_async(url).await.map(drop) }
    });
    let connect = server.events(CONNECT, 1).await.remove(0);
    attempt.abort();
    let _ = attempt.await;
    gate.notify_one();
    let disconnect = server.events(DISCONNECT, 1).await.remove(0);
    assert_eq!(disconnect["requestContext"]["connectionId"], connect["requestContext"]["connectionId"]);
    assert_eq!(disconnect["requestContext"]["disconnectStatusCode"], 1006);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_says_so_and_takes_clients_again_when_others_leave() {
    let options = HubOptions { max_connections: 1, ..HubOptions::default() };
    let server = Server::with(Functions::default(), vec![api()], options, Clock::System).await;
    let mut first = server.connect().await;
    assert_eq!(server.refusal("/prod").await.0, 503);
    first.socket.close(None).await.unwrap();
    assert!(first.closed().await.is_some());
    drop(first);
    server.events(DISCONNECT, 1).await;
    // The place is free as soon as the socket is done, which follows the event at once but is not announced.
    while server.connect_to(ClientRequestBuilder::new(server.url("/prod").parse().unwrap())).await.is_err() {
        tokio::task::yield_now().await;
    }
}
