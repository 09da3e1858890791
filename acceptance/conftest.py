"""Servers and dashboards for tests, each ended with the test that asked for it."""

import itertools
import sys
from pathlib import Path

import pytest

from dashboards import Dashboards
from function_host import FunctionHost
from server_process import Server
from templates import NODE_MODULES

#: What most tests want: a change is sent at once, and nobody but the test writes.
QUIET = ("--collector", "off", "--batch-window", "0")


@pytest.fixture
def start_server(tmp_path):
    """Starts servers of a test's own; `data` names the folder, so that one can follow another on it."""
    servers = []

    def start(*arguments: str, data: str = "data", quiet: bool = True, **options) -> Server:
        server = Server(tmp_path / data, *(QUIET if quiet else ()), *arguments, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def serve(start_server, monkeypatch):
    """Starts a server of a template, in the folder it is in."""
    # The Python that has boto3; functions get what is first in the server's PATH.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")

    def start(folder: Path, *arguments: str, template: Path = Path("template.yaml"), **options) -> Server:
        arguments = ("--template", str(template), "--node-modules", str(NODE_MODULES), *arguments)
        return start_server(*arguments, folder=folder, **options)

    return start


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for the tests of a file that do not get into each other's way."""
    server = Server(tmp_path_factory.mktemp("server") / "data", *QUIET)
    yield server
    server.assert_alive()
    server.close()


@pytest.fixture
def gather():
    """Opens dashboards on a server: `gather(server)` is a crowd to connect them in."""
    crowds = []

    def open_crowd(server: Server) -> Dashboards:
        crowds.append(Dashboards(server.websocket_url))
        return crowds[-1]

    yield open_crowd
    for crowd in crowds:
        crowd.leave()


@pytest.fixture
def dashboards(server, gather):
    return gather(server)


@pytest.fixture
def entity(request, _entities=itertools.count()):
    """A row's name that no other test uses."""
    return f"entity-{next(_entities)}-{request.node.name}"[:200]


@pytest.fixture
def functions():
    """Functions whose results the test decides."""
    host = FunctionHost()
    yield host
    host.close()
