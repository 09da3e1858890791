"""Deployment templates served as they are: the examples from their own folders, and templates that must be refused."""

import shutil
import zipfile
from pathlib import Path

import pytest
from websockets.sync.client import connect

from deadline import eventually
from server_process import binary
from templates import EXAMPLES, PATIENCE_S, receive, refusal, rows, say

TALLY = """
AWSTemplateFormatVersion: '2010-09-09'
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: KEYS_ONLY}
  Tallies:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  Tally:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Timeout: 20
      MemorySize: 256
      Role: arn:aws:iam::000000000000:role/tally
      Environment: {Variables: {TALLIES: !Ref Tallies, STREAM: !GetAtt Orders.StreamArn}}
      Code:
        ZipFile: |
          import boto3, os
          def handler(event, context):
              for record in event["Records"]:
                  boto3.client("dynamodb").update_item(
                      TableName=os.environ["TALLIES"],
                      Key=record["dynamodb"]["Keys"],
                      UpdateExpression="ADD times :one SET wanted = :wanted, got = :got",
                      ExpressionAttributeValues={
                          ":one": {"N": "1"},
                          ":wanted": {"S": os.environ["STREAM"]},
                          ":got": {"S": record["eventSourceARN"]},
                      },
                  )
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Orders.StreamArn
      FunctionName: !Ref Tally
      StartingPosition: TRIM_HORIZON
"""


CHATS = {
    "chat-node": {"room": "blue"},
    "chat-python": {},
    "chat-rust": {},
}


@pytest.fixture
def example_folder(tmp_path):
    """The folder of an example; what has to be built lies where `cargo lambda build` would have put it."""

    def folder(example: str) -> Path:
        if example != "chat-rust":
            return EXAMPLES / example
        folder = tmp_path / example
        shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns("target"))
        built = folder / "target/lambda" / example
        built.mkdir(parents=True)
        program = binary().with_name(example)
        assert program.is_file(), f"there is no {program}: run `cargo build -p {example}`"
        shutil.copy(program, built / "bootstrap")
        return folder

    return folder


@pytest.mark.parametrize("example", CHATS)
def test_a_chat_is_served_from_its_template(serve, example_folder, example):
    room = CHATS[example]
    server = serve(example_folder(example))
    url, table = server.outputs["Url"], server.outputs["TableName"]
    assert [api["url"] for api in server.ready["apis"]] == [url], "the bundled application is off"

    with connect(url, open_timeout=PATIENCE_S) as ann:
        say(ann, action="join", name="Ann", **room)
        assert receive(ann) == {"type": "joined", "name": "Ann", **room}
        with connect(url, open_timeout=PATIENCE_S) as bob:
            assert rows(server, table) == 2
            say(bob, action="join", name="Bob", **room)
            for client in (ann, bob):
                assert receive(client) == {"type": "joined", "name": "Bob", **room}
            say(ann, action="send", name="Ann", text="hello", **room)
            for client in (ann, bob):
                assert receive(client) == {"type": "message", "name": "Ann", "text": "hello", **room}
        eventually("the row of the one who left to be removed", lambda: rows(server, table) == 1)
    eventually("no rows", lambda: rows(server, table) == 0)


def test_rooms_do_not_hear_each_other(serve):
    url = serve(EXAMPLES / "chat-node").outputs["Url"]
    with connect(url, open_timeout=PATIENCE_S) as ann, connect(url, open_timeout=PATIENCE_S) as bob:
        for client, name, room in [(ann, "Ann", "blue"), (bob, "Bob", "red")]:
            say(client, action="join", name=name, room=room)
            assert receive(client) == {"type": "joined", "name": name, "room": room}
        say(ann, action="send", name="Ann", room="blue", text="only blue")
        assert receive(ann)["text"] == "only blue"
        say(bob, action="send", name="Bob", room="red", text="only red")
        assert receive(bob)["text"] == "only red", "and not what was said in the other room"


