"""What tests of deployment templates share."""

import json

from server_process import ROOT, Server

NODE_MODULES = ROOT / "acceptance/js/node_modules"
EXAMPLES = ROOT / "examples"
#: A function's first event starts its process.
PATIENCE_S = 30


def receive(client) -> dict:
    return json.loads(client.recv(timeout=PATIENCE_S))


def say(client, **message):
    client.send(json.dumps(message))


def rows(server: Server, table: str) -> int:
    return server.dynamodb.scan(TableName=table, ConsistentRead=True)["Count"]
