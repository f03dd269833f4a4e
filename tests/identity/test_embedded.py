"""The embedded Keystone: made once, found again, restarted, ended with its parent."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from jeroboam.identity.embedded.clouds import CLOUDS, write_clouds
from jeroboam.identity.embedded.layout import Layout
from jeroboam.identity.embedded.prepare import USERS, prepare, write_config
from jeroboam.identity.embedded.supervisor import KeystoneFailed, Supervisor, answers
from jeroboam.identity.keystone import Keystone
from jeroboam.settings import load
from tests.keystone import free_port

pytestmark = pytest.mark.keystone


@pytest.fixture
def data(prepared_data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared_data, tmp_path / "data"))


@pytest.fixture
def port() -> int:
    return free_port()


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def test_everything_secret_is_its_owners_only(prepared_data: Path) -> None:
    for path in [prepared_data, *prepared_data.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_passwords_are_long_and_each_its_own(prepared_data: Path) -> None:
    passwords = json.loads(Layout(prepared_data).passwords.read_text())
    assert passwords.keys() == set(USERS)
    assert len(set(passwords.values())) == len(USERS)
    assert min(map(len, passwords.values())) >= 43


def test_a_second_preparation_changes_nothing(data: Path) -> None:
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file() and path.suffix != ".conf"}
    said: list[str] = []
    prepare(load(data), said.append)
    assert {path: path.read_bytes() for path in before} == before
    assert said == []


def test_a_crash_before_the_end_is_mended(data: Path) -> None:
    layout = Layout(data)
    layout.prepared.unlink()
    layout.clouds.unlink()
    layout.unfinished.write_bytes(b"half a database")
    before = layout.passwords.read_text()
    prepare(load(data), lambda text: None)
    assert layout.prepared.exists()
    assert not layout.unfinished.exists()
    assert layout.passwords.read_text() == before
    assert yaml.safe_load(layout.clouds.read_text())["clouds"].keys() == CLOUDS.keys()


def test_clouds_yaml_keeps_what_its_owner_changed(data: Path) -> None:
    file = Layout(data).clouds
    content = yaml.safe_load(file.read_text())
    content["clouds"]["team1"]["auth"]["password"] = "changed by hand"
    content["clouds"]["mine"] = {"auth": {"auth_url": "https://elsewhere/v3"}}
    file.write_text(yaml.safe_dump(content))
    write_clouds(file, load(data, identity={"keystone_port": 4711}), {})
    after = yaml.safe_load(file.read_text())["clouds"]
    assert after["mine"] == content["clouds"]["mine"]
    assert after["team1"]["auth"]["password"] == "changed by hand"
    assert after["team1"]["auth"]["auth_url"] == "http://127.0.0.1:4711/v3"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_catalogue_follows_the_addresses_and_passwords_stay(data: Path, port: int) -> None:
    settings = load(data, identity={"keystone_port": port}, api={"port": 4712})
    said: list[str] = []
    prepare(settings, said.append)
    assert said == ["bringing Keystone up to date"]
    supervisor = Supervisor(settings)
    supervisor.start()
    try:
        supervisor.wait_ready()
        client = Keystone(settings)
        services = {item["id"]: item["type"] for item in client.get("/services")["services"]}
        endpoints = {(services[item["service_id"]], item["url"]) for item in client.get("/endpoints")["endpoints"]}
        client.close()
        assert endpoints == {
            ("identity", f"http://127.0.0.1:{port}/v3"),
            ("container", "http://127.0.0.1:4712/container/v1"),
            ("quota", "http://127.0.0.1:4712/quota/v1"),
        }
        _restarted_after_a_kill(supervisor)
    finally:
        supervisor.stop()
    assert supervisor.pid is None
    assert not answers(settings.identity_internal_url, 1.0)


def _restarted_after_a_kill(supervisor: Supervisor) -> None:
    killed = supervisor.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: supervisor.pid not in (None, killed) and supervisor.healthy())
    assert supervisor.restarts >= 1


def test_a_taken_port_is_named(data: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(KeystoneFailed, match=rf"{port}: .*--keystone-port"):
        Supervisor(load(data, identity={"keystone_port": port})).start()


def test_a_keystone_that_cannot_start_says_why(data: Path, port: int) -> None:
    settings = load(data, identity={"keystone_port": port})
    Layout(data).config.write_text("[database]\nconnection = nonsense\n")
    supervisor = Supervisor(settings)
    supervisor.start()
    try:
        with pytest.raises(KeystoneFailed, match="ended at once"):
            supervisor.wait_ready()
    finally:
        supervisor.stop()


PARENT = """
import sys
from pathlib import Path
from jeroboam.identity.embedded.supervisor import Supervisor
from jeroboam.settings import load
supervisor = Supervisor(load(Path(sys.argv[1]), identity={"keystone_port": int(sys.argv[2])}))
supervisor.start()
supervisor.wait_ready()
print(supervisor.pid, flush=True)
sys.stdin.read()
"""


def test_a_killed_parent_takes_keystone_along(data: Path, port: int) -> None:
    write_config(Layout(data))
    command = [sys.executable, "-c", PARENT, str(data), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        master = int(parent.stdout.readline())
        workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        assert workers
        parent.kill()
        parent.wait()
        eventually(lambda: not any(_alive(pid) for pid in [master, *map(int, workers)]), 5.0)


def _alive(pid: int) -> bool:
    try:
        stat_line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat_line[stat_line.rindex(")") + 2] != "Z"
