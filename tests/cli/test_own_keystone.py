"""`jeroboam up` beside a Keystone that runs elsewhere: users and projects are that one's, and none is started."""

from pathlib import Path

import pytest
import requests

from tests.cli.conftest import Command
from tests.cli.test_up import containers, token_of

pytestmark = pytest.mark.keystone


@pytest.fixture
def beside(command: Command, tmp_path: Path) -> Command:
    """A second data folder, whose settings name the first one's Keystone as an operator names their own."""
    second = Command(tmp_path / "second")
    second.data.mkdir(mode=0o700)
    (second.data / "jeroboam.toml").write_text(
        f'[identity]\nauth_url = "http://127.0.0.1:{command.keystone_port}/v3"\n'
        f'password_file = "{command.data}/keystone/service.password"\n'
    )
    return second


def test_an_operators_keystone_is_used_and_none_is_started(command: Command, beside: Command) -> None:
    assert command.up("--detach").returncode == 0
    started = beside.run("up", f"--port={beside.port}", f"--engine={beside.engine}", "--detach")
    try:
        assert started.returncode == 0, started.stderr
        assert f"using the Keystone at http://127.0.0.1:{command.keystone_port}/v3" in started.stdout
        assert [child.name() for child in beside.family()[1:]] == []
        assert not (beside.data / "keystone").exists()
        token = token_of(command, "team1")
        assert containers(beside, token).json()["containers"] == []
        assert containers(beside, token[:-4] + "AAAA").status_code == 401
        url = f"http://127.0.0.1:{beside.port}/quota/v1/nodes/self"
        assert requests.get(url, headers={"X-Auth-Token": token}, timeout=30).json()["name"] == "team1"
    finally:
        beside.run("down")


def test_a_keystone_that_does_not_answer_is_503_and_a_sentence(command: Command, beside: Command) -> None:
    started = beside.run("up", f"--port={beside.port}", f"--engine={beside.engine}", "--detach")
    try:
        assert started.returncode == 0, started.stderr
        answer = containers(beside, "a" * 180)
        assert (answer.status_code, "Keystone" in answer.text) == (503, True)
    finally:
        beside.run("down")