def test_a_stream_function_tells_everyone_what_changed(serve):
    server = serve(EXAMPLES / "stream-notify")
    orders = server.outputs["Orders"]
    described = server.dynamodb.describe_table(TableName=orders)["Table"]
    assert server.outputs["StreamArn"] == described["LatestStreamArn"]
    url = server.outputs["Url"]
    with connect(url, open_timeout=PATIENCE_S) as one, connect(url, open_timeout=PATIENCE_S) as other:
        # Drafts are filtered out: neither the first nor the last row is told, nor that the first one goes.
        for order, status, expected in [
            ("6", "draft", None),
            ("7", "new", {"change": "INSERT", "after": "new"}),
            ("7", "paid", {"change": "MODIFY", "before": "new", "after": "paid"}),
            ("6", None, None),
            ("8", "draft", None),
            ("8", "new", {"change": "MODIFY", "before": "draft", "after": "new"}),
            ("7", None, {"change": "REMOVE", "before": "paid"}),
        ]:
            if status:
                server.dynamodb.put_item(TableName=orders, Item={"orderId": {"S": order}, "status": {"S": status}})
            else:
                server.dynamodb.delete_item(TableName=orders, Key={"orderId": {"S": order}})
            if expected:
                for client in (one, other):
                    assert receive(client) == {"changes": [{"orderId": order, **expected}]}
    eventually("no rows", lambda: rows(server, server.outputs["TableName"]) == 0)


def test_a_guest_book_needs_no_function(serve):
    server = serve(EXAMPLES / "guestbook")
    url, readers = server.outputs["Url"], server.outputs["TableName"]
    with connect(url, open_timeout=PATIENCE_S) as one, connect(url, open_timeout=PATIENCE_S) as other:
        assert rows(server, readers) == 2, "each was written down when it came"
        texts = ['I was "here"', "\\ and\nthere ä"]
        for client, text in [(one, texts[0]), (other, texts[1])]:
            say(client, action="sign", text=text)
            assert receive(client) == {"signed": True}
        say(one, action="read")
        assert receive(one) == {"entries": texts}
        # A number is no string: DynamoDB refuses it, and there is a response for that.
        say(other, action="sign", text=5)
        assert receive(other) == {"signed": False}
    eventually("no rows", lambda: rows(server, readers) == 0)


def test_a_restart_converges(serve, start_server, tmp_path):
    def tallies(server):
        items = server.dynamodb.scan(TableName="tally-Tallies", ConsistentRead=True)["Items"]
        return {item["id"]["S"]: item["times"]["N"] for item in items}

    def stop(server):
        server.terminate()
        assert server.exit_code() == 0

    folder = tmp_path / "tally"
    folder.mkdir()
    (folder / "template.yaml").write_text(TALLY)
    named = ("--stack-name", "tally")
    server = serve(folder, *named)
    server.dynamodb.put_item(TableName="tally-Orders", Item={"id": {"S": "1"}})
    eventually("the first change", lambda: tallies(server) == {"1": "1"})
    item = server.dynamodb.get_item(TableName="tally-Tallies", Key={"id": {"S": "1"}})["Item"]
    assert item["wanted"] == item["got"], "the stream's ARN in the variable is the real one"
    stop(server)

    # Given a change while nobody reads the stream, when the template is served again, then it is delivered, and the first
    # one is not once more.
    server = start_server("--app", "none")
    server.dynamodb.put_item(TableName="tally-Orders", Item={"id": {"S": "2"}})
    stop(server)
    changed = TALLY.replace(
        "KeySchema: [{AttributeName: id, KeyType: HASH}]\n  Tally:",
        "KeySchema: [{AttributeName: id, KeyType: HASH}]\n"
        "      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}\n  Tally:",
    )
    assert changed != TALLY
    (folder / "template.yaml").write_text(changed)
    server = serve(folder, *named)
    eventually("the second change", lambda: tallies(server) == {"1": "1", "2": "1"})
    expiry = server.dynamodb.describe_time_to_live(TableName="tally-Tallies")["TimeToLiveDescription"]
    assert expiry["AttributeName"] == "expires"
    stop(server)

    # A table with another key is neither used nor replaced.
    other_key = TALLY.replace("AttributeName: id", "AttributeName: number", 2)
    (folder / "template.yaml").write_text(other_key)
    told = refusal(folder, tmp_path / "data", *named)
    assert "template.yaml:4:3: error: Resources.Orders: table tally-Orders: " in told, told
    assert "exists with another key" in told and "rename one of them, or delete the table" in told, told
    (folder / "template.yaml").write_text(TALLY)
    server = serve(folder, *named)
    assert rows(server, "tally-Orders") == 2
    server.assert_alive()


