"""WebSocket clients that people use, on an API of one's own: Node's `ws` and `wscat`, Python's `websockets`, and both SDKs.

Conformance cases C004, C022, C024, C088, C122, C123, C125, C138 and C158 are proven here with the real thing; the rest of
them, and these, byte by byte in `conformance/`.
"""

import json
import os
import pty
import re
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from deadline import eventually
from function_host import OK
from server_process import CREDENTIALS, REGION, ROOT

JS = Path(__file__).parent / "js"
WSCAT = ["node", str(JS / "node_modules/wscat/bin/wscat")]

ACCESS = """
[[credentials]]
access_key_id = "{key}"
user = "owner"
secret_file = "{secret_file}"
policies = ['{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*"}}}}']
"""


@pytest.fixture
def chat(functions, start_server, tmp_path):
    """A server with the API `chat`, whose functions the test decides. It knows one access key and verifies signatures."""
    secret, config = tmp_path / "secret", tmp_path / "sluicegate.toml"
    secret.write_text(CREDENTIALS["aws_secret_access_key"])
    config.write_text(ACCESS.format(key=CREDENTIALS["aws_access_key_id"], secret_file=secret))
    server = start_server("--config", str(config), "--api", str(functions.write_api(tmp_path / "chat.json")))
    server.chat = f"ws://{server.listen}/chat/prod"
    return server


def test_the_conformance_runner_finds_the_same_elsewhere(chat, functions):
    """The cases that need no hand on functions and clock, run against the real binary as `make conformance` runs them."""
    functions.results["echo"] = lambda event: OK | {"body": json.dumps(event)}
    runner = Path(os.environ.get("SLUICEGATE_CONFORMANCE_BIN", ROOT / "target/debug/sluicegate-conformance"))
    assert runner.is_file(), f"there is no runner at {runner}: run `cargo build -p sluicegate-conformance`"
    ended = subprocess.run(
        [runner, "--endpoint", chat.chat], env=chat.environment(), capture_output=True, text=True, timeout=120
    )
    passed, failed, _ = re.search(r"^All +(\d+) +(\d+) +(\d+)$", ended.stdout, re.MULTILINE).groups()
    assert ended.returncode == 0 and failed == "0" and int(passed) > 20, ended.stdout + ended.stderr


