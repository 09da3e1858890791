"""DynamoDB Streams through boto3: what any consumer of a table's changes sees."""

import re
from datetime import datetime, timedelta, timezone

import pytest

from deadline import eventually
from server_process import METRICS_TABLE, REGION, Server

SERVICE = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


class Table:
    """A table of the test's own, with a stream."""

    def __init__(self, server: Server, name: str, view: str = "NEW_AND_OLD_IMAGES"):
        self.server, self.name = server, name
        created = server.dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )["TableDescription"]
        self.arn = created["LatestStreamArn"]

    def put(self, id_: str, **attributes):
        self.server.dynamodb.put_item(TableName=self.name, Item={"id": {"S": id_}, **attributes})

    def delete(self, id_: str):
        self.server.dynamodb.delete_item(TableName=self.name, Key={"id": {"S": id_}})

    def description(self) -> dict:
        return self.server.streams.describe_stream(StreamArn=self.arn)["StreamDescription"]

    def iterator(self, kind: str, **arguments) -> str:
        (shard,) = self.description()["Shards"]
        return self.server.streams.get_shard_iterator(
            StreamArn=self.arn, ShardId=shard["ShardId"], ShardIteratorType=kind, **arguments
        )["ShardIterator"]

    def records(self, kind: str = "TRIM_HORIZON", **arguments) -> list[dict]:
        return self.server.streams.get_records(ShardIterator=self.iterator(kind, **arguments))["Records"]


@pytest.fixture
def table(server, entity):
    table = Table(server, f"stream-{entity.split('-')[1]}")
    yield table
    server.dynamodb.delete_table(TableName=table.name)


def test_a_stream_is_listed_and_described(server, table):
    assert re.fullmatch(
        rf"arn:aws:dynamodb:{REGION}:000000000000:table/{table.name}/stream/\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}", table.arn
    )
    (listed,) = server.streams.list_streams(TableName=table.name)["Streams"]
    label = table.arn.rsplit("/", 1)[1]
    assert listed == {"StreamArn": table.arn, "TableName": table.name, "StreamLabel": label}
    table.put("a")
    description = table.description()
    assert (description["StreamStatus"], description["StreamViewType"]) == ("ENABLED", "NEW_AND_OLD_IMAGES")
    assert description["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    (shard,) = description["Shards"]
    assert 28 <= len(shard["ShardId"]) <= 65
    assert "EndingSequenceNumber" not in shard["SequenceNumberRange"], "the shard is open"
    assert 21 <= len(shard["SequenceNumberRange"]["StartingSequenceNumber"]) <= 40


def test_changes_become_records(table):
    before = datetime.now(timezone.utc)
    table.put("a", n={"N": "1"})
    table.put("a", n={"N": "1"})  # Changes nothing, and is no change.
    table.put("a", n={"N": "2"})
    table.delete("a")
    table.delete("a")
    records = table.records()

    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    one, two = {"id": {"S": "a"}, "n": {"N": "1"}}, {"id": {"S": "a"}, "n": {"N": "2"}}
    images = [(record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage")) for record in records]
    assert images == [(None, one), (one, two), (two, None)]
    for record in records:
        assert (record["eventVersion"], record["eventSource"], record["awsRegion"]) == ("1.1", "aws:dynamodb", REGION)
        assert re.fullmatch("[0-9a-f]{32}", record["eventID"])
        assert "userIdentity" not in record
        change = record["dynamodb"]
        assert change["Keys"] == {"id": {"S": "a"}} and change["StreamViewType"] == "NEW_AND_OLD_IMAGES"
        assert before - timedelta(seconds=1) <= change["ApproximateCreationDateTime"] <= datetime.now(timezone.utc)
        assert 21 <= len(change["SequenceNumber"]) <= 40
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("view", "attributes", "size"),
    [
        ("NEW_AND_OLD_IMAGES", {}, 6),
        ("NEW_IMAGE", {"blob": {"B": b"foobar"}}, 16),
        ("KEYS_ONLY", {"blob": {"B": b"foobar"}}, 3),
    ],
)
def test_a_record_says_how_large_it_is(server, entity, view, attributes, size):
    # Names and values of keys and images, counted as DynamoDB counts them.
    table = Table(server, f"sized-{entity.split('-')[1]}", view)
    table.put("a", **attributes)
    (record,) = table.records()
    assert record["dynamodb"]["SizeBytes"] == size


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("KEYS_ONLY", [set(), set(), set()]),
        ("NEW_IMAGE", [{"NewImage"}, {"NewImage"}, set()]),
        ("OLD_IMAGE", [set(), {"OldImage"}, {"OldImage"}]),
        ("NEW_AND_OLD_IMAGES", [{"NewImage"}, {"NewImage", "OldImage"}, {"OldImage"}]),
    ],
)
def test_a_view_type_decides_which_images_are_shown(server, entity, view, expected):
    table = Table(server, f"view-{entity.split('-')[1]}", view)
    table.put("a", n={"N": "1"})
    table.put("a", n={"N": "2"})
    table.delete("a")
    records = table.records()
    assert [record["dynamodb"].keys() & {"NewImage", "OldImage"} for record in records] == expected
    assert {record["dynamodb"]["StreamViewType"] for record in records} == {view}


