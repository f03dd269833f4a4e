"""The parts alone: an API and a conductor beside a Keystone that somebody else runs."""

import subprocess

import pytest
import requests

from tests.cli.conftest import Command, eventually
from tests.cli.test_up import token_of
from tests.keystone import free_port

pytestmark = pytest.mark.keystone


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_another_api_and_conductor_on_the_same_data(command: Command) -> None:
    assert command.up("--detach").returncode == 0
    port = free_port()
    environment = {**command.environment, "JEROBOAM_IDENTITY__KEYSTONE_PORT": str(command.keystone_port)}
    lines = [
        command.line("api", f"--port={port}", f"--engine={command.engine}"),
        command.line("conductor", f"--engine={command.engine}"),
    ]
    parts = [subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) for line in lines]
    try:
        eventually(lambda: answers(port), "the second API answers")
        url = f"http://127.0.0.1:{port}/container/v1/containers"
        assert requests.get(url, headers={"X-Auth-Token": token_of(command, "org")}, timeout=30).status_code == 200
        assert parts[1].stdout is not None
        assert "the conductor works on" in parts[1].stdout.readline()
        assert command.run("down").returncode == 0
        archive = command.data.parent / "b.tar.gz"
        assert command.run("backup", str(archive)).returncode == 0
        refused = command.run("restore", "--force", str(archive))
        assert (refused.returncode, "another jeroboam process holds it" in refused.stderr) == (1, True)
    finally:
        for part in parts:
            part.terminate()
        assert [part.wait(15) for part in parts] == [0, 0]
        for part in parts:
            part.communicate()
