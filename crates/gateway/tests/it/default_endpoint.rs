//! `disableExecuteApiEndpoint`: an API that is not reached by its default host name.

use crate::fixture::{CONNECT, Functions, Server, api};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::Value;
use sluicegate_gateway::{Clock, HubOptions};
use tokio_tungstenite::tungstenite::{self, ClientRequestBuilder};

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_default_endpoint_refuses_handshakes_and_callbacks() {
    let mut definition = api();
    definition.disable_execute_api_endpoint = true;
    let server = Server::with(Functions::default(), vec![definition], HubOptions::default(), Clock::System).await;
    for host in ["chat.execute-api.us-east-1.amazonaws.com", "CHAT.Execute-Api.localhost"] {
        let request = ClientRequestBuilder::new(format!("ws://{host}/prod").parse().unwrap());
        match server.connect_to(request).await {
            Err(tungstenite::Error::Http(response)) => {
                assert_eq!(response.status(), 403, "{host}");
                assert_eq!(response.headers()["x-amzn-errortype"], "ForbiddenException");
                assert_eq!(response.body().as_deref(), Some(br#"{"message":"Forbidden"}"#.as_slice()));
            }
            Err(other) => panic!("no HTTP answer: {other}"),
            Ok(_) => panic!("connected to {host}"),
        }
        let callback = http::Request::get("/prod/@connections/L0SM9cOFvHcCIhw=")
            .header("host", host)
            .header("authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c")
            .body(Full::<Bytes>::default())
            .unwrap();
        assert_eq!(server.raw_http(callback).await.0, 403, "{host}");
    }
    assert_eq!(server.seen(CONNECT), Vec::<Value>::new());
    // Any other name of the server still leads to the API, as a custom domain would.
    server.connect().await;
}
