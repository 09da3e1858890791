"""Whom a server tells of what succeeded and of what was given up, and queues and topics as integrations of routes."""

import json

import pytest
from websockets.sync.client import connect

from deadline import eventually
from templates import PATIENCE_S, receive, say

TEMPLATE = r"""
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, Handler: index.handler, Timeout: 20, MemorySize: 256}
Resources:
  Given: {Type: AWS::SQS::Queue}
  Done: {Type: AWS::SQS::Queue}
  Failed: {Type: AWS::SQS::Queue}
  Letters: {Type: AWS::SQS::Queue}
  Jobs: {Type: AWS::SQS::Queue}
  News:
    Type: AWS::SNS::Topic
    Properties: {Subscription: [{Protocol: sqs, Endpoint: !GetAtt Jobs.Arn}]}
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: KEYS_ONLY}
  Poisoned:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        def handler(event, context):
            raise ValueError("cannot be handled")
      Events:
        Changes:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Orders.StreamArn
            StartingPosition: TRIM_HORIZON
            MaximumRetryAttempts: 1
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Given.Arn}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        def handler(event, context):
            if event["text"] == "bad":
                raise ValueError("it is bad")
            return event["text"].upper()
      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Letters.Arn}
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        DestinationConfig:
          OnSuccess: {Type: SQS, Destination: !GetAtt Done.Arn}
          OnFailure: {Type: SQS, Destination: !GetAtt Failed.Arn}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: api, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Later:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS
      IntegrationMethod: POST
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Worker.Arn}/invocations
      RequestParameters: {integration.request.header.X-Amz-Invocation-Type: "'Event'"}
      TemplateSelectionExpression: \$default
      RequestTemplates: {$default: "{\"text\": $input.json('$.text')}"}
  Enqueue:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS
      IntegrationMethod: POST
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/${Jobs.QueueName}
      RequestParameters: {integration.request.header.Content-Type: "'application/x-www-form-urlencoded'"}
      TemplateSelectionExpression: \$default
      RequestTemplates: {$default: "Action=SendMessage&MessageBody=$util.urlEncode($input.path('$.text'))"}
  Enqueued:
    Type: AWS::ApiGatewayV2::IntegrationResponse
    Properties:
      ApiId: !Ref Api
      IntegrationId: !Ref Enqueue
      IntegrationResponseKey: $default
      TemplateSelectionExpression: \$default
      ResponseTemplates: {$default: '{"queued": true}'}
  Publish:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS
      IntegrationMethod: POST
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:sns:action/Publish
      RequestParameters:
        integration.request.querystring.TopicArn: !Sub "'${News}'"
        integration.request.querystring.Message: route.request.body.text
      TemplateSelectionExpression: \$default
      RequestTemplates: {$default: ''}
  LaterRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: later, Target: !Sub 'integrations/${Later}'}
  EnqueueRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: enqueue, Target: !Sub 'integrations/${Enqueue}', RouteResponseSelectionExpression: $default}
  EnqueueResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Api, RouteId: !Ref EnqueueRoute, RouteResponseKey: $default}
  PublishRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: publish, Target: !Sub 'integrations/${Publish}'}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: prod, AutoDeploy: true}
Outputs:
  Url: {Value: !Sub 'wss://${Api}.execute-api.${AWS::Region}.amazonaws.com/prod'}
  Orders: {Value: !Ref Orders}
  Worker: {Value: !Ref Worker}
  WorkerArn: {Value: !GetAtt Worker.Arn}
  PoisonedArn: {Value: !GetAtt Poisoned.Arn}
"""


@pytest.fixture
def served(serve, tmp_path):
    folder = tmp_path / "destinations"
    folder.mkdir()
    (folder / "template.yaml").write_text(TEMPLATE)
    return serve(folder, "--stack-name", "d")


def taken(server, queue: str) -> str:
    """The next message of a queue, taken from it."""
    sqs = server.client("sqs")
    url = sqs.get_queue_url(QueueName=f"d-{queue}")["QueueUrl"]
    got = []

    def is_there() -> bool:
        got.extend(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []))
        return bool(got)

    eventually(f"a message in {queue}", is_there)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])
    return got[0]["Body"]


def test_a_queue_is_told_of_changes_that_were_given_up(served):
    served.dynamodb.put_item(TableName=served.outputs["Orders"], Item={"id": {"S": "1"}})
    notice = json.loads(taken(served, "Given"))
    context, batch = notice["requestContext"], notice["DDBStreamBatchInfo"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetryAttemptsExhausted", 2)
    assert context["functionArn"] == served.outputs["PoisonedArn"]
    assert notice["responseContext"]["functionError"] == "Unhandled"
    described = served.dynamodb.describe_table(TableName=served.outputs["Orders"])["Table"]
    assert (batch["batchSize"], batch["streamArn"]) == (1, described["LatestStreamArn"])


def test_destinations_are_told_how_events_ended(served):
    invoke = served.client("lambda").invoke
    for text, queue, condition in [("good", "Done", "Success"), ("bad", "Failed", "RetriesExhausted")]:
        asked = invoke(FunctionName=served.outputs["Worker"], InvocationType="Event", Payload=json.dumps({"text": text}))
        record = json.loads(taken(served, queue))
        context = record["requestContext"]
        assert (context["condition"], context["approximateInvokeCount"]) == (condition, 1)
        assert context["requestId"] == asked["ResponseMetadata"]["RequestId"]
        assert context["functionArn"] == f"{served.outputs['WorkerArn']}:$LATEST"
        assert record["requestPayload"] == {"text": text}
        if text == "good":
            assert record["responsePayload"] == "GOOD"
        else:
            assert record["responsePayload"]["errorMessage"] == "it is bad"
    assert json.loads(taken(served, "Letters")) == {"text": "bad"}, "and the event itself is a dead letter"


def test_routes_are_integrations_with_queues_topics_and_events(served):
    with connect(served.outputs["Url"], open_timeout=PATIENCE_S) as client:
        say(client, action="enqueue", text="a job & more = ä")
        assert receive(client) == {"queued": True}
        assert taken(served, "Jobs") == "a job & more = ä"
        say(client, action="publish", text="the news")
        assert json.loads(taken(served, "Jobs"))["Message"] == "the news"
        say(client, action="later", text="bad")
        record = json.loads(taken(served, "Failed"))
        assert record["requestPayload"] == {"text": "bad"}, "an asynchronous integration is an event like any other"