def test_parameters_and_the_stacks_name_come_from_the_command_line(serve, tmp_path):
    values = tmp_path / "values.json"
    values.write_text('{"StageName": "other"}')
    arguments = ("--parameters", str(values), "--parameter", "StageName=dev", "--stack-name", "blue")
    server = serve(EXAMPLES / "chat-node", *arguments, "--app", "live-metrics")
    assert server.outputs["TableName"] == "blue-Connections"
    assert server.outputs["Url"].startswith(f"ws://{server.listen}/")
    assert server.outputs["Url"].endswith("/dev")
    stages = {api["stage"]: api["url"] for api in server.ready["apis"]}
    assert stages["dev"] == server.outputs["Url"]
    assert "prod" in stages, "the bundled application, as it was asked for"


ROOMS = """
Resources:
  Rooms:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: Rooms
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}, {AttributeName: owner, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      GlobalSecondaryIndexes:
        - {IndexName: owners, KeySchema: [{AttributeName: owner, KeyType: HASH}], Projection: {ProjectionType: ALL}}
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      TimeToLiveSpecification: {AttributeName: until, Enabled: true}
      DeletionProtectionEnabled: true
"""


def test_a_table_becomes_what_the_template_says_and_keeps_its_items(serve, tmp_path):
    folder = tmp_path / "rooms"
    folder.mkdir()

    def described(text: str) -> tuple:
        (folder / "template.yaml").write_text(text)
        server = serve(folder)
        server.dynamodb.put_item(TableName="Rooms", Item={"id": {"S": "1"}, "owner": {"S": "ann"}})
        table = server.dynamodb.describe_table(TableName="Rooms")["Table"]
        expiry = server.dynamodb.describe_time_to_live(TableName="Rooms")["TimeToLiveDescription"]
        assert rows(server, "Rooms") == 1
        server.terminate()
        assert server.exit_code() == 0
        return (
            [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])],
            table.get("StreamSpecification", {}).get("StreamViewType"),
            expiry.get("AttributeName") if expiry["TimeToLiveStatus"] == "ENABLED" else None,
            table.get("DeletionProtectionEnabled", False),
        )

    bare = ROOMS.split("      GlobalSecondaryIndexes:")[0].replace(", {AttributeName: owner, AttributeType: S}", "")
    for text, expected in [
        (ROOMS, (["owners"], "NEW_IMAGE", "until", True)),
        (ROOMS.replace("until", "expires"), (["owners"], "NEW_IMAGE", "expires", True)),
        (ROOMS.replace("Enabled: true}", "Enabled: false}"), (["owners"], "NEW_IMAGE", None, True)),
        (ROOMS.replace("owners", "people"), (["people"], "NEW_IMAGE", "until", True)),
        (ROOMS.replace("NEW_IMAGE", "KEYS_ONLY"), (["owners"], "KEYS_ONLY", "until", True)),
        (bare, ([], None, None, False)),
        (ROOMS, (["owners"], "NEW_IMAGE", "until", True)),
    ]:
        assert described(text) == expected, text


