"""The events of a connection's life, read with the models that Python handlers are written against."""

from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.parser.models import (
    APIGatewayWebSocketConnectEventModel,
    APIGatewayWebSocketDisconnectEventModel,
    APIGatewayWebSocketMessageEventModel,
)
from websockets.sync.client import connect

from test_websocket_clients import chat  # noqa: F401 (fixture)


def test_powertools_reads_every_event(chat, functions):  # noqa: F811
    with connect(f"{chat.chat}?room=42", user_agent_header="ExampleClient/1.0") as client:
        client.send("hello")
        message = parse(functions.event("default"), model=APIGatewayWebSocketMessageEventModel)
        client.close(1000, "bye")
    connected = parse(functions.event("connect"), model=APIGatewayWebSocketConnectEventModel)
    ended = parse(functions.event("disconnect"), model=APIGatewayWebSocketDisconnectEventModel)

    ids = {event.request_context.connection_id for event in (connected, message, ended)}
    assert len(ids) == 1
    assert connected.request_context.identity.user_agent == "ExampleClient/1.0"
    assert connected.request_context.event_type == "CONNECT"
    assert message.body == "hello"
    assert (ended.request_context.disconnect_status_code, ended.request_context.disconnect_reason) == (1000, "bye")
