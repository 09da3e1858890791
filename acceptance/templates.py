"""What tests of deployment templates share."""

import json
import os
import subprocess
from pathlib import Path

from server_process import ROOT, Server, binary

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


def refusal(folder: Path, data: Path, *arguments: str) -> str:
    """What a server says that must not start."""
    command = [str(binary()), "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", str(data)]
    command += ["--template", "template.yaml", *arguments]
    # Settings of the shell that runs the tests must not reach the server.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 1, answer
    assert answer.stdout == "", "nothing was announced"
    return answer.stderr
