"""SIGTERM: the server takes leave of everybody and loses nothing."""

import threading

from botocore.exceptions import BotoCoreError, ClientError

from deadline import eventually
from raw_http import raw_websocket
from server_process import API, METRICS_TABLE, STAGE

GOING_AWAY = 1001
#: The least a drain may be given here; it needs a fraction of it.
DRAIN_TIMEOUT_S = 10


def test_sigterm_closes_sockets_runs_disconnect_keeps_every_write_and_exits_0(start_server, gather):
    # Given dashboards, one client that will not answer the close, and writers at work,
    first = start_server("--drain-timeout", f"{DRAIN_TIMEOUT_S}s")
    dashboards = gather(first)
    crowd = dashboards.connect(50)
    mute = raw_websocket(first.address, f"/{API}/{STAGE}")
    eventually("a row for each connection", lambda: len(first.connection_ids()) == 51)
    acknowledged: list[set[int]] = [set() for _ in range(4)]
    writers = [threading.Thread(target=write, args=(first, place, done)) for place, done in enumerate(acknowledged)]
    for writer in writers:
        writer.start()
    eventually("some writes", lambda: sum(map(len, acknowledged)) >= 200)

    # when it is told to end,
    first.terminate()

    # then clients are told that it is going away, and the process ends well in time.
    assert first.exit_code() == 0, first.log()[-4000:]
    for writer in writers:
        writer.join()
    dashboards.wait_for("all closes", lambda: all(each.close_code for each in crowd))
    assert {each.close_code for each in crowd} == {GOING_AWAY}
    assert "did not end within" not in first.log(), first.log()[-4000:]
    mute.close()

    # After a restart no connection has a row any more, because $disconnect ran for each; and every write that was
    # acknowledged is there.
    second = start_server()
    assert second.connection_ids() == set()
    pages = second.dynamodb.get_paginator("scan").paginate(TableName=METRICS_TABLE, ConsistentRead=True)
    written = {item["entity_id"]["S"] for page in pages for item in page["Items"]}
    expected = {f"writer-{place}-{number}" for place, done in enumerate(acknowledged) for number in done}
    assert len(expected) >= 200 and expected <= written
    second.assert_alive()


def test_changes_made_just_before_the_end_are_delivered_after_it(start_server, gather):
    # Given a change that waits for its batch to fill, when the server is told to end and comes back,
    first = start_server("--batch-window", "5m")
    first.put_metric("patient", value={"N": "1"})
    first.terminate()
    assert first.exit_code() == 0
    second = start_server("--batch-window", "2s", listen=first.listen)

    # then a dashboard that is there by then is told.
    dashboards = gather(second)
    dashboard = dashboards.one()
    dashboards.wait_for("the change", lambda: dashboard.updates())
    assert [update["data"] for update in dashboard.updates()] == [{"entity_id": "patient", "value": 1}]


def test_a_dashboard_comes_back_to_a_server_that_was_replaced(start_server, gather):
    # Given a dashboard that reconnects, when its server is replaced by another at the same address and on the same folder,
    first = start_server()
    dashboards = gather(first)
    dashboard = dashboards.connect(1, reconnects=True)[0]
    first.terminate()
    assert first.exit_code() == 0
    second = start_server(listen=first.listen)
    dashboards.wait_for("its return", lambda: len(dashboard.sessions) == 2)
    assert dashboard.close_code == GOING_AWAY

    # then it goes on as before.
    second.put_metric("after", value={"N": "1"})
    dashboards.wait_for("the change", lambda: dashboard.updates(session=1))


def write(server, place: int, acknowledged: set[int]):
    dynamodb = server.client("dynamodb")
    number = 0
    while True:
        item = {"entity_id": {"S": f"writer-{place}-{number}"}}
        try:
            dynamodb.put_item(TableName=METRICS_TABLE, Item=item)
        except (BotoCoreError, ClientError):
            return
        acknowledged.add(number)
        number += 1
