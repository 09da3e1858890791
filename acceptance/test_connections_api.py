"""`@connections` with the official clients: post to a connection, look it up, close it, and be told when it is gone."""

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from deadline import eventually
from raw_http import Request, exchange
from server_process import API, STAGE, Server

JS = Path(__file__).parent / "js"

MESSAGE_BYTES = 128 * 1024
#: Well formed, and of no connection that ever was.
NOBODY = "AAAAAAAAAAAAAAA="


@pytest.fixture
def dashboard(server, dashboards, entity):
    """A connected client and its id."""
    dashboard = dashboards.one(user_agent=entity)
    dashboard.id = server.connection_id_of(entity)
    return dashboard


#: A server with one API needs no more than the stage in the path; with a slash behind, the SDK sends two.
@pytest.mark.parametrize("path", [f"/{API}/{STAGE}", f"/{STAGE}", f"/{API}/{STAGE}/"])
def test_post_get_delete_and_gone(server, dashboards, dashboard, entity, path):
    api = server.connections_api(path)

    # A post arrives as it was sent.
    answer = api.post_to_connection(ConnectionId=dashboard.id, Data=b'{"any": "text",  "\xc3\xa4": 1}')
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    dashboards.wait_for("the message", lambda: dashboard.messages)
    assert dashboard.messages == ['{"any": "text",  "ä": 1}']

    # A look-up says who is connected and since when.
    answer = api.get_connection(ConnectionId=dashboard.id)
    assert answer["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": entity}
    now = datetime.now(timezone.utc)
    assert now - timedelta(seconds=30) < answer["ConnectedAt"] <= answer["LastActiveAt"] <= now

    # A delete closes the connection normally and runs $disconnect, which removes the row.
    answer = api.delete_connection(ConnectionId=dashboard.id)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    dashboards.wait_for("the close", lambda: dashboard.close_code)
    assert dashboard.close_code == 1000
    eventually_no_row(server, dashboard.id)

    # From then on it is gone, for every operation.
    for operation in every_operation(api, dashboard.id):
        with pytest.raises(api.exceptions.GoneException) as gone:
            operation()
        assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410


def test_a_connection_that_its_client_closed_is_gone(server, dashboards, dashboard):
    dashboards.close(dashboard)
    eventually_no_row(server, dashboard.id)
    api = server.connections_api()
    with pytest.raises(api.exceptions.GoneException):
        api.post_to_connection(ConnectionId=dashboard.id, Data=b"anyone there?")


def test_messages_keep_their_order_and_their_bytes(server, dashboards, dashboard):
    api = server.connections_api()
    # Longer than a frame, as long as a message may be, and nothing at all.
    messages = [b"first", b"x" * 40_000, b"y" * MESSAGE_BYTES, b"", b"last"]
    for message in messages:
        api.post_to_connection(ConnectionId=dashboard.id, Data=message)
    dashboards.wait_for("all messages", lambda: len(dashboard.messages) == len(messages))
    assert [message.encode() for message in dashboard.messages] == messages


def test_a_message_that_is_too_long_is_refused_and_harms_nobody(server, dashboards, dashboard):
    api = patient(server)
    with pytest.raises(api.exceptions.PayloadTooLargeException) as refused:
        api.post_to_connection(ConnectionId=dashboard.id, Data=b"x" * (MESSAGE_BYTES + 1))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    api.post_to_connection(ConnectionId=dashboard.id, Data=b"short")
    dashboards.wait_for("the short one", lambda: dashboard.messages == ["short"])


def test_an_id_that_never_was_is_gone(server):
    api = server.connections_api()
    for operation in every_operation(api, NOBODY):
        with pytest.raises(api.exceptions.GoneException):
            operation()


@pytest.mark.parametrize("id_", ["x", "AAAAAAAAAAAAAAA=x", "AAAAAAAAAAAAAAAA", "../../etc/passwd", "ä", "A" * 2000])
def test_an_id_that_cannot_be_is_a_bad_request(server, id_):
    api = patient(server)
    for operation in every_operation(api, id_):
        with pytest.raises(ClientError) as refused:
            operation()
        answer = refused.value.response
        assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (400, "BadRequestException")


@pytest.mark.parametrize("path", ["/nowhere", f"/{API}/nowhere", f"/nowhere/{STAGE}"])
def test_a_stage_that_is_not_there_is_forbidden(server, dashboard, path):
    api = server.connections_api(path)
    with pytest.raises(api.exceptions.ForbiddenException):
        api.post_to_connection(ConnectionId=dashboard.id, Data=b"hello")


def test_a_request_without_a_signature_is_refused(server, dashboard):
    path = f"/{API}/{STAGE}/@connections/{dashboard.id}"
    answer = exchange(server.address, Request("POST", path, body=b"hello"))
    assert (answer.status, answer.header("x-amzn-errortype")) == (403, "MissingAuthenticationTokenException")


def test_the_javascript_sdk_posts_gets_deletes_and_is_told_of_gone(server):
    in_javascript(server, "post, get, delete and gone")


def test_the_javascript_sdk_is_told_that_a_message_is_too_long(server):
    in_javascript(server, "a message that is too long")


def in_javascript(server: Server, tests: str):
    """Runs those tests of `js/connections_api.test.mjs` whose name begins so."""
    ended = subprocess.run(
        ["node", "--test", f"--test-name-pattern=^{tests}", "connections_api.test.mjs"],
        cwd=JS,
        env={**server.environment(), "SLUICEGATE_WEBSOCKET": server.websocket_url},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ended.returncode == 0 and "\n# pass 0" not in ended.stdout, ended.stdout + ended.stderr


def patient(server: Server):
    """With the attempts an application makes: a refusal may cost it its connection."""
    return server.client("apigatewaymanagementapi", attempts=3, endpoint=f"{server.url}/{STAGE}")


def every_operation(api, id_: str):
    return [
        lambda: api.post_to_connection(ConnectionId=id_, Data=b"hello"),
        lambda: api.get_connection(ConnectionId=id_),
        lambda: api.delete_connection(ConnectionId=id_),
    ]


def eventually_no_row(server: Server, connection_id: str):
    eventually("the removal of the row", lambda: connection_id not in server.connection_ids())
