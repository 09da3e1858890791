"""Each format of templates, from what its tool writes to answers over a WebSocket."""

import hashlib
import hmac
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from deadline import eventually
from server_process import Server, binary
from templates import EXAMPLES, NODE_MODULES, PATIENCE_S, receive, refusal, rows, say

FORMATS = Path(__file__).parent / "formats"


def check(template: Path):
    """`sluicegate check` has nothing against it."""
    answer = subprocess.run([str(binary()), "check", str(template)], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert report["problems"] == [] and report["unserved"] == [], report
    return report["stacks"]


# CDK


@pytest.fixture(scope="module")
def synthesised(tmp_path_factory) -> Path:
    """`cdk.out` of the example, as its own `npm run synth` writes it."""
    out = tmp_path_factory.mktemp("cdk") / "cdk.out"
    environment = {**os.environ, "CDK_OUTDIR": str(out)}
    # A look at the registry for a newer npm or CDK is no part of the test.
    environment |= {"CDK_DISABLE_VERSION_CHECK": "1", "NPM_CONFIG_UPDATE_NOTIFIER": "false"}
    command = ["npm", "run", "synth"]
    answer = subprocess.run(
        command, cwd=EXAMPLES / "chat-cdk", env=environment, capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return out


def test_what_cdk_synthesises_is_served(serve, synthesised):
    (stack,) = check(synthesised)
    assert stack["name"] == "ChatCdk" and stack["notes"] == []
    server = serve(EXAMPLES / "chat-cdk", template=synthesised)
    url = server.outputs["Url"]
    assert url.endswith("/prod")
    with connect(url, open_timeout=PATIENCE_S) as ann, connect(url, open_timeout=PATIENCE_S) as bob:
        assert rows(server, server.outputs["ConnectionsTable"]) == 2
        for text in ("hello", "again"):
            say(ann, action="say", room="blue", text=text)
            for client in (ann, bob):
                assert receive(client) == {"type": "message", "room": "blue", "text": text}
        say(bob, action="history", room="blue")
        assert receive(bob) == {"type": "history", "room": "blue", "texts": ["hello", "again"]}
    eventually("no rows", lambda: rows(server, server.outputs["ConnectionsTable"]) == 0)
    expiry = server.dynamodb.describe_time_to_live(TableName=server.outputs["MessagesTable"])
    assert expiry["TimeToLiveDescription"]["AttributeName"] == "expires"


# SAM, with an authorizer


def token(user: str, secret: str = "change-me") -> str:
    return f"{user}.{hmac.new(secret.encode(), user.encode(), hashlib.sha256).hexdigest()}"


REFUSED_CLIENTS = {
    "suspended": (403, f"?token={token('mallory')}", {"X-Client": "test"}),
    "wrong secret": (401, f"?token={token('ann', 'other')}", {"X-Client": "test"}),
    "no token": (401, "", {"X-Client": "test"}),
    "no header": (401, f"?token={token('ann')}", {}),
}


def test_an_authorizer_of_a_sam_template_decides(serve):
    server = serve(EXAMPLES / "authorizer")
    url = server.outputs["Url"]
    for case, (status, query, headers) in REFUSED_CLIENTS.items():
        with pytest.raises(InvalidStatus) as refused:
            connect(url + query, additional_headers=headers, open_timeout=PATIENCE_S)
        assert refused.value.response.status_code == status, case
    with connect(
        f"{url}?token={token('ann')}", additional_headers={"X-Client": "test"}, open_timeout=PATIENCE_S
    ) as ann:
        say(ann, action="whoami")
        assert receive(ann) == {"user": "ann", "client": "test", "level": "3"}


# Serverless Framework

ECHO_JS = """
const { ApiGatewayManagementApiClient, PostToConnectionCommand } = require("@aws-sdk/client-apigatewaymanagementapi");
const { DynamoDBClient, PutItemCommand, DeleteItemCommand, ScanCommand } = require("@aws-sdk/client-dynamodb");
const tables = new DynamoDBClient({});
const TableName = process.env.CONNECTIONS;
exports.auth = async (event) => ({
  principalId: event.headers.Auth,
  policyDocument: {
    Version: "2012-10-17",
    Statement: [{ Action: "execute-api:Invoke", Effect: "Allow", Resource: event.methodArn }],
  },
});
exports.connection = async ({ requestContext: { eventType, connectionId } }) => {
  const id = { S: connectionId };
  if (eventType === "CONNECT") await tables.send(new PutItemCommand({ TableName, Item: { id } }));
  else await tables.send(new DeleteItemCommand({ TableName, Key: { id } }));
  return { statusCode: 200 };
};
exports.broadcast = async ({ body, requestContext: { authorizer, domainName, stage } }) => {
  const api = new ApiGatewayManagementApiClient({ endpoint: `https://${domainName}/${stage}` });
  const { Items } = await tables.send(new ScanCommand({ TableName }));
  const Data = JSON.stringify({ from: authorizer.principalId, text: JSON.parse(body).text });
  await Promise.all(Items.map((item) => api.send(new PostToConnectionCommand({ ConnectionId: item.id.S, Data }))));
  return { statusCode: 200 };
};
exports.count = async () => ({ statusCode: 200, body: String((await tables.send(new ScanCommand({ TableName }))).Count) });
"""


def zipped(path: Path, **files: str):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)


def test_what_serverless_packages_is_served(serve, tmp_path):
    folder = tmp_path / "service" / ".serverless"
    folder.mkdir(parents=True)
    template = (FORMATS / "serverless.json").read_text()
    (folder / "cloudformation-template-update-stack.json").write_text(template)
    zipped(folder / "rooms.zip", handler_js=ECHO_JS)
    check(folder)
    # As people do: the folder of the project.
    server = serve(folder.parent, template=Path("."))
    url = server.outputs["ServiceEndpointWebsocket"]
    assert url.endswith("/dev")
    with pytest.raises(InvalidStatus) as refused:
        connect(url, open_timeout=PATIENCE_S)
    assert refused.value.response.status_code == 401
    with (
        connect(url, additional_headers={"Auth": "ann"}, open_timeout=PATIENCE_S) as ann,
        connect(url, additional_headers={"Auth": "bob"}, open_timeout=PATIENCE_S) as bob,
    ):
        say(ann, action="anything", text="hello")
        for client in (ann, bob):
            assert receive(client) == {"from": "ann", "text": "hello"}
        say(bob, action="count")
        assert receive(bob) == 2
    eventually("no rows", lambda: rows(server, "rooms-dev-connections") == 0)


# Terraform

ECHO_PY = """
import boto3, os
table = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS"])

def handler(event, context):
    about = event["requestContext"]
    if about["routeKey"] == "$connect":
        table.put_item(Item={"id": about["connectionId"]})
    elif about["routeKey"] == "$disconnect":
        table.delete_item(Key={"id": about["connectionId"]})
    else:
        url = f"https://{about['domainName']}/{about['stage']}"
        api = boto3.client("apigatewaymanagementapi", endpoint_url=url)
        for item in table.scan()["Items"]:
            api.post_to_connection(ConnectionId=item["id"], Data=event["body"])
    return {"statusCode": 200}
"""


def test_a_terraform_plan_is_served(serve, tmp_path):
    folder = tmp_path / "infrastructure"
    folder.mkdir()
    (folder / "plan.json").write_text((FORMATS / "terraform-plan.json").read_text())
    zipped(folder / "handler.zip", app_py=ECHO_PY)
    check(folder / "plan.json")
    server = serve(folder, template=Path("plan.json"))
    (api,) = server.ready["apis"]
    assert api["stage"] == "live"
    with connect(api["url"], open_timeout=PATIENCE_S) as ann, connect(api["url"], open_timeout=PATIENCE_S) as bob:
        say(ann, action="say", text="hello")
        for client in (ann, bob):
            assert receive(client) == {"action": "say", "text": "hello"}
    eventually("no rows", lambda: rows(server, "terraform-connections") == 0)


# TypeScript, built by the project's own esbuild

TYPED = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: nodejs22.x, CodeUri: src, Timeout: 10}}
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes: {$connect: {FunctionArn: !GetAtt Greet.Arn}, greet: {FunctionArn: !GetAtt Greet.Arn}}
  Greet:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: esbuild
      BuildProperties: {EntryPoints: [handlers/greet.ts]}
    Properties: {Handler: greet.handler}
