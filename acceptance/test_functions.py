"""Handlers as they are written for AWS, run here: their SDKs reach connections, tables and other functions unchanged."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from websockets.sync.client import connect

from deadline import eventually
from server_process import ROOT

NODE_MODULES = ROOT / "acceptance/js/node_modules"
TABLE = "notes"

NODE_HANDLER = """
{imports}
const dynamodb = new DynamoDBClient({{}});
{export} async (event) => {{
  const {{ domainName, stage, connectionId, eventType }} = event.requestContext;
  if (eventType !== "MESSAGE") return {{ statusCode: 200 }};
  const api = new ApiGatewayManagementApiClient({{ endpoint: `https://${{domainName}}/${{stage}}{slash}` }});
  await api.send(new PostToConnectionCommand({{ ConnectionId: connectionId, Data: `posted ${{event.body}}` }}));
  await dynamodb.send(new PutItemCommand({{ TableName: "notes", Item: {{ id: {{ S: event.body }} }} }}));
  try {{
    await api.send(new PostToConnectionCommand({{ ConnectionId: "AAAAAAAAAAAAAAA=", Data: "x" }}));
  }} catch (error) {{
    return {{ statusCode: 200, body: error.name }};
  }}
}};
"""

COMMON_JS = NODE_HANDLER.format(
    imports="""const { ApiGatewayManagementApiClient, PostToConnectionCommand } = require("@aws-sdk/client-apigatewaymanagementapi");
const { DynamoDBClient, PutItemCommand } = require("@aws-sdk/client-dynamodb");""",
    export="exports.handler =",
    slash="",
)
MODULE = NODE_HANDLER.format(
    imports="""import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";""",
    export="export const handler =",
    slash="/",
)
BOTO3 = """
import boto3, os

dynamodb = boto3.client("dynamodb")
functions = boto3.client("lambda")

def handler(event, context):
    asked = event["requestContext"]
    if asked["eventType"] != "MESSAGE":
        return {"statusCode": 200}
    api = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{asked['domainName']}/{asked['stage']}")
    api.post_to_connection(ConnectionId=asked["connectionId"], Data=f"posted {event['body']}".encode())
    functions.invoke(FunctionName="keeper", InvocationType="Event", Payload=b'{"id": "%s"}' % event["body"].encode())
    try:
        api.post_to_connection(ConnectionId="AAAAAAAAAAAAAAA=", Data=b"x")
    except api.exceptions.GoneException as error:
        return {"statusCode": 200, "body": type(error).__name__}
"""
KEEPER = """
import boto3

def handler(event, context):
    boto3.client("dynamodb").put_item(TableName="notes", Item={"id": {"S": event["id"]}})
"""


def api_file(folder: Path, files: dict[str, str], **function) -> Path:
    code = folder / "code"
    code.mkdir()
    for name, text in files.items():
        (code / name).write_text(text)
    api = json.loads((ROOT / "docs/guides/websocket-api.json").read_text())
    backend = {"code": "code", "timeoutSeconds": 20, "memorySize": 512, **function}
    api["functions"] = {"backend": backend}
    if "keeper.py" in files:
        api["functions"]["keeper"] = {**backend, "handler": "keeper.handler"}
    path = folder / "api.json"
    path.write_text(json.dumps(api))
    return path


CASES = {
    "common js": ({"app.js": COMMON_JS}, {"runtime": "nodejs20.x", "handler": "app.handler"}),
    "module": ({"app.mjs": MODULE}, {"runtime": "nodejs24.x", "handler": "app.handler"}),
    "boto3": ({"app.py": BOTO3, "keeper.py": KEEPER}, {"runtime": "python3.12", "handler": "app.handler"}),
}


@pytest.mark.parametrize("verified", ["signatures verified", "any signature"])
@pytest.mark.parametrize("case", CASES)
def test_a_handler_reaches_its_clients_and_tables_as_on_aws(start_server, tmp_path, monkeypatch, case, verified):
    files, function = CASES[case]
    # The Python that has boto3; functions get what is first in the server's PATH.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    arguments = ["--app", "none", "--api", str(api_file(tmp_path, files, **function)), "--node-modules", str(NODE_MODULES)]
    if verified == "signatures verified":
        (tmp_path / "secret").write_text("local")
        settings = tmp_path / "settings.toml"
        settings.write_text(
            f'[[credentials]]\naccess_key_id = "local"\nsecret_file = "{tmp_path}/secret"\nuser = "tests"\n'
            """policies = ['{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}']\n"""
        )
        arguments += ["--config", str(settings)]
    server = start_server(*arguments)
    server.dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    with connect(f"ws://{server.listen}/echo/prod", open_timeout=30) as client:
        client.send("hello")
        assert client.recv(timeout=30) == "posted hello"
        assert client.recv(timeout=30) == "GoneException"

    def note():
        return server.dynamodb.get_item(TableName=TABLE, Key={"id": {"S": "hello"}}, ConsistentRead=True).get("Item")

    assert eventually("the note", note) == {"id": {"S": "hello"}}


