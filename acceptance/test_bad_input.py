"""What no decent client sends: each gets the error AWS has for it, or a clear one, and nobody else notices."""

import json
import select
import socket
import time

import pytest

from deadline import eventually
from raw_http import SIGNATURE, Answer, Request, close_code, exchange, frame, is_closed, open_socket, raw_websocket, read_answer
from server_process import API, METRICS_TABLE, STAGE

TARGET = "DynamoDB_20120810"
JSON_1_0 = "application/x-amz-json-1.0"
WEBSOCKET_PATH = f"/{API}/{STAGE}"


def table_request(operation: str, body: bytes | dict, **headers: str) -> Request:
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    target = operation if "." in operation else f"{TARGET}.{operation}"
    return Request("POST", "/", {**SIGNATURE, "X-Amz-Target": target, "Content-Type": JSON_1_0, **headers}, body)


def put(**item) -> dict:
    return {"TableName": METRICS_TABLE, "Item": {"entity_id": {"S": "a"}, **item}}


def scan(**arguments) -> dict:
    return {"TableName": METRICS_TABLE, **arguments}


def nested(depth: int) -> dict:
    value: dict = {"S": "deep"}
    for _ in range(depth):
        value = {"L": [value]}
    return value


PARENTHESES = "(" * 2_000 + "a = :v" + ")" * 2_000
VALUES = {":v": {"S": "x"}}

TABLE_REQUESTS = {
    "unknown operation": (table_request("Nonsense", {}), 400, "UnknownOperationException"),
    "unknown service": (table_request("Kinesis_20131202.PutRecord", {}), 400, "UnknownOperationException"),
    "no target": (Request("POST", "/", {**SIGNATURE, "Content-Type": JSON_1_0}, b"{}"), 400, "UnknownOperationException"),
    "target of the other service": (table_request(f"{TARGET}.GetRecords", {}), 400, "UnknownOperationException"),
    "no JSON": (table_request("PutItem", b"this is not JSON"), 400, "SerializationException"),
    "JSON cut off": (table_request("PutItem", b'{"TableName": "iops'), 400, "SerializationException"),
    "nothing": (table_request("PutItem", b""), 400, "SerializationException"),
    "not UTF-8": (table_request("PutItem", b'{"TableName": "\xff\xfe"}'), 400, "SerializationException"),
    "an array": (table_request("PutItem", b"[]"), 400, "SerializationException"),
    # Which of the two errors comes first is not known of AWS.
    "a hundred thousand brackets": (table_request("PutItem", b"[" * 100_000), 400, None),
    "a number for a name": (table_request("Scan", {"TableName": 5}), 400, "SerializationException"),
    "a text for an item": (table_request("PutItem", scan(Item="x")), 400, "SerializationException"),
    "a text for a limit": (table_request("Scan", scan(Limit="ten")), 400, "SerializationException"),
    "a JSON number in N": (table_request("PutItem", put(value={"N": 5})), 400, "SerializationException"),
    "no signature": (
        Request("POST", "/", {"X-Amz-Target": f"{TARGET}.ListTables", "Content-Type": JSON_1_0}, b"{}"),
        400,
        "MissingAuthenticationTokenException",
    ),
    "half a signature": (
        table_request("ListTables", {}, Authorization="AWS4-HMAC-SHA256 Credential=x"),
        400,
        "IncompleteSignatureException",
    ),
    "no table name": (table_request("Scan", {}), 400, "ValidationException"),
    "a table name that cannot be": (table_request("Scan", {"TableName": "../x y"}), 400, "ValidationException"),
    "no key": (table_request("PutItem", scan(Item={"other": {"S": "a"}})), 400, "ValidationException"),
    "a key of the wrong type": (table_request("PutItem", scan(Item={"entity_id": {"N": "1"}})), 400, "ValidationException"),
    "an empty key": (table_request("PutItem", scan(Item={"entity_id": {"S": ""}})), 400, "ValidationException"),
    "a number that is none": (table_request("PutItem", put(value={"N": "twelve"})), 400, "ValidationException"),
    "two types in one value": (table_request("PutItem", put(value={"S": "a", "N": "1"})), 400, "ValidationException"),
    "a type that is none": (table_request("PutItem", put(value={"X": "a"})), 400, None),
    "an empty set": (table_request("PutItem", put(value={"SS": []})), 400, "ValidationException"),
    "an item above 400 KB": (table_request("PutItem", put(value={"S": "x" * 410_000})), 400, "ValidationException"),
    "lists in lists, 100 deep": (table_request("PutItem", put(value=nested(100))), 400, "ValidationException"),
    "a condition that is none": (
        table_request("PutItem", put() | {"ConditionExpression": "and or ("}),
        400,
        "ValidationException",
    ),
    "2000 parentheses in a condition": (
        table_request("PutItem", put() | {"ConditionExpression": PARENTHESES, "ExpressionAttributeValues": VALUES}),
        400,
        "ValidationException",
    ),
    "2000 parentheses in a filter": (
        table_request("Scan", scan(FilterExpression=PARENTHESES, ExpressionAttributeValues=VALUES)),
        400,
        "ValidationException",
    ),
    "2000 NOTs": (
        table_request("Scan", scan(FilterExpression="NOT " * 900 + "a = :v", ExpressionAttributeValues=VALUES)),
        400,
        "ValidationException",
    ),
    "a filter above 4 KB": (
        table_request("Scan", scan(FilterExpression=" OR ".join(["a = :v"] * 1000), ExpressionAttributeValues=VALUES)),
        400,
        "ValidationException",
    ),
    "an unknown table": (table_request("Scan", {"TableName": "nowhere"}), 400, "ResourceNotFoundException"),
    "an unknown stream": (
        table_request(
            "DynamoDBStreams_20120810.DescribeStream",
            {"StreamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/nowhere/stream/2026-01-01T00:00:00.000"},
        ),
        400,
        "ResourceNotFoundException",
    ),
    "a body above 16 MB": (
        Request("POST", "/", {**table_request("PutItem", {}).headers, "Content-Length": "17000000"}),
        413,
        "RequestEntityTooLargeException",
    ),
}


