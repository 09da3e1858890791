"""Handlers call back by the addresses they would use on AWS, however they come by them and whatever they call with."""

import base64
import json
import socketserver
import sys
import threading
from pathlib import Path

import pytest
from websockets.sync.client import connect

from server_process import ROOT

NODE_MODULES = ROOT / "acceptance/js/node_modules"
OURS = "echo.execute-api.us-east-1.amazonaws.com"
URL = f"https://{OURS}/prod"

#: Requests that are written by hand must be signed by somebody; here it does not matter by whom.
SIGNED = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=s"

NODE_SDK = """
import {{ ApiGatewayManagementApiClient, PostToConnectionCommand }} from "@aws-sdk/client-apigatewaymanagementapi";
export const handler = async ({{ requestContext: {{ domainName, stage, apiId, connectionId, eventType }}, body }}) => {{
  if (eventType !== "MESSAGE") return {{ statusCode: 200 }};
  const api = new ApiGatewayManagementApiClient({{ endpoint: {endpoint} }});
  await api.send(new PostToConnectionCommand({{ ConnectionId: connectionId, Data: `posted ${{body}}` }}));
  return {{ statusCode: 200 }};
}};
"""

#: As the JavaScript SDK v2 does it: an endpoint without a scheme, and the module `https`.
NODE_HTTPS = f"""
const https = require("https");
exports.handler = async ({{ requestContext: {{ domainName, stage, connectionId, eventType }}, body }}) => {{
  if (eventType !== "MESSAGE") return {{ statusCode: 200 }};
  const [host, path] = `${{domainName}}/${{stage}}`.split("/");
  const agent = new https.Agent({{ keepAlive: true }});
  const options = {{ host, agent, method: "POST", path: `/${{path}}/@connections/${{encodeURIComponent(connectionId)}}` }};
  await new Promise((done, failed) => {{
    const request = https.request({{ ...options, headers: {{ authorization: "{SIGNED}" }} }}, (answer) => answer.resume().on("end", done));
    request.on("error", failed).end(`posted ${{body}}`);
  }});
  return {{ statusCode: 200 }};
}};
"""

#: `fetch`, and once more in a worker, which has modules of its own.
NODE_FETCH = f"""
import {{ Worker }} from "node:worker_threads";
const headers = {{ authorization: "{SIGNED}" }};
export const handler = async ({{ requestContext: {{ domainName, stage, connectionId, eventType }}, body }}) => {{
  if (eventType !== "MESSAGE") return {{ statusCode: 200 }};
  const url = `https://${{domainName}}/${{stage}}/@connections/${{encodeURIComponent(connectionId)}}`;
  const looked = await fetch(url, {{ headers }});
  if (!looked.ok) throw new Error(`${{looked.status}}`);
  const post = `fetch("${{url}}", {{ method: "POST", body: "posted ${{body}}", headers: ${{JSON.stringify(headers)}} }})`;
  await new Promise((done) => new Worker(post, {{ eval: true }}).on("exit", done));
  return {{ statusCode: 200 }};
}};
"""

BOTO3 = """
import boto3, os

def handler(event, context):
    asked = event["requestContext"]
    if asked["eventType"] == "MESSAGE":
        api = boto3.client("apigatewaymanagementapi", endpoint_url={endpoint})
        api.post_to_connection(ConnectionId=asked["connectionId"], Data=b"posted " + event["body"].encode())
    return {{"statusCode": 200}}
"""

#: What aiohttp and httpx are built on: `asyncio` moves the bytes of TLS itself.
ASYNCIO = f"""
import asyncio, ssl

async def post(host, path, body):
    trusting = ssl.create_default_context()
    reader, writer = await asyncio.open_connection(host, 443, ssl=trusting)
    head = f"POST {{path}} HTTP/1.1\\r\\nHost: {{host}}\\r\\nAuthorization: {SIGNED}\\r\\nContent-Length: {{len(body)}}\\r\\n\\r\\n"
    writer.write(head.encode() + body)
    assert b" 200 " in await reader.readline()
    writer.close()
    await writer.wait_closed()

def handler(event, context):
    asked = event["requestContext"]
    if asked["eventType"] == "MESSAGE":
        path = f"/{{asked['stage']}}/@connections/{{asked['connectionId'].replace('=', '%3D')}}"
        asyncio.run(post(asked["domainName"], path, b"posted " + event["body"].encode()))
    return {{"statusCode": 200}}
"""