def disconnected(functions) -> tuple[int, str]:
    context = functions.event("disconnect")["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


def test_python_websockets_talks_and_says_why_it_leaves(chat, functions):
    functions.results["echo"] = {"statusCode": 200, "body": "hi"}
    with connect(chat.chat, user_agent_header="ExampleClient/1.0") as client:
        client.send('{"action":"echo"}')
        assert client.recv(timeout=30) == "hi"
        client.send(["one ", "message ", "in three frames"])
        assert functions.event("default")["body"] == "one message in three frames"
        client.close(4001, "x")
    assert disconnected(functions) == (4001, "x")
    assert functions.event("connect")["requestContext"]["identity"]["userAgent"] == "ExampleClient/1.0"


def test_python_websockets_is_refused_with_the_status_of_connect(chat, functions):
    functions.results["connect"] = {"statusCode": 403, "headers": {"X-A": "1"}, "body": '{"why":"x"}'}
    with pytest.raises(InvalidStatus) as refused:
        connect(chat.chat)
    response = refused.value.response
    assert (response.status_code, response.body, response.headers.get("X-A")) == (403, b"", None)


def test_python_websockets_gets_the_subprotocol_that_connect_chose(chat, functions):
    functions.results["connect"] = OK | {"headers": {"Sec-WebSocket-Protocol": "chat2"}}
    with connect(chat.chat, subprotocols=["chat1", "chat2"]) as client:
        assert client.subprotocol == "chat2"
    assert functions.event("connect")["headers"]["Sec-WebSocket-Protocol"] == "chat1, chat2"


def test_boto3_posts_looks_up_and_deletes(chat, functions):
    api = chat.connections_api("/chat/prod")
    with connect(chat.chat, user_agent_header=None) as client:
        connection = functions.event("connect")["requestContext"]["connectionId"]
        api.post_to_connection(ConnectionId=connection, Data=b"hi")
        assert client.recv(timeout=30) == "hi"
        found = api.get_connection(ConnectionId=connection)
        assert found["Identity"] == {"SourceIp": "127.0.0.1"}
        api.delete_connection(ConnectionId=connection)
        with pytest.raises(Exception):
            client.recv(timeout=30)
        assert client.close_code == 1000
    assert disconnected(functions) == (1000, "Connection Closed Normally")
    with pytest.raises(api.exceptions.GoneException):
        api.post_to_connection(ConnectionId=connection, Data=b"anyone there?")


def test_boto3_with_another_secret_is_refused(chat):
    other = boto3.session.Session(aws_access_key_id="local", aws_secret_access_key="another", region_name=REGION)
    api = other.client("apigatewaymanagementapi", endpoint_url=f"{chat.url}/chat/prod")
    with pytest.raises(ClientError) as refused:
        api.post_to_connection(ConnectionId="AAAAAAAAAAAAAAA=", Data=b"hi")
    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_a_handler_posts_before_it_returns(chat, functions):
    """The commonest pattern: a message's function answers by `@connections`, not by its result."""
    api = chat.connections_api("/chat/prod")

    def answer(event):
        context = event["requestContext"]
        api.post_to_connection(ConnectionId=context["connectionId"], Data=event["body"].encode())
        return OK

    functions.results["default"] = answer
    with connect(chat.chat) as client:
        client.send("hello")
        assert client.recv(timeout=30) == "hello"


@pytest.mark.parametrize(
    "name, results",
    [
        ("connects, sends, receives and closes", {"echo": {"statusCode": 200, "body": "hi"}}),
        ("is refused with the status of connect", {"connect": {"statusCode": 400}}),
        ("gets the subprotocol", {"connect": OK | {"headers": {"sec-websocket-protocol": "myprotocol"}}}),
        ("gives up when no subprotocol is chosen", {}),
        ("is posted to by the JavaScript SDK", {"echo": lambda event: OK | {"body": event["requestContext"]["connectionId"]}}),
    ],
)
def test_node_ws(chat, functions, name, results):
    functions.results |= results
    ended = subprocess.run(
        ["node", "--test", f"--test-name-pattern=^{name}$", "websocket_clients.test.mjs"],
        cwd=JS,
        env={**chat.environment(), "SLUICEGATE_CHAT": chat.chat, "SLUICEGATE_CHAT_HTTP": f"{chat.url}/chat/prod"},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ended.returncode == 0 and "\n# pass 1" in ended.stdout, ended.stdout + ended.stderr


def test_wscat_connects_sends_receives_and_is_interrupted(chat, functions):
    functions.results["echo"] = {"statusCode": 200, "body": "hi"}
    terminal, inside = pty.openpty()
    # A program that owns its terminal: what is typed is read as keys, and Ctrl-C is the third of them.
    wscat = subprocess.Popen([*WSCAT, "-c", chat.chat], stdin=inside, stdout=inside, stderr=inside, start_new_session=True)
    os.close(inside)
    output: list[str] = []
    threading.Thread(target=read_all, args=(terminal, output), daemon=True).start()
    shown = lambda text: eventually(text, lambda: text in "".join(output))
    shown("Connected")
    os.write(terminal, b'{"action":"echo"}\r')
    shown("< hi")
    os.write(terminal, b"\x03")
    wscat.wait(timeout=30)
    assert disconnected(functions) == (1005, "Client-side close frame status not set")


def read_all(terminal: int, output: list[str]):
    with suppress(OSError):  # How a terminal says that nobody holds its other end any more.
        while data := os.read(terminal, 4096):
            output.append(data.decode(errors="replace"))


def test_wscat_offers_subprotocols_in_one_list(chat, functions):
    functions.results["connect"] = OK | {"headers": {"Sec-WebSocket-Protocol": "myprotocol"}}
    # `-x` sends a message and leaves, `-w` seconds later; the end of its input makes it leave at once.
    command = [*WSCAT, "-c", chat.chat, "-s", "chat1", "-s", "myprotocol", "-x", "hello", "-w", "0"]
    silence, kept_open = os.pipe()
    done = subprocess.run(command, stdin=silence, capture_output=True, text=True, timeout=60)
    os.close(silence)
    os.close(kept_open)
    assert done.returncode == 0, done.stdout + done.stderr
    assert functions.event("connect")["headers"]["Sec-WebSocket-Protocol"] == "chat1,myprotocol"
    assert functions.event("default")["body"] == "hello"
