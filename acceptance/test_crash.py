"""`kill -9`: what was acknowledged is there afterwards, and every change is still delivered.

How delivery is observed without luck: the second server gathers changes for a few seconds before it delivers a batch that
is not full. As long as fewer changes are unfinished than fill a batch, a dashboard that comes back at once is back before
the first delivery, and the test checks on the server's own count that it was.
"""

import itertools
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from dashboards import Dashboard, Dashboards
from deadline import eventually
from server_process import METRICS_TABLE, Server

#: The mapping of live-metrics.
BATCH_SIZE = 100
WINDOW = ("--batch-window", "5s")
DELIVERED = "sluicegate_mapping_records_total"
GIVEN_UP = "sluicegate_mapping_discarded_records_total"

WRITES = 2_000
KILL_AFTER = 1_000
WRITERS = 8
#: Writers stay at most this far ahead of the dashboards. What is unfinished at the kill is then at most these and as many
#: again of which only the checkpoint was not written yet.
AHEAD = 40
assert 2 * AHEAD + WRITERS < BATCH_SIZE


class Writers:
    """Several clients that put rows until told, or until the server goes."""

    def __init__(self):
        self.acknowledged: set[int] = set()
        self.left = list(range(WRITES))
        self._lock = threading.Lock()

    def start(self, server: Server, before_each=lambda: True) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._write, args=(server, before_each)) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        return threads

    def _write(self, server: Server, before_each):
        dynamodb = server.dynamodb
        while before_each():
            with self._lock:
                if not self.left:
                    return
                number = self.left.pop(0)
            try:
                dynamodb.put_item(TableName=METRICS_TABLE, Item=row(number))
            except (BotoCoreError, ClientError):
                # Not acknowledged; whether it was written is for nobody to know. It is written again later.
                with self._lock:
                    self.left.append(number)
                return
            self.acknowledged.add(number)


def row(number: int) -> dict:
    return {"entity_id": {"S": f"write-{number:04}"}, "number": {"N": str(number)}}


def test_a_kill_in_the_middle_of_2000_writes_loses_nothing(start_server, gather):
    # Given dashboards that come back when they lose their server, and writers at work,
    first = start_server()
    dashboards = gather(first)
    crowd = dashboards.connect(3, reconnects=True)
    left_behind = first.connection_ids()
    unseen, killed = threading.Semaphore(AHEAD), threading.Event()
    threading.Thread(target=release_as_seen, args=(dashboards, crowd[0], unseen), daemon=True).start()
    writers = Writers()
    threads = writers.start(first, before_each=lambda: unseen.acquire() and not killed.is_set())

    # When the server is killed with a thousand writes acknowledged and others on their way,
    eventually("half of the writes", lambda: len(writers.acknowledged) >= KILL_AFTER)
    first.kill()
    killed.set()
    unseen.release(WRITERS)
    for thread in threads:
        thread.join()
    acknowledged_before = set(writers.acknowledged)
    assert len(acknowledged_before) < WRITES, "the kill was to hit writers at work"

    # and comes back at the same address, and so do the dashboards, before anything is delivered,
    second = start_server(*WINDOW, listen=first.listen)
    dashboards.wait_for("the dashboards' return", lambda: all(len(each.sessions) == 2 for each in crowd))
    assert second.metric(DELIVERED) == 0, "the dashboards were to be back before the first delivery"

    # then everything acknowledged is there,
    assert acknowledged_before <= numbers_in_table(second)

    # and when the rest is written, all of it is.
    for thread in writers.start(second):
        thread.join()
    assert writers.acknowledged == set(range(WRITES)) == numbers_in_table(second)

    # The stream holds every write once. What a dashboard was told before the kill is the stream's beginning, what it was
    # told afterwards is the stream's end, and nothing is missing in between.
    stream = numbers_in_stream(second)
    assert sorted(stream) == list(range(WRITES))
    for dashboard in crowd:
        dashboards.wait_for("every change", lambda: set(told(dashboard)) == set(range(WRITES)))
        before, after = told(dashboard, 0), told(dashboard, 1)
        assert before == stream[: len(before)]
        assert after == stream[-len(after) :]
        assert 0 <= len(before) + len(after) - WRITES <= BATCH_SIZE, "at most the unfinished batch is delivered again"

    # The handler was given all that too, and gave nothing up.
    after = len(told(crowd[0], 1))
    eventually("the handler's count", lambda: second.metric(DELIVERED) == after)
    assert second.metric(GIVEN_UP) == 0

    # Nobody said goodbye to the first server, so its connections' rows stayed; the second one has removed them.
    eventually("the removal of rows left behind", lambda: not left_behind & second.connection_ids())
    second.assert_alive()


def test_changes_that_waited_for_their_batch_are_delivered_after_a_kill(start_server, gather):
    # Given changes that nobody has been told of, because their batch is still open,
    first = start_server("--batch-window", "5m")
    crowd = gather(first)
    dashboard = crowd.connect(1, reconnects=True)[0]
    for number in range(50):
        first.dynamodb.put_item(TableName=METRICS_TABLE, Item=row(number))
    assert first.metric(DELIVERED) == 0

    # when the server is killed and comes back,
    first.kill()
    second = start_server("--batch-window", "2s", listen=first.listen)
    crowd.wait_for("the dashboard's return", lambda: len(dashboard.sessions) == 2)
    assert second.metric(DELIVERED) == 0, "the dashboard was to be back before the first delivery"

    # then it delivers all of them, in order and once.
    crowd.wait_for("every change", lambda: len(told(dashboard)) >= 50)
    assert told(dashboard, 0) == []
    assert told(dashboard, 1) == list(range(50))
    second.assert_alive()


@pytest.mark.parametrize("kills", [5])
def test_a_server_that_is_killed_again_and_again_keeps_what_it_acknowledged(start_server, kills):
    for round_ in range(kills):
        server = start_server()
        dynamodb = server.dynamodb
        for number in range(20):
            dynamodb.put_item(TableName=METRICS_TABLE, Item=row(round_ * 20 + number))
        server.kill()
    assert numbers_in_table(start_server()) == set(range(kills * 20))


def release_as_seen(dashboards: Dashboards, dashboard: Dashboard, unseen: threading.Semaphore):
    """Lets writers go on as the dashboard is told of their writes."""
    for seen in itertools.count(1):
        dashboards.wait_for("the next change", lambda: len(told(dashboard)) >= seen or len(dashboard.sessions) > 1)
        if dashboards.holds(lambda: len(dashboard.sessions) > 1):
            return
        unseen.release()


def told(dashboard: Dashboard, session: int | None = None) -> list[int]:
    return [update["data"]["number"] for update in dashboard.updates(session)]


def numbers_in_table(server: Server) -> set[int]:
    pages = server.dynamodb.get_paginator("scan").paginate(TableName=METRICS_TABLE, ConsistentRead=True)
    return {int(item["number"]["N"]) for page in pages for item in page["Items"]}


def numbers_in_stream(server: Server) -> list[int]:
    """Every change, read as any other consumer of the stream would."""
    streams = server.streams
    (stream,) = streams.list_streams(TableName=METRICS_TABLE)["Streams"]
    shards = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
    numbers = []
    for shard in shards:
        iterator = streams.get_shard_iterator(
            StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = streams.get_records(ShardIterator=iterator)
            if not answer["Records"]:
                break
            for record in answer["Records"]:
                assert record["eventName"] == "INSERT"
                numbers.append(int(record["dynamodb"]["NewImage"]["number"]["N"]))
            iterator = answer.get("NextShardIterator")
    return numbers
