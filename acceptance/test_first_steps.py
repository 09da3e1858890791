"""What a newcomer is told to type, typed as it stands."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

from server_process import METRICS_TABLE, ROOT, binary

README_ADDRESS = "http://127.0.0.1:8080"


def typed(commands: str, home: Path) -> subprocess.CompletedProcess:
    """Runs commands in a shell that knows nothing of AWS but the command line itself."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": programs, "HOME": str(home)}
    return subprocess.run(["bash", "-e"], input=commands, env=environment, text=True, capture_output=True, timeout=60)


def test_the_commands_of_the_readme_change_a_row(server, tmp_path):
    blocks = re.findall(r"^```\n(export AWS_.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1 and README_ADDRESS in blocks[0]

    result = typed(blocks[0].replace(README_ADDRESS, server.url), tmp_path)

    assert result.returncode == 0, result.stderr
    row = server.dynamodb.get_item(TableName=METRICS_TABLE, Key={"entity_id": {"S": "stream-001"}})["Item"]
    assert row["metric_value"] == {"N": "1234"}


def test_the_command_that_the_server_prints_changes_a_row(tmp_path):
    serve = [binary(), "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", tmp_path / "data"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}
    process = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    try:
        announced = iter(process.stdout.readline, "")
        command = "".join(itertools.takewhile(lambda line: line.strip(), after_variables(announced)))

        result = typed(command, tmp_path)

        assert result.returncode == 0, f"{command}\n{result.stderr}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def after_variables(lines):
    """The lines from the one that sets the variables on."""
    return itertools.dropwhile(lambda line: "AWS_ACCESS_KEY_ID=" not in line, lines)