#: A custom runtime that knows nothing but the variables of its environment. What it fetches it returns.
BOOTSTRAP = f"""#!/usr/bin/env python3
import json, os, urllib.request

api = f"http://{{os.environ['AWS_LAMBDA_RUNTIME_API']}}/2018-06-01/runtime/invocation/"
direct = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
while True:
    with direct.open(api + "next") as taken:
        request_id, event = taken.headers["Lambda-Runtime-Aws-Request-Id"], json.load(taken)
    try:
        request = urllib.request.Request(event["url"], headers={{"Authorization": "{SIGNED}"}})
        result = urllib.request.urlopen(request).status
    except Exception as error:
        result = str(error)
    direct.open(api + request_id + "/response", json.dumps(result).encode())
"""

node = {"runtime": "nodejs22.x", "handler": "app.handler"}
python = {"runtime": "python3.12", "handler": "app.handler"}

#: By how the address comes about (from the event with and without scheme, from a variable, composed), and by client.
CASES = {
    "sdk v3, event": ("app.mjs", NODE_SDK.format(endpoint="`https://${domainName}/${stage}`"), node),
    "https, event without scheme": ("app.js", NODE_HTTPS, node),
    "fetch, event": ("app.mjs", NODE_FETCH, node),
    "sdk v3, variable": ("app.mjs", NODE_SDK.format(endpoint="process.env.API_URL"), node),
    "sdk v3, composed": (
        "app.mjs",
        NODE_SDK.format(endpoint="`https://${apiId}.execute-api.${process.env.AWS_REGION}.amazonaws.com/${stage}`"),
        node,
    ),
    "boto3, event": ("app.py", BOTO3.format(endpoint="f\"https://{asked['domainName']}/{asked['stage']}\""), python),
    "boto3, variable": ("app.py", BOTO3.format(endpoint='os.environ["API_URL"]'), python),
    "boto3, composed": (
        "app.py",
        BOTO3.format(
            endpoint="f\"https://{asked['apiId']}.execute-api.{os.environ['AWS_REGION']}.amazonaws.com/{asked['stage']}\""
        ),
        python,
    ),
    "asyncio, event": ("app.py", ASYNCIO, python),
}


@pytest.fixture
def serve(start_server, tmp_path, monkeypatch):
    """Starts a server of the API `echo` with one function of one file."""
    # The Python that has boto3; functions get what is first in the server's PATH.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")

    def start(name: str, text: str, function: dict, change=lambda api: None, **options):
        code = tmp_path / "code"
        code.mkdir(exist_ok=True)
        (code / name).write_text(text)
        (code / name).chmod(0o755)
        api = json.loads((ROOT / "docs/guides/websocket-api.json").read_text())
        limits = {"timeoutSeconds": 20, "memorySize": 512, "environment": {"API_URL": URL}}
        api["functions"] = {"backend": {"code": "code", **limits, **function}}
        change(api)
        (tmp_path / "api.json").write_text(json.dumps(api))
        arguments = ("--app", "none", "--api", str(tmp_path / "api.json"), "--node-modules", str(NODE_MODULES))
        return start_server(*arguments, **options)

    return start


def hears_itself(server) -> None:
    with connect(f"ws://{server.listen}/echo/prod", open_timeout=30) as client:
        client.send("hello")
        assert client.recv(timeout=30) == "posted hello"


@pytest.mark.parametrize("case", CASES)
def test_a_handler_posts_to_where_it_would_on_aws(serve, case):
    hears_itself(serve(*CASES[case]))


