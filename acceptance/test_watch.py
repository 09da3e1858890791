"""`--watch` and SIGHUP: what is changed on disk is served, and whoever is connected notices nothing else."""

import signal
import sys
import threading
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from deadline import eventually

#: A function's first event starts its process.
PATIENCE_S = 30
GOING_AWAY = 1001

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler, CodeUri: src, Timeout: 20, MemorySize: 256}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: watched, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Echo.Arn}/invocations
  Default:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: $default, Target: !Sub 'integrations/${Integration}', RouteResponseSelectionExpression: $default}
  DefaultResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Api, RouteId: !Ref Default, RouteResponseKey: $default}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: prod, DeploymentId: !Ref Deployment}
  Deployment:
    Type: AWS::ApiGatewayV2::Deployment
    DependsOn: Default
    Properties: {ApiId: !Ref Api}
Outputs:
  Url: {Value: !Sub 'wss://${Api}.execute-api.${AWS::Region}.amazonaws.com/prod'}
"""

#: A route of its own, with a function of its own.
MORE = """
  Other:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Timeout: 20
      MemorySize: 256
      InlineCode: |
        def handler(event, context):
            return {"statusCode": 200, "body": "other"}
  OtherIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Other.Arn}/invocations
  OtherRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: other, Target: !Sub 'integrations/${OtherIntegration}', RouteResponseSelectionExpression: $default}
  OtherResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Api, RouteId: !Ref OtherRoute, RouteResponseKey: $default}
  Rooms:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
"""


def handler(answer: str) -> str:
    return f"""
import time
def handler(event, context):
    if event.get("body") == "slow":
        time.sleep(1)
    return {{"statusCode": 200, "body": "{answer}"}}
"""


class Project:
    """A folder with a template and one function."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "src").mkdir(parents=True)
        self.handler("one")
        self.template(TEMPLATE)

    def handler(self, answer: str):
        self.replace(self.folder / "src/app.py", handler(answer))

    def template(self, text: str):
        self.replace(self.folder / "template.yaml", text)

    def replace(self, path: Path, text: str):
        """As editors do: a new file in the place of the old one."""
        # Within the folder it would be a change of its own, if only for a moment.
        new = self.folder.with_name("new")
        new.write_text(text)
        new.rename(path)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "watched")


@pytest.fixture
def serve(start_server, monkeypatch, project):
    # The Python that has boto3; functions get what is first in the server's PATH.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")

    def start(*arguments: str, **options):
        return start_server("--template", "template.yaml", *arguments, folder=project.folder, **options)

    return start


def ask(client, text: str) -> str:
    client.send(text)
    return client.recv(timeout=PATIENCE_S)


def changes(event: dict) -> set[tuple[str, str]]:
    assert event["event"] == "reloaded", event
    return {(change["kind"], change["change"]) for change in event["changes"]}


def test_a_changed_handler_answers_on_the_connection_that_is_open(serve, project):
    server = serve("--watch")
    with connect(server.outputs["Url"], open_timeout=PATIENCE_S) as client:
        for answer in ("one", "two", "three"):
            project.handler(answer)
            if answer != "one":
                assert changes(server.next_event()) == {("function", "changed")}
            assert ask(client, "hello") == answer
    server.assert_alive()


def test_running_events_finish_with_the_old_code_and_none_is_lost(serve, project):
    server = serve("--watch")
    url = server.outputs["Url"]
    with connect(url, open_timeout=PATIENCE_S) as slow, connect(url, open_timeout=PATIENCE_S) as quick:
        assert ask(slow, "warm") == "one"
        slow.send("slow")
        eventually("the slow event to be in its handler", lambda: server.metric("sluicegate_function_invocations_total") == 2)
        answers, stop = [], threading.Event()

        def keep_asking():
            while not stop.is_set():
                answers.append(ask(quick, "hello"))

        asking = threading.Thread(target=keep_asking)
        asking.start()
        project.handler("two")
        assert changes(server.next_event()) == {("function", "changed")}
        eventually("the new code", lambda: answers and answers[-1] == "two")
        stop.set()
        asking.join()
        assert slow.recv(timeout=PATIENCE_S) == "one", "it began before the change"
        assert answers == sorted(answers), "once the new code has answered, the old one does no more"
        assert ask(slow, "hello") == "two"
    assert server.metric("sluicegate_function_errors_total") == 0
    eventually("the old processes to end", lambda: server.metric("sluicegate_function_processes") <= 2)