def test_functions_are_invoked_with_the_official_sdk(start_server, tmp_path):
    text = "exports.handler = async (event) => { console.log('seen'); if (event.fails) throw new TypeError('t'); return event }"
    path = api_file(tmp_path, {"app.js": text}, runtime="nodejs22.x", handler="app.handler")
    functions = start_server("--app", "none", "--api", str(path)).client("lambda")

    answer = functions.invoke(FunctionName="backend", Payload=b'{"a": 1}', LogType="Tail")
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST"
    assert json.loads(answer["Payload"].read()) == {"a": 1}
    assert answer["LogResult"]
    answer = functions.invoke(FunctionName="backend", Payload=b'{"fails": true}')
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "TypeError"
    assert functions.invoke(FunctionName="backend", InvocationType="DryRun")["StatusCode"] == 204
    assert functions.invoke(FunctionName="backend", InvocationType="Event")["StatusCode"] == 202
    with pytest.raises(functions.exceptions.ResourceNotFoundException, match="Function not found: arn:aws:lambda"):
        functions.invoke(FunctionName="nobody")
    with pytest.raises(functions.exceptions.InvalidRequestContentException):
        functions.invoke(FunctionName="backend", Payload=b"not json")


#: What a handler does, and the error it comes to; or its result.
BAD = {
    "prints_forever": ("for (;;) { console.log('x'.repeat(1000)); await pause(0); }", "Sandbox.Timedout"),
    "forks_and_exits": (
        "require('child_process').spawn('sleep', ['4711'], { detached: true }); setTimeout(() => process.exit(1), 200); await never();",
        "Runtime.ExitError",
    ),
    "exits": ("process.exit(3);", "Runtime.ExitError"),
    "leaks": ("const all = []; for (;;) { all.push(Buffer.alloc(16 << 20, 1)); await pause(10); }", "Runtime.ExitError"),
    "answers_7_mb": ("return 'x'.repeat(7 << 20);", "Function.ResponseSizeTooLarge"),
    "never_answers": ("await never();", "Sandbox.Timedout"),
    "answers_twice": ("callback(null, 'first'); callback(null, 'second');", None),
}
HELPERS = "const pause = (ms) => new Promise((go) => setTimeout(go, ms)); const never = () => pause(1 << 30);"
#: Far more than a server needs whose functions behave.
MOST_SERVER_MB = 400
#: Of one function: the file that is written, and four older ones, of 10 MB each.
MOST_LOG_BYTES = 60 << 20


def running(command: str) -> list[str]:
    found = subprocess.run(["pgrep", "-f", command], capture_output=True, text=True)
    return found.stdout.split()


def test_functions_that_misbehave_harm_nobody_else(start_server, tmp_path):
    api = json.loads((ROOT / "docs/guides/websocket-api.json").read_text())
    described = {"runtime": "nodejs20.x", "handler": "index.handler", "timeoutSeconds": 4, "memorySize": 256}
    bodies = {name: body for name, (body, _) in BAD.items()} | {"backend": "return event;"}
    for name, body in bodies.items():
        # One that answers twice must not be async: what that returns counts as well.
        asynchronous = "" if name == "answers_twice" else "async"
        text = f"{HELPERS} exports.handler = {asynchronous} (event, context, callback) => {{ {body} }};"
        api.setdefault("functions", {})[name] = {**described, "zipFile": text}
    (tmp_path / "api.json").write_text(json.dumps(api))
    server = start_server("--app", "none", "--api", str(tmp_path / "api.json"))
    functions = server.client("lambda")

    def invoke(name: str):
        answer = functions.invoke(FunctionName=name, Payload=b'"hello"')
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def misbehave(name: str):
        expected = BAD[name][1]
        for _ in range(2):
            failed, payload = invoke(name)
            if expected is None:
                assert (failed, payload) == (None, "first")
            else:
                assert failed == "Unhandled" and payload["errorType"] == expected, (name, payload)

    with ThreadPoolExecutor() as threads:
        bad = [threads.submit(misbehave, name) for name in BAD]
        while not all(one.done() for one in bad):
            assert invoke("backend") == (None, "hello"), "meanwhile"
        for one in bad:
            one.result()
    eventually("what was forked to be ended", lambda: not running("^sleep 4711$"))
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    peak_mb = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
    assert peak_mb < MOST_SERVER_MB, peak_mb
    for log in (server.data / "function-logs").iterdir():
        assert log.stat().st_size < MOST_LOG_BYTES / 5, log
    server.assert_alive()