def test_a_domain_of_ones_own_is_called_like_any_other(serve):
    text = NODE_SDK.format(endpoint="'https://chat.example.org/v1'")

    def own_domain(api):
        api["domainNames"] = [{"domainName": "chat.example.org", "apiMappingKey": "v1", "stage": "prod"}]

    hears_itself(serve("app.mjs", text, node, own_domain))


def test_an_address_that_was_stored_is_good_after_a_restart(serve):
    """Given an address that a handler kept in a table, when the server has restarted, then another one posts to it."""
    text = """
import boto3, json
table = boto3.client("dynamodb")

def handler(event, context):
    asked = event.get("requestContext")
    if asked and asked["eventType"] == "CONNECT":
        table.put_item(TableName="addresses", Item={
            "id": {"S": "callback"}, "url": {"S": f"https://{asked['domainName']}/{asked['stage']}"},
        })
    elif asked and asked["eventType"] == "MESSAGE":
        url = table.get_item(TableName="addresses", Key={"id": {"S": "stored"}})["Item"]["url"]["S"]
        api = boto3.client("apigatewaymanagementapi", endpoint_url=url)
        api.post_to_connection(ConnectionId=asked["connectionId"], Data=b"posted " + event["body"].encode())
    return {"statusCode": 200}
"""
    first = serve("app.py", text, python)
    first.dynamodb.create_table(
        TableName="addresses",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with connect(f"ws://{first.listen}/echo/prod", open_timeout=30):
        kept = first.dynamodb.get_item(TableName="addresses", Key={"id": {"S": "callback"}}, ConsistentRead=True)
    stored = {"id": {"S": "stored"}, "url": kept["Item"]["url"]}
    assert stored["url"] == {"S": URL}
    first.dynamodb.put_item(TableName="addresses", Item=stored)
    first.terminate()
    assert first.exit_code() == 0

    second = serve("app.py", text, python)
    assert second.listen != first.listen, "the server's own address is another"
    hears_itself(second)


class OperatorsProxy(socketserver.ThreadingTCPServer):
    """Notes what it is asked for, and reaches nobody."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
            self.server.asked.append(head.decode())
            self.wfile.write(b"HTTP/1.1 503 Nobody\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("exceptions", ["", ".amazonaws.com,localhost"])
def test_the_operators_proxy_is_for_everybody_else(serve, exceptions):
    proxy = OperatorsProxy()
    address = f"http://ann:hush@127.0.0.1:{proxy.server_address[1]}"
    variables = {"HTTPS_PROXY": address, "https_proxy": address, "NO_PROXY": exceptions, "no_proxy": exceptions}
    server = serve("bootstrap", BOOTSTRAP, {"runtime": "provided.al2023", "handler": "any"}, variables=variables)
    functions = server.client("lambda")

    def fetch(url: str):
        return json.loads(functions.invoke(FunctionName="backend", Payload=json.dumps({"url": url}))["Payload"].read())

    assert "HTTP Error 410" in fetch(f"{URL}/@connections/AAAAAAAAAAAAAAA%3D"), "the server itself has answered"
    assert proxy.asked == []
    fetch("https://elsewhere.test/")
    (asked,) = proxy.asked
    assert asked.startswith("CONNECT elsewhere.test:443 HTTP/1.1\r\n"), asked
    expected = base64.b64encode(b"ann:hush").decode()
    assert f"proxy-authorization: basic {expected}".lower() in asked.lower(), asked
    assert "hush" not in server.log() and expected not in server.log()
    proxy.shutdown()


@pytest.mark.parametrize("case", ["boto3, event", "sdk v3, event"])
def test_the_operators_proxy_is_not_asked_for_our_names(serve, case):
    proxy = OperatorsProxy()
    server = serve(*CASES[case], variables={"HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}"})
    hears_itself(server)
    assert proxy.asked == []
    proxy.shutdown()
