"""A full disk: writes fail with AWS's error, reads go on, and when there is room again writes do as well."""

import subprocess

import pytest
from botocore.exceptions import ClientError

from deadline import eventually
from server_process import METRICS_TABLE

DISK = "16m"
ROW = {"S": "x" * 20_000}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes, for the server's data folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_writes_fail_reads_go_on_and_writes_return_with_the_space(small_disk, start_server, gather):
    # Given a server with rows on a disk that fills up, and a dashboard,
    server = start_server(data="disk/data")
    dashboards = gather(server)
    dashboard = dashboards.one()
    acknowledged = ["first"]
    server.put_metric("first", padding=ROW)
    filler = fill(small_disk)

    # when it is full, writes fail with the error that SDKs know as the server's fault,
    with pytest.raises(ClientError) as refused:
        for number in range(2_000):
            server.put_metric(f"row-{number}", padding=ROW)
            acknowledged.append(f"row-{number}")
    answer = refused.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (500, "InternalServerError")
    server.assert_alive()

    # reads go on, with everything that was acknowledged and nothing that was refused,
    assert rows(server) == set(acknowledged)
    key = {"entity_id": {"S": "first"}}
    assert server.dynamodb.get_item(TableName=METRICS_TABLE, Key=key)["Item"]["padding"] == ROW

    # and dashboards stay and have been told of what was acknowledged.
    dashboards.wait_for("every change", lambda: len(dashboard.updates()) == len(acknowledged))
    assert dashboard.close_code is None

    # When there is room again, writes work again, and their changes are delivered.
    filler.unlink()

    def write():
        try:
            server.put_metric("afterwards", padding=ROW)
            return True
        except ClientError:
            return False

    eventually("a write to succeed", write)
    assert rows(server) == {*acknowledged, "afterwards"}
    dashboards.wait_for("the change", lambda: dashboard.updates()[-1]["data"]["entity_id"] == "afterwards")
    assert [update["data"]["entity_id"] for update in dashboard.updates()] == [*acknowledged, "afterwards"]

    # And a restart finds all of it.
    server.terminate()
    assert server.exit_code() == 0
    again = start_server(data="disk/data")
    assert rows(again) == {*acknowledged, "afterwards"}
    again.kill()


def fill(folder):
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65536)
        except OSError:
            return filler


def rows(server) -> set[str]:
    pages = server.dynamodb.get_paginator("scan").paginate(TableName=METRICS_TABLE, ConsistentRead=True)
    return {item["entity_id"]["S"] for page in pages for item in page["Items"]}
