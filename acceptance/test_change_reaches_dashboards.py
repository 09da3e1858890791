"""The main job: a table changes, and every connected dashboard shows it, whichever official client changed the table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dashboards import Dashboards, now_ms
from server_process import METRICS_TABLE, Server

JS = Path(__file__).parent / "js"
AWS = Path(sys.executable).parent / "aws"

DASHBOARDS = 100
#: A stream record carries whole seconds, rounded down.
CLOCK_STEP_MS = 1000

#: A row with every kind of value, in DynamoDB's JSON and as dashboards get it.
ATTRIBUTES = {
    "entity_type": {"S": "stream"},
    "metric_value": {"N": "1234"},
    "ratio": {"N": "0.25"},
    "negative": {"N": "-7"},
    "healthy": {"BOOL": True},
    "owner": {"NULL": True},
    "labels": {"M": {"zone": {"S": "a"}, "rack": {"N": "12"}}},
    "history": {"L": [{"N": "1"}, {"N": "2.5"}, {"S": "three"}]},
    "tags": {"SS": ["blue"]},
    "buckets": {"NS": ["10"]},
    "timestamp": {"S": "2024-11-04T12:34:56Z"},
}
PLAIN = {
    "entity_type": "stream",
    "metric_value": 1234,
    "ratio": 0.25,
    "negative": -7,
    "healthy": True,
    "owner": None,
    "labels": {"zone": "a", "rack": 12},
    "history": [1, 2.5, "three"],
    "tags": ["blue"],
    "buckets": [10],
    "timestamp": "2024-11-04T12:34:56Z",
}
UPDATE = {
    "UpdateExpression": "SET metric_value = :value REMOVE #owner",
    "ExpressionAttributeNames": {"#owner": "owner"},
    "ExpressionAttributeValues": {":value": {"N": "1235.5"}},
}


def with_boto3(server: Server, key: dict, attributes: dict):
    dynamodb = server.dynamodb
    dynamodb.put_item(TableName=METRICS_TABLE, Item={**key, **attributes})
    dynamodb.update_item(TableName=METRICS_TABLE, Key=key, **UPDATE)
    dynamodb.delete_item(TableName=METRICS_TABLE, Key=key)


def with_javascript(server: Server, key: dict, attributes: dict):
    request = {"table": METRICS_TABLE, "key": key, "attributes": attributes, "update": UPDATE}
    run(server, ["node", "write_changes.mjs", json.dumps(request)], cwd=JS)


def with_command_line(server: Server, key: dict, attributes: dict):
    def aws(operation: str, **arguments):
        flags = [part for name, value in arguments.items() for part in (f"--{name.replace('_', '-')}", value)]
        run(server, [str(AWS), "dynamodb", operation, "--endpoint-url", server.url, "--table-name", METRICS_TABLE, *flags])

    aws("put-item", item=json.dumps({**key, **attributes}))
    aws(
        "update-item",
        key=json.dumps(key),
        update_expression=UPDATE["UpdateExpression"],
        expression_attribute_names=json.dumps(UPDATE["ExpressionAttributeNames"]),
        expression_attribute_values=json.dumps(UPDATE["ExpressionAttributeValues"]),
    )
    aws("delete-item", key=json.dumps(key))


def run(server: Server, command: list[str], **options):
    ended = subprocess.run(command, env=server.environment(), capture_output=True, text=True, timeout=60, **options)
    assert ended.returncode == 0, f"{command[:3]} failed:\n{ended.stdout}\n{ended.stderr}"


@pytest.mark.parametrize("change", [with_boto3, with_javascript, with_command_line])
def test_a_row_written_changed_and_deleted_is_seen_by_all_in_order_and_once(server, dashboards, entity, change):
    # Given a hundred dashboards.
    crowd = dashboards.connect(DASHBOARDS)
    key = {"entity_id": {"S": entity}}

    # When a row is written, changed and deleted.
    before = now_ms()
    change(server, key, ATTRIBUTES)
    after = now_ms()

    # Then each dashboard is told of the three, in order, and of nothing else up to a last row written behind them.
    server.put_metric("last")
    for dashboard in crowd:
        updates = updates_before(dashboards, dashboard, "last")
        changed = {key: value for key, value in PLAIN.items() if key != "owner"} | {"metric_value": 1235.5}
        assert [(update["eventType"], update["data"]) for update in updates] == [
            ("INSERT", {"entity_id": entity, **PLAIN}),
            ("MODIFY", {"entity_id": entity, **changed}),
            ("REMOVE", {"entity_id": entity, **changed}),
        ]
        for update in updates:
            assert update.keys() == {"eventType", "timestamp", "data"}
            assert type(update["timestamp"]) is int, "milliseconds since the epoch, as a number"
            assert before - CLOCK_STEP_MS <= update["timestamp"] <= after
    server.dynamodb.delete_item(TableName=METRICS_TABLE, Key={"entity_id": {"S": "last"}})


def test_messages_are_text_frames_with_these_two_keys(server, dashboards, entity):
    dashboard = dashboards.one()
    server.put_metric(entity)
    dashboards.wait_for("the change", lambda: dashboard.messages)
    (message,) = dashboard.messages
    assert isinstance(message, str), "a browser parses text; a binary frame would reach it as a blob"
    parsed = json.loads(message)
    assert parsed.keys() == {"type", "updates"} and parsed["type"] == "METRICS_UPDATE"


@pytest.mark.parametrize(
    ("number", "plain"),
    [
        ("0", 0),
        ("-0.5", -0.5),
        ("9007199254740993", 9007199254740993),
        ("100000000000000000000", 1e20),
        ("1.5E+3", 1500),
        ("1E-10", 1e-10),
    ],
)
def test_numbers_are_numbers(server, dashboards, entity, number, plain):
    dashboard = dashboards.one()
    server.put_metric(entity, value={"N": number})
    dashboards.wait_for("the change", lambda: dashboard.updates())
    seen = dashboard.updates()[0]["data"]["value"]
    assert isinstance(seen, (int, float)) and seen == plain


def test_a_write_that_changes_nothing_is_not_told(server, dashboards, entity):
    dashboard = dashboards.one()
    for value in ("1", "1", "2", "2"):
        server.put_metric(entity, value={"N": value})
    server.put_metric(f"{entity}-last")
    updates = updates_before(dashboards, dashboard, f"{entity}-last")
    assert [update["data"]["value"] for update in updates] == [1, 2]


def test_a_thousand_changes_keep_their_order(server, dashboards, entity):
    # Given dashboards, when one batch write after the other changes the table,
    crowd = dashboards.connect(10)
    dynamodb = server.dynamodb
    rows = [{"entity_id": {"S": f"{entity}-{number % 100}"}, "value": {"N": str(number)}} for number in range(1000)]
    for start in range(0, len(rows), 25):
        puts = [{"PutRequest": {"Item": row}} for row in rows[start : start + 25]]
        answer = dynamodb.batch_write_item(RequestItems={METRICS_TABLE: puts})
        assert not answer["UnprocessedItems"]

    # Then every dashboard sees each row's changes in the order in which they were made, and none twice.
    for dashboard in crowd:
        dashboards.wait_for("all changes", lambda: len(dashboard.updates()) >= len(rows))
        seen: dict[str, list[int]] = {}
        for update in dashboard.updates():
            seen.setdefault(update["data"]["entity_id"], []).append(update["data"]["value"])
        assert seen == {f"{entity}-{row}": list(range(row, 1000, 100)) for row in range(100)}


def updates_before(dashboards: Dashboards, dashboard, last: str) -> list[dict]:
    """What the dashboard was told before the row `last`."""

    def ends(update):
        return update["data"]["entity_id"] == last

    dashboards.wait_for(f"the change of {last}", lambda: any(ends(update) for update in dashboard.updates()))
    updates = dashboard.updates()
    return updates[: next(place for place, update in enumerate(updates) if ends(update))]