@pytest.mark.parametrize("case", TABLE_REQUESTS)
def test_a_bad_table_request_gets_the_error_aws_has_for_it(server, case):
    request, status, code = TABLE_REQUESTS[case]
    answer = exchange(server.address, request)
    assert (answer.status, error_type(answer)) == (status, code or error_type(answer)), answer.body[:300]
    # SDKs find the code here, and support asks for the id.
    assert answer.header("content-type") == JSON_1_0 and answer.header("x-amzn-requestid")
    assert_unharmed(server)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"\x00\x01\x02\x03\x04\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: x\r\n" * 500 + b"\r\n", 431),
        (b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /no/such/page HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else None,
)
def test_malformed_http_is_answered_or_hung_up_on(server, request_bytes, status):
    answer = exchange(server.address, request_bytes)
    # A parser that lost its place may hang up without a word, but it may not take a bad request for a good one.
    assert answer is None or answer.status in (status, 400, 431), answer
    if status == 404:
        assert answer.status == 404 and b"root:" not in answer.body
    assert_unharmed(server)


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({}, WEBSOCKET_PATH, {400, 403, 426}),
        ({"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}, WEBSOCKET_PATH, {400}),
        (
            {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "short"},
            WEBSOCKET_PATH,
            {400},
        ),
        (
            {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "12",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
            WEBSOCKET_PATH,
            {400, 426},
        ),
        (
            {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
            f"/{API}/nowhere",
            {403},
        ),
    ],
    ids=["no upgrade", "no key", "short key", "old version", "no such stage"],
)
def test_a_bad_handshake_is_refused_and_leaves_no_row(server, headers, path, status):
    answer = exchange(server.address, Request("GET", path, headers))
    assert answer.status in status
    assert_unharmed(server)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(1, b'{"action":"ping"}', masked=False), 1002),
        (frame(3, b"reserved opcode"), 1002),
        (bytes([0xC1, 0x80, 0, 0, 0, 0]), 1002),
        (frame(0, b"continuation of nothing"), 1002),
        (frame(9, b"x" * 126), 1002),
        (frame(9, b"x", fin=False), 1002),
        (frame(1, b"begun ", fin=False) + frame(1, b"and begun again"), 1002),
        (frame(8, b"x"), 1002),
        (frame(8, (999).to_bytes(2, "big")), 1002),
        (frame(1, b"\xff\xfe"), 1007),
        (frame(8, (1000).to_bytes(2, "big") + b"\xff"), 1007),
        (frame(1, b"x" * (32 * 1024 + 1)), 1009),
        (bytes([0x81, 0xFF]) + (1 << 40).to_bytes(8, "big") + bytes(4), 1009),
        (b"".join([frame(1, b"x" * 32_000, fin=False)] + [frame(0, b"x" * 32_000, fin=False)] * 5), 1009),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else str(value),
)
def test_a_client_that_breaks_the_websocket_protocol_is_closed_with_the_right_code(server, frames, code):
    with raw_websocket(server.address, WEBSOCKET_PATH) as client:
        client.sendall(frames)
        assert close_code(client) == code
        assert is_closed(client)
    assert_unharmed(server)
    eventually("the removal of its row", lambda: not server.connection_ids())


@pytest.mark.parametrize("text", ["", "[", "{}", '{"action": 5}', '{"action": "nonsense"}', "[" * 20_000, '"\\ud800"'])
def test_a_message_without_sense_gets_an_error_and_the_connection_stays(server, dashboards, text):
    dashboard = dashboards.one()
    dashboards.send(dashboard, text)
    dashboards.wait_for("an answer", lambda: dashboard.messages)
    assert json.loads(dashboard.messages[0])["type"] == "error"
    dashboards.send(dashboard, '{"action": "ping", "id": 7}')
    dashboards.wait_for("the pong", lambda: len(dashboard.messages) == 2)
    assert json.loads(dashboard.messages[1]) == {"type": "pong", "id": 7}