def test_a_broken_template_changes_nothing_and_tells_every_problem(serve, project):
    server = serve("--watch")
    with connect(server.outputs["Url"], open_timeout=PATIENCE_S) as client:
        broken = TEMPLATE.replace("Handler: app.handler", "Handlers: app.handler").replace("CodeUri: src", "CodeUri: source")
        project.template(broken)
        event = server.next_event()
        assert event["event"] == "refused"
        told = "\n".join(f"{one['place']['path']}: {one['message']}" for one in event["problems"])
        for expected in ("Resources.Echo.Properties.Handlers", "there is no `source`"):
            assert expected in told, told
        assert "template.yaml:6:" in server.log()
        assert ask(client, "hello") == "one"
        # The code is still watched, and the template it needs is not there: that is told again, and nothing else happens.
        project.template(TEMPLATE.replace("StageName: prod", "StageName: prod, Description: mended"))
        assert changes(server.next_event()) == {("API", "changed")}
        project.handler("two")
        assert changes(server.next_event()) == {("function", "changed")}
        assert ask(client, "hello") == "two"


def test_routes_functions_and_tables_come_and_go(serve, project):
    server = serve("--watch")
    with connect(server.outputs["Url"], open_timeout=PATIENCE_S) as client:
        assert ask(client, '{"action": "other"}') == "one"
        project.template(TEMPLATE.replace("Outputs:", MORE + "Outputs:\n  Rooms: {Value: !Ref Rooms}"))
        event = server.next_event()
        assert changes(event) == {("function", "added"), ("API", "changed"), ("table", "created")}
        assert ask(client, '{"action": "other"}') == "other"
        assert ask(client, "hello") == "one"
        rooms = {output["name"]: output["value"] for output in event["outputs"]}["Rooms"]
        server.dynamodb.put_item(TableName=rooms, Item={"id": {"S": "1"}})
        project.template(TEMPLATE)
        assert changes(server.next_event()) == {("function", "removed"), ("API", "changed")}
        assert ask(client, '{"action": "other"}') == "one"
        assert server.dynamodb.scan(TableName=rooms)["Count"] == 1, "a table is never deleted"


def test_connections_of_a_removed_api_are_closed_and_others_are_not(serve, project):
    second = TEMPLATE.split("Resources:")[1].split("Outputs:")[0].split("  Api:")[1]
    for name in ("Api", "Integration", "Default", "DefaultResponse", "Stage", "Deployment"):
        second = second.replace(f"  {name}:", f"  {name}2:").replace(f"!Ref {name}\n", f"!Ref {name}2\n")
    second = (
        ("  Api2:" + second)
        .replace("!Ref Api,", "!Ref Api2,")
        .replace("!Ref Api}", "!Ref Api2}")
        .replace("${Integration}", "${Integration2}")
        .replace("!Ref Default,", "!Ref Default2,")
        .replace("!Ref Deployment}", "!Ref Deployment2}")
        .replace("DependsOn: Default", "DependsOn: Default2")
    )
    both = TEMPLATE.replace("Outputs:", second + "Outputs:\n  Url2: {Value: !Sub 'wss://${Api2}.execute-api.${AWS::Region}.amazonaws.com/prod'}")
    project.template(both)
    server = serve("--watch")
    with connect(server.outputs["Url"], open_timeout=PATIENCE_S) as stays, connect(server.outputs["Url2"], open_timeout=PATIENCE_S) as goes:
        assert ask(goes, "hello") == "one"
        project.template(TEMPLATE)
        # Functions are told which names lead here, so they are started again.
        assert ("API", "removed") in changes(server.next_event())
        with pytest.raises(ConnectionClosed) as closed:
            goes.recv(timeout=PATIENCE_S)
        assert closed.value.rcvd.code == GOING_AWAY
        assert ask(stays, "hello") == "one"
    server.assert_alive()


