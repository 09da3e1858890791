"""A client that does not read: what waits for it is bounded, and the others do not wait for it."""

import pytest

from deadline import eventually
from raw_http import raw_websocket
from server_process import API, STAGE

CLOSED_AS_TOO_SLOW = "sluicegate_slow_connections_closed_total"
#: Small buffers on both sides, so that a client counts as slow after some hundred kilobytes.
QUEUE = ("--outbound-queue", "256KB")
RECEIVE_BUFFER = 4096
PATH = f"/{API}/{STAGE}"
ROW = {"S": "x" * 60_000}
#: The kernel takes up to several megabytes before the server has to queue anything.
WRITES = 400


def test_a_broadcast_disconnects_the_slow_and_reaches_the_others_at_once(start_server, gather):
    # Given a client that never reads, among dashboards that do,
    server = start_server(*QUEUE)
    dashboards = gather(server)
    crowd = dashboards.connect(5)
    slow = raw_websocket(server.address, PATH, receive_buffer=RECEIVE_BUFFER)
    eventually("all rows", lambda: len(server.connection_ids()) == 6)

    # when more is broadcast than may wait for anybody,
    for number in range(1, WRITES + 1):
        server.put_metric("large", number={"N": str(number)}, padding=ROW)
        # then each change reaches the others, whatever state the slow one is in,
        dashboards.wait_for("the change", lambda: all(len(each.updates()) == number for each in crowd), within=5)
        if server.metric(CLOSED_AS_TOO_SLOW):
            break

    # and the slow one is disconnected, counted, and without a row.
    assert server.metric(CLOSED_AS_TOO_SLOW) == 1
    eventually("the removal of its row", lambda: len(server.connection_ids()) == 5)
    for each in crowd:
        assert [update["data"]["number"] for update in each.updates()] == list(range(1, number + 1))
        assert each.close_code is None
    slow.close()
    server.assert_alive()


def test_a_post_to_the_slow_is_refused_and_to_the_others_is_not(start_server, gather):
    # Given a client that never reads and one that does,
    server = start_server(*QUEUE)
    dashboards = gather(server)
    slow = raw_websocket(server.address, PATH, receive_buffer=RECEIVE_BUFFER)
    (slow_id,) = eventually("its row", server.connection_ids)
    quick = dashboards.one(user_agent="quick")
    quick_id = server.connection_id_of("quick")
    api = server.connections_api()

    # when it is posted more than may wait for it, the caller is told so,
    with pytest.raises(api.exceptions.LimitExceededException) as refused:
        for _ in range(WRITES):
            api.post_to_connection(ConnectionId=slow_id, Data=b"x" * 60_000)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429

    # the connection stays, and the other client is reached.
    assert api.get_connection(ConnectionId=slow_id)
    api.post_to_connection(ConnectionId=quick_id, Data=b"hello")
    dashboards.wait_for("the message", lambda: quick.messages == ["hello"])

    # Once it reads again, it is posted to again.
    drained = 0
    while drained < 100_000:
        drained += len(slow.recv(65536))

    def post():
        try:
            api.post_to_connection(ConnectionId=slow_id, Data=b"again")
            return True
        except api.exceptions.LimitExceededException:
            slow.recv(65536)
            return False

    eventually("a post to be taken", post)
    slow.close()
    server.assert_alive()