def test_iterators_begin_where_they_are_told(table):
    latest_of_nothing = table.iterator("LATEST")
    for id_ in "abcd":
        table.put(id_)
    everything = table.records("TRIM_HORIZON")
    assert ids(everything) == list("abcd")
    second = everything[1]["dynamodb"]["SequenceNumber"]
    assert ids(table.records("AT_SEQUENCE_NUMBER", SequenceNumber=second)) == list("bcd")
    assert ids(table.records("AFTER_SEQUENCE_NUMBER", SequenceNumber=second)) == list("cd")
    assert table.records("LATEST") == []
    # An iterator taken earlier sees what came after it.
    assert ids(table.server.streams.get_records(ShardIterator=latest_of_nothing)["Records"]) == list("abcd")


def test_a_stream_is_read_in_pages_and_goes_on(table):
    for number in range(10):
        table.put(str(number))
    iterator, pages = table.iterator("TRIM_HORIZON"), []
    for _ in range(5):
        page = table.server.streams.get_records(ShardIterator=iterator, Limit=3)
        pages.append(ids(page["Records"]))
        iterator = page["NextShardIterator"]
    assert pages == [["0", "1", "2"], ["3", "4", "5"], ["6", "7", "8"], ["9"], []]
    # An open shard has no end: the same iterator sees what comes next.
    table.put("next")
    assert ids(table.server.streams.get_records(ShardIterator=iterator)["Records"]) == ["next"]


def test_an_iterator_may_begin_at_a_time(server, table):
    table.put("a")
    (record,) = table.records()
    created = record["dynamodb"]["ApproximateCreationDateTime"]
    assert at_time(server, table, created - timedelta(hours=1)) == ["a"]
    assert at_time(server, table, created) == ["a"]


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_a_position_that_is_no_number_is_refused(server, table, kind):
    with pytest.raises(server.streams.exceptions.ClientError) as refused:
        table.iterator(kind, SequenceNumber="x" * 21)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_what_is_not_there_is_not_found(server, table):
    missing = server.streams.exceptions.ResourceNotFoundException
    other_label = table.arn.rsplit("/", 1)[0] + "/2026-01-01T00:00:00.000"
    for arn in (other_label, table.arn.replace(table.name, "nowhere-at-all")):
        with pytest.raises(missing):
            server.streams.describe_stream(StreamArn=arn)
    for arguments in ({"ShardIterator": "not an iterator"}, {"ShardIterator": table.iterator("LATEST"), "Limit": 1001}):
        with pytest.raises(server.streams.exceptions.ClientError) as refused:
            server.streams.get_records(**arguments)
        assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_table_made_anew_has_a_new_stream_without_the_old_records(server, entity):
    name = f"again-{entity.split('-')[1]}"
    first = Table(server, name)
    for id_ in "abc":
        first.put(id_)
    server.dynamodb.delete_table(TableName=name)
    server.dynamodb.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    second = Table(server, name)
    second.put("d")
    assert second.arn != first.arn
    assert ids(second.records()) == ["d"]


def test_batches_and_transactions_leave_a_record_for_each_item(server, table):
    puts = [{"PutRequest": {"Item": {"id": {"S": str(number)}}}} for number in range(5)]
    server.dynamodb.batch_write_item(RequestItems={table.name: puts})
    transaction = [{"Put": {"TableName": table.name, "Item": {"id": {"S": id_}}}} for id_ in "xy"]
    server.dynamodb.transact_write_items(TransactItems=transaction)
    assert sorted(ids(table.records())) == sorted("01234xy")


def test_an_item_expires_and_its_record_says_who_deleted_it(server, table):
    # Given a table with a time to live, an item whose time is over, and one whose time is not,
    ttl = {"Enabled": True, "AttributeName": "expires"}
    answer = server.dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification=ttl)
    assert answer["TimeToLiveSpecification"] == ttl
    described = server.dynamodb.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    now = int(datetime.now(timezone.utc).timestamp())
    table.put("over", expires={"N": str(now - 10)})
    table.put("not yet", expires={"N": str(now + 3600)})
    table.put("by hand")
    table.delete("by hand")

    # then only the first goes, and its record names the service as the one that deleted it.
    def removals():
        return {ids([record])[0]: record for record in table.records() if record["eventName"] == "REMOVE"}

    eventually("the expiry", lambda: "over" in removals())
    removed = removals()
    assert removed.keys() == {"over", "by hand"}
    assert removed["over"]["userIdentity"] == SERVICE
    assert "userIdentity" not in removed["by hand"]
    assert {item["id"]["S"] for item in server.dynamodb.scan(TableName=table.name)["Items"]} == {"not yet"}


def test_the_stream_of_the_bundled_application_can_be_read_beside_its_mapping(server, entity):
    server.put_metric(entity, value={"N": "1"})
    (stream,) = server.streams.list_streams(TableName=METRICS_TABLE)["Streams"]
    description = server.streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
    iterator = server.streams.get_shard_iterator(
        StreamArn=stream["StreamArn"], ShardId=description["Shards"][-1]["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = server.streams.get_records(ShardIterator=iterator)["Records"]
    assert entity in [record["dynamodb"]["Keys"]["entity_id"]["S"] for record in records]


def at_time(server: Server, table: Table, time: datetime) -> list[str]:
    return ids(table.records("AT_TIMESTAMP", Timestamp=time))


def ids(records: list[dict]) -> list[str]:
    return [record["dynamodb"]["Keys"]["id"]["S"] for record in records]