def test_code_that_is_gone_for_a_while_is_waited_for(serve, project):
    server = serve("--watch")
    with connect(server.outputs["Url"], open_timeout=PATIENCE_S) as client:
        assert ask(client, "hello") == "one"
        # As a build does that begins by deleting what it has built.
        (project.folder / "src/app.py").unlink()
        (project.folder / "src").rmdir()
        assert server.next_event()["event"] == "refused"
        assert ask(client, "hello") == "one"
        (project.folder / "src").mkdir()
        project.handler("two")
        event = server.next_event()
        while event["event"] == "refused":
            event = server.next_event()
        eventually("the new code", lambda: ask(client, "hello") == "two")


def test_sighup_reloads_template_and_code_without_watch(serve, project):
    server = serve()
    with connect(server.outputs["Url"], open_timeout=PATIENCE_S) as client:
        assert ask(client, "hello") == "one"
        project.handler("two")
        project.template(TEMPLATE.replace("Outputs:", MORE + "Outputs:"))
        server.process.send_signal(signal.SIGHUP)
        event = server.next_event()
        assert changes(event) == {("function", "changed"), ("function", "added"), ("API", "changed"), ("table", "created")}
        assert event["milliseconds"] >= 0
        assert ask(client, "hello") == "two"
        assert ask(client, '{"action": "other"}') == "other"
        server.process.send_signal(signal.SIGHUP)
        assert server.next_event()["changes"] == []


def test_a_table_with_another_key_is_refused_and_the_old_goes_on(serve, project):
    with_rooms = TEMPLATE.replace("Outputs:", MORE + "Outputs:")
    project.template(with_rooms)
    server = serve("--watch")
    with connect(server.outputs["Url"], open_timeout=PATIENCE_S) as client:
        project.template(with_rooms.replace("AttributeName: id", "AttributeName: number"))
        event = server.next_event()
        assert event["event"] == "refused"
        (problem,) = event["problems"]
        assert problem["place"]["path"] == "Resources.Rooms" and "exists with another key" in problem["message"], problem
        assert ask(client, '{"action": "other"}') == "other"


def test_a_mapping_of_a_queue_that_is_not_there_is_refused_before_anything_changes(serve, project):
    server = serve("--watch")
    with connect(server.outputs["Url"], open_timeout=PATIENCE_S) as client:
        mapping = """
  Jobs:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !Sub arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:nobodys-jobs
      FunctionName: !Ref Echo
"""
        with_jobs = TEMPLATE.replace("Outputs:", MORE + mapping + "Outputs:")
        project.template(with_jobs)
        event = server.next_event()
        assert event["event"] == "refused", event
        (problem,) = event["problems"]
        assert problem["place"]["path"] == "Resources.Jobs" and "nobodys-jobs" in problem["message"], problem
        assert ask(client, '{"action": "other"}') == "one", "routes are what they were"
        assert not server.dynamodb.list_tables()["TableNames"], "no table was made"
        server.client("sqs").create_queue(QueueName="nobodys-jobs")
        project.template(with_jobs + "# once more\n")
        expected = {("function", "added"), ("API", "changed"), ("table", "created"), ("mapping", "started")}
        assert changes(server.next_event()) == expected
        assert ask(client, '{"action": "other"}') == "other"


def test_the_servers_own_data_and_log_in_the_code_folder_are_no_change(serve, project):
    whole = TEMPLATE.replace("CodeUri: src", "CodeUri: .").replace("app.handler", "src/app.handler")
    project.template(whole)
    server = serve("--watch", data=project.folder / "data")
    with connect(server.outputs["Url"], open_timeout=PATIENCE_S) as client:
        for _ in range(20):
            assert ask(client, "hello") == "one"
        project.handler("two")
        assert changes(server.next_event()) == {("function", "changed")}
        assert ask(client, "hello") == "two"
    assert server._lines.empty(), "nothing else was a change"
