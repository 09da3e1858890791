"""Handlers as they are written for AWS, run here: their SDKs reach connections, tables and other functions unchanged."""

import json
import sys
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
