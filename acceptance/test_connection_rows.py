"""The connections table: a row for each client that is there, and none for one that is not."""

import base64
import os
import re
import time
from datetime import datetime, timedelta, timezone

from boto3.dynamodb.types import TypeDeserializer

from deadline import eventually
from raw_http import raw_websocket
from server_process import API, CONNECTIONS_TABLE, STAGE

DAY_S = 24 * 60 * 60
INDEX = "ConnectedAtIndex"


def test_a_client_has_a_row_while_it_is_connected(server, dashboards, entity):
    # Given a client,
    before = datetime.now(timezone.utc)
    dashboard = dashboards.one(user_agent=entity)
    after = datetime.now(timezone.utc)
    id_ = server.connection_id_of(entity)

    # then its row says who it is, since when it is there, and when the row may go.
    row = plain(server.dynamodb.get_item(TableName=CONNECTIONS_TABLE, Key={"connectionId": {"S": id_}})["Item"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{15}=", row["connectionId"])
    assert (row["ipAddress"], row["userAgent"]) == ("127.0.0.1", entity)
    connected_at = datetime.fromisoformat(row["connectedAt"].replace("Z", "+00:00"))
    assert before - timedelta(milliseconds=1) <= connected_at <= after
    assert abs(int(row["ttl"]) - (connected_at.timestamp() + DAY_S)) <= 1

    # When it closes, the row goes.
    dashboards.close(dashboard)
    eventually("the removal of the row", lambda: id_ not in server.connection_ids())


def test_connections_can_be_found_by_time(server, dashboards, entity):
    # Given clients that connected one after the other,
    agents = [f"{entity}-{place}" for place in range(3)]
    started = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for agent in agents:
        dashboards.one(user_agent=agent)
        # Times are kept in milliseconds; the next one is to have another.
        time.sleep(0.002)

    # then the index finds them from a time on, newest first.
    answer = server.dynamodb.query(
        TableName=CONNECTIONS_TABLE,
        IndexName=INDEX,
        KeyConditionExpression="kind = :kind AND connectedAt >= :since",
        ExpressionAttributeValues={":kind": {"S": "connection"}, ":since": {"S": started}},
        ScanIndexForward=False,
    )
    assert [row["userAgent"]["S"] for row in answer["Items"]] == agents[::-1]


def test_the_table_is_described_as_the_application_wants_it(server):
    table = server.dynamodb.describe_table(TableName=CONNECTIONS_TABLE)["Table"]
    assert table["KeySchema"] == [{"AttributeName": "connectionId", "KeyType": "HASH"}]
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == INDEX
    assert {"AttributeName": "connectedAt", "KeyType": "RANGE"} in index["KeySchema"]
    ttl = server.dynamodb.describe_time_to_live(TableName=CONNECTIONS_TABLE)["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "ttl")


def test_a_client_that_vanishes_without_a_close_loses_its_row(server):
    client = raw_websocket(server.address, f"/{API}/{STAGE}")
    here = eventually("its row", lambda: len(server.connection_ids()) == 1 and server.connection_ids())
    # No Close frame: the process behind it has died.
    client.close()
    eventually("the removal of the row", lambda: not here & server.connection_ids())


def test_stale_rows_are_removed_and_do_not_fail_the_broadcast(server, dashboards, entity):
    # Given a dashboard among rows of connections that are not there: one that could be of this server, one without a time,
    # and one whose id never was one,
    dashboard = dashboards.one(user_agent=entity)
    alive = server.connection_id_of(entity)
    long_ago = "2026-01-01T00:00:00.000Z"
    looks_valid = base64.urlsafe_b64encode(os.urandom(11)).decode()
    stale = {
        looks_valid: {"kind": {"S": "connection"}, "connectedAt": {"S": long_ago}},
        "BBBBBBBBBBBBBBB=": {},
        "not an id at all": {"connectedAt": {"S": long_ago}},
    }
    for id_, attributes in stale.items():
        server.dynamodb.put_item(TableName=CONNECTIONS_TABLE, Item={"connectionId": {"S": id_}, **attributes})

    # when a metric changes,
    retries = server.metric("sluicegate_mapping_retries_total")
    server.put_metric(entity, value={"N": "1"})

    # then the dashboard is told at once and once, the broadcast is not tried again, and the stale rows go.
    dashboards.wait_for("the change", lambda: dashboard.updates(), within=5)
    changes = iter(range(2, 10_000))

    def gone():
        # Sweeps ride on batches, some seconds apart.
        server.put_metric(entity, value={"N": str(next(changes))})
        return not stale.keys() & server.connection_ids()

    eventually("the removal of stale rows", gone)
    values = [update["data"]["value"] for update in dashboard.updates()]
    assert values == list(range(1, len(values) + 1))
    assert server.metric("sluicegate_mapping_retries_total") == retries
    assert alive in server.connection_ids()


def plain(item: dict) -> dict:
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