REFUSED = {
    "a mistake": (("KeySchema", "KeySchemas"), "template.yaml:8:7: error: Resources.Orders.Properties.KeySchemas: "),
    "a filter": (
        ("StartingPosition: TRIM_HORIZON", "StartingPosition: LATEST\n      FilterCriteria: {Filters: [{Pattern: '{}'}]}"),
        "Invalid filter pattern definition. An object of a pattern has at least one field (line 1, column 1)",
    ),
    "a window": (
        ("StartingPosition: TRIM_HORIZON", "StartingPosition: LATEST\n      TumblingWindowInSeconds: 9"),
        "TumblingWindowInSeconds of event source mappings is not served yet",
    ),
    "a queue": (
        (
            "EventSourceArn: !GetAtt Orders.StreamArn",
            "EventSourceArn: arn:aws:sqs:us-east-1:000000000000:jobs",
        ),
        "StartingPosition is for streams; queues do not have it",
    ),
    "a runtime": (("python3.12", "java21"), "the runtime `java21` does not run here"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_served_is_told_with_its_place(tmp_path, case):
    change, expected = REFUSED[case]
    assert change[0] in TALLY
    (tmp_path / "template.yaml").write_text(TALLY.replace(*change, 1))
    told = refusal(tmp_path, tmp_path / "data")
    assert expected in told and told.startswith("template.yaml:"), told
    assert "sluicegate cannot start: the template cannot be served: it has" in told, told
    assert not (tmp_path / "data").exists(), "nothing was made before"


#: The beginning of a program for a processor that this machine is not.
FOREIGN_PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + (0x16).to_bytes(2, "little") + bytes(44)


def zipped(path: Path, **files: str):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("up_", "../"), text)


def program(path: Path, content: bytes, mode: int):
    path.write_bytes(content)
    path.chmod(mode)


UNLOADABLE = {
    "a handler without a file": ("python3.12, Handler: other.handler, CodeUri: src", "7:48", "Handler", "there is no file of `other.handler`"),
    "no such folder": ("python3.12, Handler: app.handler, CodeUri: gone", "7:70", "CodeUri", "there is no `gone`"),
    "a zip that leads out": ("python3.12, Handler: app.handler, CodeUri: out.zip", "7:70", "CodeUri", "out.zip cannot be used"),
    "no zip at all": ("python3.12, Handler: app.handler, CodeUri: no.zip", "7:70", "CodeUri", "no.zip cannot be used"),
    "another machine's program": ("provided.al2023, Handler: x, CodeUri: foreign", "7:65", "CodeUri", "is built for"),
    "no permission to run": ("provided.al2023, Handler: x, CodeUri: forbidden", "7:65", "CodeUri", "is not executable; say `chmod +x`"),
    "no bootstrap": ("provided.al2023, Handler: x, CodeUri: src", "7:65", "CodeUri", "there is no file `bootstrap`"),
}


@pytest.mark.parametrize("case", UNLOADABLE)
def test_code_that_cannot_be_loaded_is_told_at_its_property_before_anything_is_created(start_server, tmp_path, case):
    properties, place, name, expected = UNLOADABLE[case]
    folder = tmp_path / "project"
    for code in ("src", "foreign", "forbidden"):
        (folder / code).mkdir(parents=True)
    (folder / "src/app.py").write_text("def handler(event, context): pass")
    program(folder / "foreign/bootstrap", FOREIGN_PROGRAM, 0o755)
    program(folder / "forbidden/bootstrap", b"#!/bin/sh", 0o644)
    zipped(folder / "out.zip", **{"app.py": "", "up_up_out.py": ""})
    (folder / "no.zip").write_text("no zip")
    table = ROOMS.split("Resources:")[1]
    (folder / "template.yaml").write_text(
        f"Transform: AWS::Serverless-2016-10-31\n# first the function\nResources:\n  F:\n"
        f"    Type: AWS::Serverless::Function\n    # on one line\n    Properties: {{Runtime: {properties}}}{table}"
    )
    told = refusal(folder, tmp_path / "data")
    (line,) = [line for line in told.splitlines() if ": error: " in line]
    assert line.startswith(f"template.yaml:{place}: error: Resources.F.Properties.{name}: ") and expected in line, told
    server = start_server("--app", "none", "--template", "none", "--api", "none")
    assert server.dynamodb.list_tables()["TableNames"] == []
