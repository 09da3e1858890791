"""Official clients of the Runtime API as custom runtimes. That of Rust is in `examples/chat-rust`, which `test_templates.py` drives."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from websockets.sync.client import connect

from server_process import ROOT

#: Python's own runtime client, as a container image would start it.
BOOTSTRAP = f"""#!/bin/sh
exec {sys.executable} -m awslambdaric "$_HANDLER"
"""
HANDLER = """
import boto3, decimal, logging, sys

def handler(event, context):
    if "requestContext" in event:
        asked = event["requestContext"]
        if asked["eventType"] == "MESSAGE":
            api = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{asked['domainName']}/{asked['stage']}")
            api.post_to_connection(ConnectionId=asked["connectionId"], Data=b"posted " + event["body"].encode())
        return {"statusCode": 200}
    print("printed", flush=True)
    logging.getLogger().warning("logged")
    if event["asked"] == "context":
        remaining = context.get_remaining_time_in_millis()
        return [context.function_name, context.invoked_function_arn, context.memory_limit_in_mb, 0 < remaining <= 20000]
    if event["asked"] == "raise":
        raise ValueError("v")
    if event["asked"] == "set":
        return {1}
    if event["asked"] == "large":
        return "x" * (7 << 20)
    sys.exit(3)
"""


@pytest.mark.skipif(importlib.util.find_spec("awslambdaric") is None, reason="awslambdaric is not there for this system")
def test_the_python_client_is_at_home(start_server, tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(HANDLER)
    (code / "bootstrap").write_text(BOOTSTRAP)
    (code / "bootstrap").chmod(0o755)
    api = json.loads((ROOT / "docs/guides/websocket-api.json").read_text())
    function = {"code": "code", "runtime": "provided.al2023", "handler": "app.handler"}
    api["functions"] = {"backend": {**function, "timeoutSeconds": 20, "memorySize": 512}}
    (tmp_path / "api.json").write_text(json.dumps(api))
    server = start_server("--app", "none", "--api", str(tmp_path / "api.json"))

    with connect(f"ws://{server.listen}/echo/prod", open_timeout=30) as client:
        client.send("hello")
        assert client.recv(timeout=30) == "posted hello"

    functions = server.client("lambda")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:backend"
    for asked, expected in [
        ("context", ["backend", arn, "512", True]),
        ("raise", ("ValueError", "v")),
        ("set", ("Runtime.MarshalError", "set")),
        ("large", ("Function.ResponseSizeTooLarge", "6291556 bytes")),
        ("exit", ("Runtime.ExitError", "exit status 3")),
        ("context", ["backend", arn, "512", True]),
    ]:
        answer = functions.invoke(FunctionName="backend", Payload=json.dumps({"asked": asked}))
        result = json.loads(answer["Payload"].read())
        if isinstance(expected, list):
            assert (result, answer.get("FunctionError")) == (expected, None), asked
        else:
            error, message = expected
            assert answer["FunctionError"] == "Unhandled", (asked, result)
            assert result["errorType"] == error and message in result["errorMessage"], (asked, result)
    log = Path(server.data, "function-logs/backend.log").read_text()
    assert "printed" in log and "[WARNING]" in log and "logged" in log, log
