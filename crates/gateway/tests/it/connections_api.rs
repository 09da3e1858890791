//! `@connections` on the wire: paths, statuses, headers, bodies.

use crate::fixture::{CONNECT, Client, DISCONNECT, Functions, Server, api_with_stage};
use http_body_util::Full;
use sluicegate_gateway::{Clock, HubOptions};
use tokio_tungstenite::tungstenite::ClientRequestBuilder;

async fn connected() -> (Server, Client, String) {
    let server = Server::start(Functions::default()).await;
    let client = server.connect().await;
    let id = server.seen(CONNECT)[0]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    (server, client, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_reaches_the_client_however_its_path_is_written() {
    let (server, mut client, id) = connected().await;
    let bare = id.trim_end_matches('=');
    for path in [
        format!("/prod/@connections/{id}"),
        format!("/prod/@connections/{bare}%3D"),
        format!("/prod/%40connections/{bare}%3D"),
        format!("/prod//@connections/{bare}%3D"),
        format!("/chat/prod/@connections/{id}"),
    ] {
        let (status, headers, body) = server.http("POST", &path, path.clone()).await;
        assert_eq!((status, body.as_str()), (200, ""), "{path}");
        assert_eq!(headers["content-type"], "application/json");
        assert!(headers.contains_key("x-amzn-requestid") && headers.contains_key("x-amzn-trace-id"));
        assert_eq!(client.receive().await, path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_up_to_128_kb_arrive_unchanged() {
    let (server, mut client, id) = connected().await;
    let path = format!("/prod/@connections/{id}");
    for length in [0, 1, 32_768, 32_769, 131_072] {
        let payload = "x".repeat(length);
        assert_eq!(server.http("POST", &path, payload.clone()).await.0, 200, "{length}");
        assert_eq!(client.receive().await, payload);
    }
    let (status, headers, body) = server.http("POST", &path, "x".repeat(131_073)).await;
    assert_eq!(
        (status, &headers["x-amzn-errortype"]),
        (413, &http::HeaderValue::from_static("PayloadTooLargeException"))
    );
    assert!(body.contains("\"message\""), "{body}");
    assert_eq!(server.http("POST", &path, vec![0xFF, 0xFE]).await.0, 200);
    assert_eq!(client.next().await.unwrap().into_data().as_ref(), [0xFF, 0xFE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_can_be_looked_up() {
    let (server, _client, id) = connected().await;
    let (status, _, body) = server.http("GET", &format!("/prod/@connections/{id}"), "").await;
    assert_eq!(status, 200);
    let start = "{\n  \"identity\" : {\n    \"sourceIp\" : \"127.0.0.1\",\n    \"userAgent\" : null\n  },\n  \"connectedAt\" : \"20";
    assert!(body.starts_with(start), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_connection_is_closed_and_gone() {
    let (server, mut client, id) = connected().await;
    let path = format!("/prod/@connections/{id}");
    let (status, headers, body) = server.http("DELETE", &path, "").await;
    assert_eq!((status, body.as_str(), headers.contains_key("content-type")), (204, "", false));
    assert_eq!(client.closed().await, Some((1000, "Connection Closed Normally".to_owned())));
    let event = server.events(DISCONNECT, 1).await.remove(0);
    assert_eq!(event["requestContext"]["disconnectStatusCode"], 1000);
    assert_eq!(event["requestContext"]["disconnectReason"], "Connection Closed Normally");
    for method in ["DELETE", "GET", "POST"] {
        let (status, headers, body) = server.http(method, &path, "").await;
        assert_eq!((status, body.as_str()), (410, ""), "{method}");
        assert_eq!(headers["x-amzn-errortype"], "GoneException");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_connection_is_refused() {
    let (server, _client, id) = connected().await;
    for (path, status, code, message) in [
        (format!("/prod/@connections/{id}test"), 400, "BadRequestException", format!("Invalid connectionId: {id}test")),
        ("/prod/@connections/x".to_owned(), 400, "BadRequestException", "Invalid connectionId: x".to_owned()),
        ("/prod/@connections/AAAAAAAAAAAAAAA=".to_owned(), 410, "GoneException", String::new()),
        (format!("/dev/@connections/{id}"), 403, "ForbiddenException", "Forbidden".to_owned()),
        (format!("/@connections/{id}"), 403, "ForbiddenException", "Forbidden".to_owned()),
    ] {
        let (got, headers, body) = server.http("POST", &path, "x").await;
        assert_eq!((got, headers["x-amzn-errortype"].to_str().unwrap()), (status, code), "{path}");
        let expected = if message.is_empty() { String::new() } else { format!(r#"{{"message":"{message}"}}"#) };
        assert_eq!(body, expected);
    }
    for header in [None, Some("Bearer x")] {
        let mut request = http::Request::post(format!("/prod/@connections/{id}")).header("host", "localhost");
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let (status, headers, _) = server.raw_http(request.body(Full::default()).unwrap()).await;
        let code =
            if header.is_some() { "IncompleteSignatureException" } else { "MissingAuthenticationTokenException" };
        assert_eq!((status, headers["x-amzn-errortype"].to_str().unwrap()), (403, code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_do_not_know_each_others_connections() {
    let two_stages = api_with_stage(serde_json::json!({"stageName": "dev"}));
    let server = Server::with(Functions::default(), vec![two_stages], HubOptions::default(), Clock::System).await;
    let mut dev = server.connect_to(ClientRequestBuilder::new(server.url("/dev").parse().unwrap())).await.unwrap();
    let _prod = server.connect().await;
    let id = server.seen(CONNECT)[0]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    assert_eq!(server.http("POST", &format!("/prod/@connections/{id}"), "x").await.0, 410);
    assert_eq!(server.http("POST", &format!("/dev/@connections/{id}"), "x").await.0, 200);
    assert_eq!(server.broadcast(&["only prod"]).await.accepted, 1);
    assert_eq!(dev.receive().await, "x");
}
