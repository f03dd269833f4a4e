"""`jeroboam up` and `down` with real processes: started, found again, refused, killed."""

import dataclasses
import json
import os
import signal
import socket
import stat
from pathlib import Path

import psutil
import pytest
import requests
import yaml

from jeroboam.cli import process
from jeroboam.settings import load
from tests.cli.conftest import Command, eventually, who_is_left

pytestmark = pytest.mark.keystone


def token_of(command: Command, cloud: str) -> str:
    found = yaml.safe_load((command.data / "clouds.yaml").read_text())["clouds"][cloud]
    auth = found["auth"]
    user = {"name": auth["username"], "domain": {"name": "Default"}, "password": auth["password"]}
    scope = {"project": {"name": auth["project_name"], "domain": {"name": "Default"}}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
    answer = requests.post(f"{auth['auth_url']}/auth/tokens", json=body, timeout=30, verify=found.get("cacert", True))
    answer.raise_for_status()
    catalogue = {entry["type"]: entry["endpoints"][0]["url"] for entry in answer.json()["token"]["catalog"]}
    assert catalogue["container"].endswith(f":{command.port}/container/v1")
    return answer.headers["X-Subject-Token"]


def containers(command: Command, token: str) -> requests.Response:
    url = f"http://127.0.0.1:{command.port}/container/v1/containers"
    return requests.get(url, headers={"X-Auth-Token": token}, timeout=30)


def test_background_from_start_to_stop_and_again(command: Command) -> None:
    started = command.up("--detach")
    assert started.returncode == 0, started.stderr
    assert f"export OS_CLIENT_CONFIG_FILE={command.data}/clouds.yaml" in started.stdout
    assert "openstack --os-cloud team1 appcontainer list" in started.stdout
    assert "the example organisation has 16 containers" in started.stdout  # also while there is no engine
    assert command.status() | {"since": ""} == {
        "jeroboam": "running",
        "since": "",
        "api": "answers",
        "keystone": "answers",
        "database": "answers",
        "engine": "does not answer",
    }
    where = {row["part"]: row["where"] for row in json.loads(command.run("status", "-f", "json").stdout)}
    assert where["engine"] == command.engine
    assert where["database"] == f"sqlite:///{command.data}/jeroboam.sqlite"
    assert command.run("status").returncode == 0  # requests are accepted, and carried out when the engine is back
    token = token_of(command, "team1")
    assert containers(command, token).json()["containers"] == []
    family = command.family()
    assert len(family) >= 3

    checks = {row["check"]: row for row in json.loads(command.run("doctor", "-f", "json").stdout)}
    assert [checks[name]["result"] for name in ("jeroboam", "keystone", "database")] == ["ok", "ok", "ok"]
    assert command.engine in checks["engine"]["found"]  # the running server's, not the default
    again = command.up("--detach")
    assert (again.returncode, "runs on" in again.stdout) == (0, True)
    second = command.up()
    assert second.returncode == 1
    assert f"pid {family[0].pid}" in second.stderr
    assert "jeroboam down" in second.stderr

    stopped = command.run("down")
    assert stopped.returncode == 0, stopped.stderr
    assert who_is_left(family, 1) == []
    assert command.run("status").returncode == 1
    idle = command.run("down")
    assert (idle.returncode, "nothing to stop" in idle.stdout) == (0, True)

    assert command.up("--detach").returncode == 0
    assert containers(command, token).status_code == 200  # a token of before is still good
    _nothing_secret_is_said(command, started.stdout, token)
    assert command.run("down").returncode == 0


def _nothing_secret_is_said(command: Command, said: str, token: str) -> None:
    log = command.data / "log" / "jeroboam.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    clouds = yaml.safe_load((command.data / "clouds.yaml").read_text())["clouds"]
    secrets = {cloud["auth"]["password"] for cloud in clouds.values()} | {token}
    secrets.add((command.data / "keystone" / "service.password").read_text().strip())
    text = log.read_text() + said
    assert [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_foreground_ends_politely(command: Command, number: signal.Signals) -> None:
    with command.foreground() as child:
        family = command.family()
        child.send_signal(number)
        assert child.wait(15) == 0
        assert who_is_left(family, 1) == []
    assert process.find_running(command.data) is None
    assert not (command.data / "run" / "up.json").exists()


def test_told_to_end_while_it_starts(command: Command) -> None:
    with command.foreground(ready=False) as child:
        eventually(lambda: process.find_running(command.data) is not None, "it holds its data folder")
        child.send_signal(signal.SIGTERM)
        assert child.wait(15) == 0
    assert process.find_running(command.data) is None


def test_killed_it_takes_keystone_along_and_starts_again(command: Command) -> None:
    with command.foreground() as child:
        family = command.family()
        child.kill()
        child.wait()
    assert who_is_left(family, 10) == []
    assert (command.data / "run" / "up.json").exists()
    assert command.status()["jeroboam"].startswith("not running")
    assert "nothing to stop" in command.run("down").stdout
    assert command.up("--detach").returncode == 0
    assert containers(command, token_of(command, "team2")).status_code == 200


def test_down_ends_no_other_process_of_the_same_number(command: Command) -> None:
    ours = process.this_process(load(command.data), None)
    process.run_folder(command.data).mkdir()
    stale = dataclasses.replace(ours, started=ours.started - 1)
    process.write_running(command.data, stale)
    assert "nothing to stop" in command.run("down").stdout
    assert process.end(stale, 1.0)
    assert psutil.pid_exists(os.getpid())


@pytest.mark.parametrize("which", ["port", "keystone_port"])
def test_a_taken_port_is_named_and_nothing_stays(command: Command, which: str) -> None:
    with socket.create_server(("127.0.0.1", getattr(command, which))):
        failed = command.up()
    assert failed.returncode == 1
    assert f"127.0.0.1:{getattr(command, which)}: Address already in use" in failed.stderr
    assert f"--{which.replace('_', '-')}" in failed.stderr
    assert process.find_running(command.data) is None


def test_a_failed_start_in_the_background_shows_the_end_of_the_log(command: Command) -> None:
    with socket.create_server(("127.0.0.1", command.port)):
        failed = command.up("--detach")
    assert failed.returncode == 1
    assert "cannot start in the background" in failed.stderr
    assert "Address already in use" in failed.stderr


def test_beyond_loopback_only_with_tls(command: Command) -> None:
    refused = command.up("--host", "0.0.0.0")
    assert refused.returncode == 2
    assert "cannot bind to 0.0.0.0 without TLS" in refused.stderr


def test_with_a_certificate_of_ones_own(command: Command, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    (command.data / "jeroboam.toml").write_text(f'[api]\npublic_url = "https://localhost:{command.port}"\n')
    started = command.up("--detach", "--host=0.0.0.0", f"--tls-cert={cert}", f"--tls-key={key}")
    assert started.returncode == 0, started.stderr
    cloud = yaml.safe_load((command.data / "clouds.yaml").read_text())["clouds"]["team1"]
    assert cloud["auth"]["auth_url"] == f"https://localhost:{command.keystone_port}/v3"
    assert cloud["cacert"] == str(cert)
    token = token_of(command, "team1")
    url = f"https://localhost:{command.port}/container/v1/containers"
    # The API has asked Keystone over TLS, too, before it answers this.
    answer = requests.get(url, headers={"X-Auth-Token": token}, timeout=30, verify=str(cert))
    assert answer.json()["containers"] == []
    assert command.status()["api"] == "answers"


def test_an_unusable_certificate_is_refused(command: Command, certificate: tuple[Path, Path]) -> None:
    cert, _ = certificate
    failed = command.up(f"--tls-cert={cert}", f"--tls-key={cert}")
    assert failed.returncode == 1
    assert "cannot" in failed.stderr
    assert process.find_running(command.data) is None
