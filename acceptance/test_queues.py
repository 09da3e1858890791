"""Queues and topics as SDKs, the command line and templates use them."""

import hashlib
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from functools import partial
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from websockets.sync.client import connect

from deadline import eventually
from server_process import REGION, Server
from templates import EXAMPLES, PATIENCE_S, receive, say


@pytest.fixture
def sqs(server):
    return server.client("sqs")


@pytest.fixture
def queue(sqs, entity):
    url = sqs.create_queue(QueueName=entity.split("[")[0][:80])["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def bodies(sqs, url: str, **arguments) -> list[str]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **arguments)
    return [message["Body"] for message in answer.get("Messages", [])]


def arn_of(sqs, url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_a_message_goes_through_a_queue(server, sqs, queue):
    assert queue.startswith(f"http://{server.listen}/000000000000/")
    attributes = {"colour": {"DataType": "String", "StringValue": "rot"}, "bytes": {"DataType": "Binary", "BinaryValue": b"\0\xff"}}
    sent = sqs.send_message(QueueUrl=queue, MessageBody="hällo\r\n<&>", MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == hashlib.md5("hällo\r\n<&>".encode()).hexdigest()
    (message,) = sqs.receive_message(
        QueueUrl=queue, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"], WaitTimeSeconds=5
    )["Messages"]
    assert message["Body"] == "hällo\r\n<&>"
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=again["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert (counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")


def test_batches_and_errors_are_those_of_the_sdk(sqs, queue):
    entries = [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(10)]
    assert len(sqs.send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 10
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in messages) == [f"m{n}" for n in range(10)]
    entries = [{"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages]
    assert len(sqs.delete_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 10
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as refused:
        sqs.get_queue_url(QueueName="nobody")
    assert refused.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(ClientError) as refused:
        sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=11)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"
    assert queue in sqs.list_queues()["QueueUrls"]


def test_a_waiting_receiver_gets_the_message_at_once(server, sqs, queue):
    received = []
    waiting = server.client("sqs")
    receiver = threading.Thread(target=lambda: received.extend(bodies(waiting, queue, WaitTimeSeconds=20)))
    receiver.start()
    sqs.send_message(QueueUrl=queue, MessageBody="here")
    receiver.join(timeout=10)
    assert received == ["here"]


def form(server: Server, path: str, body: str) -> tuple[int, ElementTree.Element]:
    """The older protocol, as older SDKs speak it."""
    request = AWSRequest("POST", server.url + path, data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    SigV4Auth(Credentials("local", "local"), "sqs", REGION).add_auth(request)
    prepared = urllib.request.Request(request.url, data=body.encode(), headers=dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(prepared, timeout=30) as answer:
            return answer.status, ElementTree.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, ElementTree.fromstring(error.read())


def test_the_older_protocol_is_understood(server, sqs, queue):
    path = queue.removeprefix(server.url)
    status, answer = form(server, path, "Action=SendMessage&Version=2012-11-05&MessageBody=from+a+form")
    names = {"q": "http://queue.amazonaws.com/doc/2012-11-05/"}
    assert status == 200
    assert answer.findtext("q:SendMessageResult/q:MD5OfMessageBody", namespaces=names) == hashlib.md5(b"from a form").hexdigest()
    assert bodies(sqs, queue) == ["from a form"]
    status, answer = form(server, "/000000000000/nobody", "Action=SendMessage&MessageBody=x")
    assert (status, answer.findtext("q:Error/q:Code", namespaces=names)) == (400, "AWS.SimpleQueueService.NonExistentQueue")


def test_the_command_line_uses_queues_and_topics(server, queue):
    def aws(*arguments: str) -> dict:
        command = [sys.executable, "-m", "awscli", "--endpoint-url", server.url, "--output", "json", *arguments]
        answer = subprocess.run(command, env=server.environment(), capture_output=True, text=True, timeout=60)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout or "{}")

    aws("sqs", "send-message", "--queue-url", queue, "--message-body", "typed")
    assert aws("sqs", "receive-message", "--queue-url", queue)["Messages"][0]["Body"] == "typed"
    topic = aws("sns", "create-topic", "--name", "typed")["TopicArn"]
    assert aws("sns", "list-topics")["Topics"] == [{"TopicArn": topic}]
    aws("sns", "delete-topic", "--topic-arn", topic)


def test_a_topic_delivers_to_queues(server, sqs, queue):
    sns = server.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    attributes = {"FilterPolicy": json.dumps({"colour": ["red"]})}
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn_of(sqs, queue), Attributes=attributes, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    for colour in ("blue", "red"):
        attributes = {"colour": {"DataType": "String", "StringValue": colour}}
        published = sns.publish(TopicArn=topic, Subject="Hi", Message=f"it is {colour}", MessageAttributes=attributes)
    (body,) = bodies(sqs, queue)
    envelope = json.loads(body)
    assert (envelope["Type"], envelope["Subject"], envelope["Message"]) == ("Notification", "Hi", "it is red")
    assert envelope["MessageId"] == published["MessageId"]
    assert [one["SubscriptionArn"] for one in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]] == [subscription]
    sns.unsubscribe(SubscriptionArn=subscription)
    entries = [{"Id": "a", "Message": "to nobody"}, {"Id": "b", "Message": "x" * (256 * 1024)}]
    with pytest.raises(ClientError) as refused:
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert refused.value.response["Error"]["Code"] == "BatchRequestTooLong"
    with pytest.raises(ClientError) as refused:
        sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://example.org")
    assert "not to https" in refused.value.response["Error"]["Message"]
    sns.delete_topic(TopicArn=topic)
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.publish(TopicArn=topic, Message="too late")


def test_what_was_acknowledged_survives_a_crash(start_server):
    server = start_server()
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    acknowledged, lock = set(), threading.Lock()

    def send(sender: int):
        client = server.client("sqs")
        try:
            for number in range(1000):
                client.send_message(QueueUrl=url, MessageBody=f"{sender}-{number}")
                with lock:
                    acknowledged.add(f"{sender}-{number}")
        except Exception:  # the server has gone
            pass

    senders = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    for sender in senders:
        sender.start()
    eventually("a hundred messages", lambda: len(acknowledged) >= 100)
    server.kill()
    for sender in senders:
        sender.join()
    after = start_server()
    sqs = after.client("sqs")
    found = set()
    while batch := bodies(sqs, f"{after.url}/000000000000/jobs"):
        found.update(batch)
    assert acknowledged <= found, acknowledged - found
    assert len(found - acknowledged) <= 4, "at most one of each sender was on its way"


def test_jobs_go_through_a_queue_to_a_worker_and_a_topic(serve):
    server = serve(EXAMPLES / "queue-node", "--parameter", "RetryAfterSeconds=2")
    assert server.outputs["QueueUrl"] == f"{server.url}/000000000000/queue-node-Jobs"
    with connect(server.outputs["Url"]) as client:
        say(client, kind="reverse", text="hello")
        assert receive(client) == {"kind": "reverse", "result": "olleh"}
        say(client, kind="unknown", text="poison")
        say(client, kind="shout", text="hey")
        assert receive(client) == {"kind": "shout", "result": "HEY!"}
    sqs = server.client("sqs")
    failed = eventually("the poison among the failed jobs", lambda: bodies(sqs, server.outputs["FailedJobsUrl"]), PATIENCE_S)
    assert [json.loads(body)["kind"] for body in failed] == ["unknown"]

    def totals() -> dict[str, str]:
        items = server.dynamodb.scan(TableName=server.outputs["TotalsTable"], ConsistentRead=True)["Items"]
        return {item["kind"]["S"]: item["jobs"]["N"] for item in items}

    eventually("the counts", lambda: totals() == {"reverse": "1", "shout": "1"}, PATIENCE_S)
    attributes = sqs.get_queue_attributes(QueueUrl=server.outputs["QueueUrl"], AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_jobs_wait_for_a_server_that_is_away(serve, tmp_path):
    template = tmp_path / "template.yaml"
    template.write_text(
        """
Resources:
  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}
  Done: {Type: AWS::SQS::Queue, Properties: {QueueName: done}}
  Work:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Timeout: 20
      MemorySize: 256
      Role: arn:aws:iam::000000000000:role/work
      Environment: {Variables: {DONE: !Ref Done}}
      Code:
        ZipFile: |
          import boto3, os
          def handler(event, context):
              for record in event["Records"]:
                  boto3.client("sqs").send_message(QueueUrl=os.environ["DONE"], MessageBody=record["body"] + " done")
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Jobs.Arn, FunctionName: !Ref Work, Enabled: false}
"""
    )
    server = serve(tmp_path)
    sqs = server.client("sqs")
    sqs.send_message(QueueUrl=f"{server.url}/000000000000/jobs", MessageBody="job")
    server.kill()
    template.write_text(template.read_text().replace("Enabled: false", "Enabled: true"))
    server = serve(tmp_path)
    sqs = server.client("sqs")
    done = f"{server.url}/000000000000/done"
    assert eventually("the job", lambda: bodies(sqs, done, WaitTimeSeconds=5), PATIENCE_S) == ["job done"]
    server.terminate()
    assert server.exit_code() == 0


def test_a_route_can_put_messages_into_a_queue_without_a_function(serve, tmp_path):
    (tmp_path / "template.yaml").write_text(
        """
Resources:
  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: direct}}
  Desk:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: desk, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Put:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Desk
      IntegrationType: AWS
      IntegrationMethod: POST
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/${Jobs.QueueName}
      CredentialsArn: arn:aws:iam::000000000000:role/desk
      RequestParameters:
        integration.request.header.Content-Type: "'application/x-www-form-urlencoded'"
      TemplateSelectionExpression: \\$default
      RequestTemplates:
        $default: Action=SendMessage&MessageBody=$util.urlEncode($input.body)
  Default:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Desk, RouteKey: $default, Target: !Sub "integrations/${Put}"}
  Prod:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Desk, StageName: prod, AutoDeploy: true}
Outputs:
  Url: {Value: !Sub "wss://${Desk}.execute-api.${AWS::Region}.amazonaws.com/prod"}
  QueueUrl: {Value: !Ref Jobs}
"""
    )
    server = serve(tmp_path)
    with connect(server.outputs["Url"]) as client:
        client.send("a job & more")
        sqs = server.client("sqs")
        assert bodies(sqs, server.outputs["QueueUrl"], WaitTimeSeconds=20) == ["a job & more"]


def test_a_queue_and_a_topic_are_told_of_what_a_mapping_gives_up(serve, tmp_path):
    (tmp_path / "template.yaml").write_text(
        """
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: orders
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: KEYS_ONLY}
  Failed: {Type: AWS::SQS::Queue}
  Told: {Type: AWS::SNS::Topic}
  Heard: {Type: AWS::SQS::Queue}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Told, Protocol: sqs, Endpoint: !GetAtt Heard.Arn, RawMessageDelivery: true}
  First:
    Type: AWS::Serverless::Function
    Properties: &fails
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            raise ValueError("never")
      Events:
        Changes:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Orders.StreamArn
            StartingPosition: TRIM_HORIZON
            MaximumRetryAttempts: 0
            DestinationConfig: {OnFailure: {Destination: !GetAtt Failed.Arn}}
  Second:
    Type: AWS::Serverless::Function
    Properties:
      <<: *fails
      Events:
        Changes:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Orders.StreamArn
            StartingPosition: TRIM_HORIZON
            MaximumRetryAttempts: 0
            DestinationConfig: {OnFailure: {Destination: !Ref Told}}
Outputs:
  Failed: {Value: !Ref Failed}
  Heard: {Value: !Ref Heard}
"""
    )
    server = serve(tmp_path)
    server.dynamodb.put_item(TableName="orders", Item={"id": {"S": "7"}})
    sqs = server.client("sqs")
    for queue in ("Failed", "Heard"):
        look = partial(bodies, sqs, server.outputs[queue], WaitTimeSeconds=5)
        (notice,) = eventually(f"a notice in {queue}", look, PATIENCE_S)
        assert json.loads(notice)["DDBStreamBatchInfo"]["batchSize"] == 1
