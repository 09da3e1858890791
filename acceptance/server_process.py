"""The real binary as a child process, and the official Python SDK pointed at it."""

import json
import os
import queue
import re
import signal
import subprocess
import threading
import urllib.request
from functools import cached_property
from pathlib import Path

import boto3
from botocore.config import Config

from deadline import eventually

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 30
STOPPED_WITHIN_S = 30

API = "live-metrics"
STAGE = "prod"
METRICS_TABLE = "iops-dashboard-metrics"
CONNECTIONS_TABLE = "iops-dashboard-websocket-connections"

REGION = "us-east-1"
#: The server wants requests signed; whose signature it is does not matter to it yet.
CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}


def binary() -> Path:
    path = Path(os.environ.get("SLUICEGATE_BIN", ROOT / "target/debug/sluicegate"))
    assert path.is_file(), f"there is no server at {path}: run `cargo build`, or set SLUICEGATE_BIN"
    return path


class Server:
    """`sluicegate serve` over a data folder, on free ports unless `listen` says otherwise, started from `folder`.

    `variables` are for the server alone: a test is a program that reads some of them, too.
    """

    def __init__(
        self,
        data: Path,
        *arguments: str,
        listen: str = "127.0.0.1:0",
        folder: Path | None = None,
        variables: dict[str, str] | None = None,
    ):
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        self._log_path = data.with_name(f"{data.name}.log")
        # Settings of the shell that runs the tests must not reach the server.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}
        with open(self._log_path, "ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                [str(binary()), "serve", "--listen", listen, "--admin", "127.0.0.1:0", "--data", str(data)]
                + ["--log-format", "json", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment | (variables or {}),
                cwd=folder or data,
            )
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read_lines, daemon=True).start()
        self.ready = self.next_event()
        assert self.ready["event"] == "ready", self.ready
        self.listen = self.ready["listen"]
        host, port = self.listen.rsplit(":", 1)
        self.address = (host, int(port))
        self.url = f"http://{self.listen}"

    def _read_lines(self):
        for line in self.process.stdout:
            self._lines.put(line)
        # The end of its output.
        self._lines.put(b"")

    def next_event(self) -> dict:
        """What the server says next on its standard output: that it is ready, or what became of a reload."""
        try:
            line = self._lines.get(timeout=READY_WITHIN_S)
        except queue.Empty:
            self.kill()
            raise AssertionError(f"the server said nothing within {READY_WITHIN_S} s:\n{self.log()}") from None
        assert line, f"the server ended without a word:\n{self.log()}"
        return json.loads(line)

    # Addresses and clients.

    @property
    def outputs(self) -> dict[str, str]:
        """Of the template."""
        return {output["name"]: output["value"] for output in self.ready["outputs"]}

    @property
    def websocket_url(self) -> str:
        return self.ready["apis"][0]["url"]

    def client(self, service: str, attempts: int = 1, endpoint: str | None = None):
        """An ordinary boto3 client. It tries once only, so that what it reports is what the server said."""
        config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, max_pool_connections=50)
        return boto3.session.Session().client(
            service, endpoint_url=endpoint or self.url, region_name=REGION, config=config, **CREDENTIALS
        )

    @cached_property
    def dynamodb(self):
        return self.client("dynamodb")

    @cached_property
    def streams(self):
        return self.client("dynamodbstreams")

    def connections_api(self, stage_path: str = f"/{API}/{STAGE}"):
        return self.client("apigatewaymanagementapi", endpoint=f"{self.url}{stage_path}")

    def environment(self) -> dict[str, str]:
        """What other programs need to reach the server as users' programs do."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SLUICEGATE_"))},
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            # A user's own profile must not decide what is tested.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "SLUICEGATE_URL": self.url,
        }

    # What operators see.

    def metric(self, name: str) -> float:
        """The sum over all labels; 0 for what has not been counted yet."""
        with urllib.request.urlopen(f"http://{self.ready['admin']}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        values = re.findall(rf"^{name}(?:\{{[^\n]*\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for value in values)

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def log(self) -> str:
        with open(self._log_path, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    # Ends.

    def kill(self):
        """Ends it without a word, as a crash does."""
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        return self.process.wait(timeout=STOPPED_WITHIN_S)

    def assert_alive(self):
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.log()[-4000:]}"
        assert "panicked" not in self.log(), self.log()[-4000:]

    def close(self):
        """The end of a test: whatever the test did, the server must have lived through it without a panic."""
        if self.process.poll() is None:
            self.kill()
        self.process.stdout.close()
        assert "panicked" not in self.log(), self.log()[-4000:]

    # The tables of the bundled application.

    def connection_ids(self) -> set[str]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=CONNECTIONS_TABLE, ConsistentRead=True)
        return {item["connectionId"]["S"] for page in pages for item in page["Items"]}

    def connection_id_of(self, user_agent: str) -> str:
        """The id under which the one client with this user agent is connected."""

        def find():
            answer = self.dynamodb.scan(
                TableName=CONNECTIONS_TABLE,
                FilterExpression="userAgent = :agent",
                ExpressionAttributeValues={":agent": {"S": user_agent}},
                ConsistentRead=True,
            )
            return answer["Items"]

        (row,) = eventually(f"a row for {user_agent}", find)
        return row["connectionId"]["S"]

    def put_metric(self, entity_id: str, **attributes):
        item = {"entity_id": {"S": entity_id}, **attributes}
        self.dynamodb.put_item(TableName=METRICS_TABLE, Item=item)
