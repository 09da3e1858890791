//! What a browser gets.

use sluicegate_testkit::{TestServer, request};

#[tokio::test]
async fn the_page_comes_with_its_guards() {
    let server = TestServer::start().await;
    let page = server.get("/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let policy = page.header("content-security-policy").unwrap();
    for guard in ["default-src 'self'", "connect-src 'self' ws: wss:", "frame-ancestors 'none'"] {
        assert!(policy.contains(guard), "{guard}: {policy}");
    }

    let tag = page.header("etag").unwrap();
    let again = request(server.listen(), "GET", "/", &[("if-none-match", tag)], b"").await;
    assert_eq!((again.status, again.body.len()), (304, 0));

    let head = request(server.listen(), "HEAD", "/", &[], b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    server.stop().await;
}

#[tokio::test]
async fn the_page_learns_which_apis_there_are() {
    let server = TestServer::start().await;
    let apis = server.get("/sluicegate.json").await.json();
    assert_eq!(apis["apis"][0]["id"], "live-metrics");
    assert_eq!(apis["apis"][0]["stage"], "prod");
    assert_eq!(apis["apis"][0]["path"], "/live-metrics/prod");
    server.stop().await;
}
