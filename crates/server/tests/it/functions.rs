//! Functions of local processes behind a WebSocket API and behind Lambda's `Invoke`.

use serde_json::{Value, json};
use sluicegate::config::{DomainName, FileList, Value as _};
use sluicegate_testkit::{PATIENCE, Received, ServerProcess, TestServer, WebSocket, request};
use std::io::Write;
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

const AUTHORIZATION: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
);

/// The API of the guide with this function.
fn api(function: &Value) -> NamedTempFile {
    let mut api: Value = serde_json::from_str(include_str!("../../../../docs/guides/websocket-api.json")).unwrap();
    api["functions"] = json!({ "backend": function });
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(api.to_string().as_bytes()).unwrap();
    file
}

async fn serve(api: &NamedTempFile) -> TestServer {
    TestServer::with(|config| {
        config.app.0.clear();
        config.api = FileList(vec![api.path().to_owned()]);
    })
    .await
}

/// Posts to its own connection as handlers do on AWS, then answers.
const NODE: &str = "
const https = require('https');
exports.handler = async (event) => {
  const { domainName, stage, connectionId, eventType } = event.requestContext;
  if (eventType === 'MESSAGE') {
    const path = `/${stage}/@connections/${encodeURIComponent(connectionId)}`;
    await new Promise((resolve, reject) => {
      const headers = { authorization: 'AWS4-HMAC-SHA256 Credential=k/d/r/execute-api/aws4_request, SignedHeaders=host, Signature=0' };
      const request = https.request({ host: domainName, path, method: 'POST', headers }, (response) => response.resume().on('end', resolve));
      request.on('error', reject).end('posted ' + event.body);
    });
  }
  return { statusCode: 200, body: `answered ${event.body}` };
};";

const PYTHON: &str = "
import urllib.parse, urllib.request

def handler(event, context):
    context = event['requestContext']
    if context['eventType'] == 'MESSAGE':
        path = context['stage'] + '/@connections/' + urllib.parse.quote(context['connectionId'], safe='')
        headers = {'Authorization': 'AWS4-HMAC-SHA256 Credential=k/d/r/execute-api/aws4_request, SignedHeaders=host, Signature=0'}
        url = 'https://' + context['domainName'] + '/' + path
        urllib.request.urlopen(urllib.request.Request(url, b'posted ' + event['body'].encode(), headers)).read()
    return {'statusCode': 200, 'body': 'answered ' + event.get('body', '')}
";

#[tokio::test]
async fn a_handler_answers_and_posts_to_its_connection_as_on_aws() {
    for (runtime, text) in [("nodejs22.x", NODE), ("python3.12", PYTHON)] {
        let function = json!({
            "runtime": runtime, "handler": "index.handler", "zipFile": text, "timeoutSeconds": 10, "memorySize": 256,
        });
        let server = serve(&api(&function)).await;
        let mut client = server.connect("/echo/prod").await;
        client.send("hello").await;
        assert_eq!(client.receive().await, Received::Text("posted hello".into()), "{runtime}");
        assert_eq!(client.receive().await, Received::Text("answered hello".into()), "{runtime}");
        client.close().await;
        server.stop().await;
    }
}

#[tokio::test]
async fn events_name_the_domain_that_is_configured() {
    let text = "exports.handler = (e) => ({ statusCode: 200, body: e.requestContext.domainName })";
    let function = json!({ "runtime": "nodejs24.x", "handler": "index.handler", "zipFile": text });
    let api = api(&function);
    for (setting, expected) in
        [("aws", "echo.execute-api.us-east-1.amazonaws.com"), ("ws.example.org/{api}", "ws.example.org/echo")]
    {
        let server = TestServer::with(|config| {
            config.app.0.clear();
            config.api = FileList(vec![api.path().to_owned()]);
            config.domain_name = DomainName::parse(setting).unwrap();
        })
        .await;
        let mut client = server.connect("/echo/prod").await;
        client.send("hello").await;
        assert_eq!(client.receive().await, Received::Text(expected.into()));
        client.close().await;
        server.stop().await;
    }
}

#[tokio::test]
async fn functions_of_every_kind_can_be_invoked() {
    let function =
        json!({ "runtime": "nodejs24.x", "handler": "index.handler", "zipFile": "exports.handler = (e) => [e]" });
    let api = api(&function);
    // With the bundled application, whose functions run in the server.
    let server = TestServer::with(|config| config.api = FileList(vec![api.path().to_owned()])).await;
    for (function, payload, status, expected) in
        [("backend", json!(7), 200, json!([7])), ("live-metrics-nobody", json!({}), 404, Value::Null)]
    {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let response = request(server.listen(), "POST", &path, &[AUTHORIZATION], payload.to_string().as_bytes()).await;
        assert_eq!(response.status, status, "{}", response.text());
        if status == 200 {
            assert_eq!(response.json(), expected);
        }
    }
    let unsigned = request(server.listen(), "POST", "/2015-03-31/functions/backend/invocations", &[], b"{}").await;
    assert_eq!(unsigned.status, 403);
    server.stop().await;
}

#[tokio::test]
async fn a_killed_server_leaves_no_process_behind() {
    // Given a handler with a child in its group, and one that has left it.
    let text = "import os, time\ndef handler(event, context):\n  pids = [os.getpid()]\n  for leaves in (False, True):\n    \
                child = os.fork()\n    if child == 0:\n      if leaves: os.setsid()\n      time.sleep(600)\n      os._exit(0)\n    \
                pids.append(child)\n  return {'statusCode': 200, 'body': ' '.join(map(str, pids))}";
    let function =
        json!({ "runtime": "python3.12", "handler": "index.handler", "zipFile": text, "timeoutSeconds": 10 });
    let (api, data) = (api(&function), tempfile::tempdir().unwrap());
    let arguments = ["--app", "none", "--api", api.path().to_str().unwrap()];
    let server = ServerProcess::start(env!("CARGO_BIN_EXE_sluicegate"), data.path(), &arguments).await;
    let mut client = WebSocket::connect(server.listen(), "/echo/prod").await;
    client.send("hello").await;
    let Received::Text(pids) = client.receive().await else { panic!("expected a text") };
    assert_eq!(pids.split(' ').filter(|pid| is_alive(pid)).count(), 3, "{pids}");

    server.kill().await;

    let start = Instant::now();
    while pids.split(' ').any(is_alive) {
        assert!(start.elapsed() < PATIENCE, "{pids}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn a_function_that_cannot_run_keeps_the_server_from_starting() {
    let data = tempfile::tempdir().unwrap();
    for (function, expected) in [
        (
            json!({ "runtime": "nodejs22.x", "handler": "h.h", "code": "no-such-folder" }),
            "no-such-folder cannot be read",
        ),
        (json!({ "runtime": "nodejs22.x", "handler": "h.h", "zipFile": "", "memorySize": 1 }), "1 MB of memory is not"),
    ] {
        let api = api(&function);
        let arguments = ["--app", "none", "--api", api.path().to_str().unwrap(), "--listen", "127.0.0.1:0"];
        let (code, said) = ServerProcess::refused(env!("CARGO_BIN_EXE_sluicegate"), data.path(), &arguments).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("cannot run a function: function backend: ") && said.contains(expected), "{said}");
    }
}