def test_a_client_that_stops_in_the_middle_is_let_go(start_server):
    # Given clients that begin a request, a handshake or nothing at all, and then say no more,
    server = start_server("--header-timeout", "1s")
    before = server.open_files()
    beginnings = [b"", b"GE", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET /live-metrics/prod HTTP/1.1\r\nUpgrade: websocket\r\n"]
    silent = [open_socket(server.address) for _ in range(50) for _ in beginnings]
    for connection, beginning in zip(silent, beginnings * 50):
        connection.sendall(beginning)

    # then others are served meanwhile, and the silent ones are hung up on.
    assert_unharmed(server)
    for connection in silent:
        assert is_closed(connection)
        connection.close()
    eventually("the release of their sockets", lambda: server.open_files() <= before + 2)
    server.assert_alive()


def test_rude_clients_leave_nothing_behind(server, dashboards):
    # Given a dashboard,
    dashboard = dashboards.one()
    assert_unharmed(server)
    before = server.open_files()

    # when hundreds connect and vanish at whatever point they have reached,
    half = bytes(table_request("PutItem", {**put(), "padding": "x" * 10_000}))[:5_000]
    for beginning in (b"", b"G", b"\r\n\r\n", half, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
        for _ in range(100):
            connection = open_socket(server.address)
            connection.sendall(beginning)
            # A reset instead of a farewell.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            connection.close()
    for _ in range(50):
        with raw_websocket(server.address, WEBSOCKET_PATH) as client:
            client.sendall(frame(1, b"cut off in the middle")[:9])

    # then nothing of them stays, and the dashboard has noticed nothing.
    eventually("the release of their sockets", lambda: server.open_files() <= before + 2)
    eventually("the removal of their rows", lambda: len(server.connection_ids()) == 1)
    assert_unharmed(server)
    assert dashboard.close_code is None
    server.put_metric("rude", value={"N": str(time.time_ns() % 1_000_000)})
    dashboards.wait_for("a change", lambda: dashboard.updates())


#: For a server that does not hang up this is what the test takes longer, and nothing else.
HANGS_UP_WITHIN_MS = 500

NOBODY = f"/{STAGE}/@connections/AAAAAAAAAAAAAAA="
#: Refused for what their heads say, each with five bytes of body still to come.
REFUSED_BY_THEIR_HEADS = {
    "a post to an id that cannot be": Request("POST", f"/{STAGE}/@connections/x", {**SIGNATURE}, b"hello"),
    "a post to no stage": Request("POST", NOBODY.replace(STAGE, "nowhere"), {**SIGNATURE}, b"hello"),
    "a post without a signature": Request("POST", NOBODY, {}, b"hello"),
    "a post to no path": Request("POST", "/nowhere", {}, b"hello"),
}


@pytest.mark.parametrize("case", REFUSED_BY_THEIR_HEADS)
def test_after_a_refusal_the_connection_serves_on_or_says_that_it_does_not(server, case):
    # Clients keep connections, and send their next request into this one unless they are told not to. Many, boto3 among
    # them, send head and body apart, so the server knows enough to refuse before it has the body.
    request = bytes(REFUSED_BY_THEIR_HEADS[case])
    with open_socket(server.address) as connection:
        connection.sendall(request[: -len(b"hello")])
        may_be_answered_before_the_body(connection)
        connection.sendall(b"hello")
        answer = read_answer(connection)
        assert 400 <= answer.status < 500
        if answer.header("connection") != "close":
            connection.sendall(bytes(table_request("ListTables", {})))
            assert read_answer(connection).status == 200


@pytest.mark.parametrize(
    "head",
    [
        Request("POST", NOBODY, {**SIGNATURE, "Content-Length": "1000000"}),
        Request("POST", "/", {**table_request("PutItem", {}).headers, "Content-Length": "17000000"}),
    ],
    ids=["@connections", "tables"],
)
def test_a_client_that_is_still_sending_can_hear_that_its_body_is_too_large(server, head):
    # Many clients send everything before they read, and give up with "broken pipe" when they cannot.
    with open_socket(server.address) as connection:
        connection.sendall(bytes(head))
        may_be_answered_before_the_body(connection)
        for _ in range(16):
            connection.sendall(b"x" * 62_500)
        assert read_answer(connection).status == 413


def may_be_answered_before_the_body(connection: socket.socket):
    """Lets the server answer a head and, if it means to, hang up; it may as well wait for the body."""
    hung_up = select.poll()
    hung_up.register(connection, select.POLLRDHUP)
    hung_up.poll(HANGS_UP_WITHIN_MS)


def error_type(answer: Answer) -> str:
    return json.loads(answer.body)["__type"].rpartition("#")[2]


def assert_unharmed(server):
    """The next client is served as if nothing had been."""
    value = {"S": str(time.time_ns())}
    server.put_metric("unharmed", value=value)
    answer = server.dynamodb.get_item(TableName=METRICS_TABLE, Key={"entity_id": {"S": "unharmed"}})
    assert answer["Item"]["value"] == value
    server.assert_alive()