"""
GREET_TS = """
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";
import { greeting } from "../words";
type Event = { body?: string; requestContext: Record<"domainName" | "stage" | "connectionId" | "routeKey", string> };
export const handler = async ({ body, requestContext: about }: Event) => {
  if (about.routeKey === "greet") {
    const api = new ApiGatewayManagementApiClient({ endpoint: `https://${about.domainName}/${about.stage}` });
    const Data = JSON.stringify({ greeting: greeting(JSON.parse(body!).name) });
    await api.send(new PostToConnectionCommand({ ConnectionId: about.connectionId, Data }));
  }
  return { statusCode: 200 };
};
"""


@pytest.fixture
def typed(tmp_path) -> Path:
    """A project in TypeScript with esbuild and the SDK."""
    folder = tmp_path / "typed"
    (folder / "src/handlers").mkdir(parents=True)
    (folder / "template.yaml").write_text(TYPED)
    (folder / "src/handlers/greet.ts").write_text(GREET_TS)
    (folder / "src/words.ts").write_text("export const greeting = (name: string): string => `Hello, ${name}`;\n")
    (folder / "node_modules/.bin").mkdir(parents=True)
    (folder / "node_modules/.bin/esbuild").symlink_to(EXAMPLES / "chat-cdk/node_modules/.bin/esbuild")
    return folder


def test_typescript_is_built_by_the_projects_own_esbuild(serve, typed):
    left_out = ", Format: esm, OutExtension: [.js=.mjs], External: ['@aws-sdk/*'], Minify: false"
    # With the SDK in the bundle; then, on the same data, as a module that finds it at run time.
    for properties in ("", left_out):
        text = TYPED.replace("greet.ts]", f"greet.ts]{properties}")
        (typed / "template.yaml").write_text(text)
        server = serve(typed)
        with connect(server.websocket_url, open_timeout=PATIENCE_S) as client:
            say(client, action="greet", name="Ann")
            assert receive(client) == {"greeting": "Hello, Ann"}, properties
        server.terminate()
        assert server.exit_code() == 0
    left = sorted(path.name for path in typed.rglob("*") if path.is_file())
    assert left == ["esbuild", "greet.ts", "template.yaml", "words.ts"], "nothing is built into the project"


MISTAKES = {
    "a syntax error": ("src/words.ts", "export const greeting = ;\n", "words.ts:1:25: error: Resources.Greet: Unexpected"),
    "a missing package": (
        "src/words.ts",
        'import "left-pad";\n',
        'words.ts:1:8: error: Resources.Greet: Could not resolve "left-pad"; run `npm install`',
    ),
    "another file": (
        "template.yaml",
        TYPED.replace("greet.handler", "main.handler"),
        "Resources.Greet: esbuild made no file of the handler `main.handler`",
    ),
    "no esbuild": ("node_modules/.bin/esbuild", None, "run `npm install --save-dev esbuild`"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_esbuild_has_against_sources_is_told_with_its_place(typed, tmp_path, case):
    file, text, expected = MISTAKES[case]
    (typed / file).unlink()
    if text is not None:
        (typed / file).write_text(text)
    told = refusal(typed, tmp_path / "data", "--node-modules", str(NODE_MODULES))
    assert expected in told, told
    assert not list((tmp_path / "data").glob("**/*.db")), "no table was made before"


# SDKs that do not know endpoint variables

BY_NAME = """
Resources:
  Notes:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: by-name-notes
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  Caller:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: caller
      Runtime: nodejs20.x
      Handler: index.handler
      Role: arn:aws:iam::000000000000:role/caller
      Timeout: 10
      Code:
        # As the SDK for JavaScript v2 calls DynamoDB.
        ZipFile: |
          exports.handler = () => new Promise((resolve, reject) => {
            const host = `dynamodb.${process.env.AWS_REGION}.${process.env.SUFFIX}`;
            const now = new Date().toISOString().replace(/[-:]|\\.\\d+/g, "");
            const headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0",
              "X-Amz-Date": now,
              Authorization: "AWS4-HMAC-SHA256 Credential=x/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x"};
            require("https").request({host, path: "/", method: "POST", headers}, (answer) => {
              answer.on("data", (text) => resolve(JSON.parse(text)));
            }).on("error", reject).end("{}");
          });
      Environment: {Variables: {SUFFIX: !Ref AWS::URLSuffix}}
"""


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1"])
def test_services_are_here_under_their_own_names(serve, tmp_path, region):
    (tmp_path / "template.yaml").write_text(BY_NAME)
    server = serve(tmp_path, "--region", region)
    answer = server.client("lambda").invoke(FunctionName="caller", Payload=b"{}")
    assert json.load(answer["Payload"]) == {"TableNames": ["by-name-notes"]}
