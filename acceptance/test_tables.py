"""Tables through boto3, unmodified: what applications do all day, and the errors they count on."""

from decimal import Decimal

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from server_process import CREDENTIALS, REGION


@pytest.fixture(scope="module")
def resource(server):
    return boto3.session.Session().resource("dynamodb", endpoint_url=server.url, region_name=REGION, **CREDENTIALS)


@pytest.fixture
def rooms(resource, entity):
    """A table with a sort key and an index, made and removed as an application would."""
    table = resource.create_table(
        TableName=f"rooms-{entity.split('-')[1]}",
        KeySchema=[{"AttributeName": "room", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "room", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
            {"AttributeName": "user", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-user",
                "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    table.wait_until_exists()
    yield table
    table.delete()
    table.wait_until_not_exists()


def test_every_type_comes_back_as_it_went(rooms):
    item = {
        "room": "a",
        "at": Decimal(1),
        "text": "ä€😀",
        "empty": "",
        "number": Decimal("3.1415926535897932384626433832795028841"),
        "bytes": b"\x00\xff",
        "yes": True,
        "nothing": None,
        "list": [Decimal(1), "two", [b"three"]],
        "map": {"deep": {"deeper": [Decimal("-1E-100")]}},
        "texts": {"a", "b"},
        "numbers": {Decimal(1), Decimal(2)},
        "blobs": {b"a", b"b"},
    }
    rooms.put_item(Item=item)
    back = rooms.get_item(Key={"room": "a", "at": 1}, ConsistentRead=True)["Item"]
    # The SDK has its own type for binary values.
    back = {**back, "bytes": back["bytes"].value, "blobs": {blob.value for blob in back["blobs"]}}
    back["list"] = [*back["list"][:2], [blob.value for blob in back["list"][2]]]
    assert back == item


def test_query_goes_by_key_range_index_filter_and_page(rooms):
    with rooms.batch_writer() as batch:
        for at in range(100):
            batch.put_item(Item={"room": "a", "at": at, "user": f"user-{at % 3}", "text": "x" * 100})
    in_range = rooms.query(KeyConditionExpression=Key("room").eq("a") & Key("at").between(10, 19), ScanIndexForward=False)
    assert [int(item["at"]) for item in in_range["Items"]] == list(range(19, 9, -1))
    of_user = rooms.query(IndexName="by-user", KeyConditionExpression=Key("user").eq("user-1"), Select="COUNT")
    assert of_user["Count"] == 33
    filtered = rooms.query(KeyConditionExpression=Key("room").eq("a"), FilterExpression=Attr("user").is_in(["user-0"]))
    assert (filtered["Count"], filtered["ScannedCount"]) == (34, 100)

    paged, start = [], {}
    while True:
        page = rooms.query(KeyConditionExpression=Key("room").eq("a"), Limit=7, **start)
        paged += [int(item["at"]) for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert paged == list(range(100))


def test_a_condition_that_fails_is_its_own_error_and_changes_nothing(server, rooms):
    rooms.put_item(Item={"room": "a", "at": 1, "version": 1})
    with pytest.raises(ClientError) as refused:
        rooms.put_item(
            Item={"room": "a", "at": 1, "version": 9},
            ConditionExpression="attribute_not_exists(room)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    error = refused.value.response
    assert error["Error"]["Code"] == "ConditionalCheckFailedException"
    assert error["Error"]["Message"] == "The conditional request failed"
    assert error["Item"] == {"room": {"S": "a"}, "at": {"N": "1"}, "version": {"N": "1"}}

    # The same through the class that applications catch.
    with pytest.raises(server.dynamodb.exceptions.ConditionalCheckFailedException):
        server.dynamodb.delete_item(
            TableName=rooms.name,
            Key={"room": {"S": "a"}, "at": {"N": "1"}},
            ConditionExpression="version > :version",
            ExpressionAttributeValues={":version": {"N": "1"}},
        )
    updated = rooms.update_item(
        Key={"room": "a", "at": 1},
        UpdateExpression="ADD version :one SET #text = if_not_exists(#text, :text)",
        ConditionExpression="version = :one",
        ExpressionAttributeNames={"#text": "text"},
        ExpressionAttributeValues={":one": 1, ":text": "hi"},
        ReturnValues="ALL_NEW",
    )
    assert updated["Attributes"] == {"room": "a", "at": 1, "version": 2, "text": "hi"}


def test_batches_write_and_read(server, rooms):
    puts = [{"PutRequest": {"Item": {"room": {"S": "a"}, "at": {"N": str(at)}}}} for at in range(25)]
    assert server.dynamodb.batch_write_item(RequestItems={rooms.name: puts})["UnprocessedItems"] == {}
    keys = [{"room": {"S": "a"}, "at": {"N": str(at)}} for at in range(30)]
    answer = server.dynamodb.batch_get_item(RequestItems={rooms.name: {"Keys": keys}})
    assert len(answer["Responses"][rooms.name]) == 25 and answer["UnprocessedKeys"] == {}
    with pytest.raises(ClientError) as refused:
        server.dynamodb.batch_write_item(RequestItems={rooms.name: puts + puts[:1]})
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_transaction_happens_whole_or_not_at_all(server, rooms):
    def put(at, **condition):
        item = {"room": {"S": "t"}, "at": {"N": str(at)}}
        return {"Put": {"TableName": rooms.name, "Item": item, **condition}}

    fresh = {"ConditionExpression": "attribute_not_exists(room)"}
    server.dynamodb.transact_write_items(TransactItems=[put(1, **fresh), put(2, **fresh)])
    with pytest.raises(server.dynamodb.exceptions.TransactionCanceledException) as cancelled:
        server.dynamodb.transact_write_items(TransactItems=[put(3, **fresh), put(2, **fresh)])
    reasons = [reason["Code"] for reason in cancelled.value.response["CancellationReasons"]]
    assert reasons == ["None", "ConditionalCheckFailed"]
    keys = [{"Get": {"TableName": rooms.name, "Key": {"room": {"S": "t"}, "at": {"N": str(at)}}}} for at in (1, 2, 3)]
    answers = server.dynamodb.transact_get_items(TransactItems=keys)["Responses"]
    assert ["Item" in answer for answer in answers] == [True, True, False]


def test_tables_are_listed_described_and_missing(server, rooms):
    names = [name for page in server.dynamodb.get_paginator("list_tables").paginate() for name in page["TableNames"]]
    assert rooms.name in names and "iops-dashboard-metrics" in names
    described = server.dynamodb.describe_table(TableName=rooms.name)["Table"]
    assert described["TableArn"] == f"arn:aws:dynamodb:{REGION}:000000000000:table/{rooms.name}"
    assert described["TableStatus"] == "ACTIVE"
    with pytest.raises(server.dynamodb.exceptions.ResourceInUseException):
        server.dynamodb.create_table(
            TableName=rooms.name,
            KeySchema=[{"AttributeName": "room", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "room", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    for operation, arguments in [
        ("describe_table", {}),
        ("scan", {}),
        ("put_item", {"Item": {"id": {"S": "a"}}}),
        ("get_item", {"Key": {"id": {"S": "a"}}}),
        ("delete_table", {}),
    ]:
        with pytest.raises(server.dynamodb.exceptions.ResourceNotFoundException):
            getattr(server.dynamodb, operation)(TableName="nowhere", **arguments)


def test_data_survives_a_restart(start_server):
    first = start_server()
    first.put_metric("kept", value={"N": "1"})
    first.terminate()
    assert first.exit_code() == 0
    second = start_server()
    answer = second.dynamodb.get_item(TableName="iops-dashboard-metrics", Key={"entity_id": {"S": "kept"}})
    assert answer["Item"]["value"] == {"N": "1"}
