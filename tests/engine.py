"""A Docker Engine for the tests: the one that JEROBOAM_TEST_ENGINE names, or one of our own.

Our own lives in a network, mount and process namespace of its own: two engines in one network would delete each
other's packet filter rules, and what a crashed test leaves behind vanishes with the namespaces.
"""

import contextlib
import ctypes
import fcntl
import ipaddress
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jeroboam.backends.docker import Deadlines, DockerBackend
from jeroboam.backends.errors import BackendError, Temporary

GIVEN = "JEROBOAM_TEST_ENGINE"
FOLDER = "JEROBOAM_TEST_ENGINE_FOLDER"
IMAGE = "jeroboam/busybox:local"
_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0

# Process 1 of the namespaces: it reaps what containers leave behind, and passes the polite signal on. Its $0 is where
# the engine keeps its id, which it has again after a power cut.
_INIT = """
ip link set lo up || /bin/busybox ip link set lo up
mount -t tmpfs tmpfs /run
test -d /etc/docker && mount --bind "$0" /etc/docker
"$@" &
pid=$!
trap 'kill -TERM $pid' TERM
wait $pid
wait $pid
"""

T = TypeVar("T")


class NoEngine(Exception):
    """There is no engine to test with; the message says how to get one."""


@dataclass(frozen=True)
class Engine:
    """`url` is the engine's; `namespace` the process whose network it publishes ports in, None for this machine's."""

    url: str
    namespace: int | None = None

    def connect(self, host: str, port: int, timeout: float = 5.0) -> socket.socket:
        """A connection to an address in the engine's network: where published ports are, and containers too."""
        return self.within(lambda: socket.create_connection((host, port), timeout))

    def free_port(self) -> int:
        """A port on the loopback of the engine's network that nobody listens on."""

        def ask() -> int:
            with socket.socket() as sock:
                sock.bind(("127.0.0.1", 0))
                return int(sock.getsockname()[1])

        return self.within(ask)

    def within(self, act: Callable[[], T]) -> T:
        """`act` in the engine's network. A socket belongs for ever to the network that it was made in."""
        return act() if self.namespace is None else _in_network_of(self.namespace, act)


def wait_until(condition: Callable[[], T | None], what: str, timeout: float = 20.0, every: float = 0.02) -> T:
    """The first true answer of `condition`, asked again `every` so many seconds. Fails after `timeout` seconds."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if answer := condition():
            return answer
        time.sleep(every)
    raise AssertionError(f"waited {timeout:.0f} s in vain until {what}")


def obtain(folder: Path) -> Engine:
    """The engine of this test run; the first process that asks starts it. Raises NoEngine."""
    if given := os.environ.get(GIVEN):
        if not _answers(given):
            raise NoEngine(f"no Docker Engine answers at {given}, where {GIVEN} points: start it, or unset {GIVEN}")
        return Engine(given)
    return own(folder)


def own(folder: Path) -> Engine:
    """An engine on `folder` that nobody else has; started unless it runs. Raises NoEngine."""
    with alone(folder):
        record = folder / "engine.json"
        if not record.exists():
            record.write_text(json.dumps(_start(folder)))
        started = json.loads(record.read_text())
    return Engine(started["url"], started["init"])


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process of the test run at a time."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def end(folder: Path) -> None:
    """Ends the engine that `obtain` started, if it did, and removes all that it had."""
    record = folder / "engine.json"
    if record.exists():
        started = json.loads(record.read_text())
        _stop(started["pid"], started["init"])
        _remove_cgroups(started["cgroup"])
    shutil.rmtree(folder, ignore_errors=True)


def cut_power(folder: Path) -> None:
    """Kills the engine of `folder` and all that runs on it at one blow; what is on its disk stays."""
    record = folder / "engine.json"
    started = json.loads(record.read_text())
    os.kill(started["pid"], signal.SIGKILL)
    wait_until(lambda: not alive(started["pid"]), "the engine is dead", _STOP_SECONDS)
    _remove_cgroups(started["cgroup"])
    # A machine's /run does not survive: the process numbers in it would be other processes' in the next namespace,
    # and dockerd would take one of those for the containerd that it had started.
    shutil.rmtree(folder / "run")
    record.unlink()


def clear(backend: DockerBackend) -> None:
    """Removes all that carries the backend's label."""
    for container in backend.containers():
        backend.remove(container.name)
    for network in backend.networks():
        _remove_network(backend, network.name)
    for volume in backend.volumes():
        backend.remove_volume(volume.name)


def _remove_network(backend: DockerBackend, name: str) -> None:
    """Docker 20.10 now and then goes on counting endpoints of a network that has none: it ends with the engine."""
    try:
        backend.remove_network(name)
    except Temporary as error:
        warnings.warn(f"Docker keeps the network {name}: {error}", stacklevel=2)


def random_subnets() -> Iterator[str]:
    """Small subnets that no other suite on the same engine is likely to have."""
    whole = int(ipaddress.ip_address("10.224.0.0"))
    while True:
        yield str(ipaddress.ip_network((whole + random.randrange(1 << 16) * 16, 28)))


def _start(folder: Path) -> dict[str, str | int]:
    missing = [tool for tool in ("dockerd", "containerd", "runc", "iptables", "unshare") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        why = f"{', '.join(missing)} missing" if missing else "only root can start one"
        raise NoEngine(
            f"no Docker Engine to test with ({why}): as root, apt-get install docker.io iptables iproute2; or set "
            f"{GIVEN}=unix:///var/run/docker.sock to use one that runs; or deselect with -m 'not engine'"
        )
    url, cgroup = f"unix://{folder}/docker.sock", f"jeroboam-test-{uuid.uuid4().hex[:8]}"
    with (folder / "dockerd.log").open("wb") as log:
        command = [*_orphans_die(), *_unshare(folder), *_dockerd(folder, url, cgroup)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is not None or _answers(url), "the engine answers", _READY_SECONDS)
    except AssertionError:
        process.kill()
    if process.poll() is not None or not _answers(url):
        tail = (folder / "dockerd.log").read_text(errors="replace")[-1500:]
        raise NoEngine(f"dockerd does not start here; set {GIVEN} to an engine that runs. It said:\n{tail}")
    return {"url": url, "pid": process.pid, "init": _child(process.pid), "cgroup": cgroup}


def _orphans_die() -> list[str]:
    """With one test process, the engine dies with it however it ends; several workers outlive each other."""
    return [] if "PYTEST_XDIST_WORKER" in os.environ else ["setpriv", "--pdeathsig", "KILL"]


def _unshare(folder: Path) -> list[str]:
    etc = folder / "etc"
    etc.mkdir(exist_ok=True)
    namespaces = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc", "--kill-child"]
    return ["unshare", *namespaces, "sh", "-c", _INIT, str(etc)]


def _dockerd(folder: Path, url: str, cgroup: str) -> list[str]:
    config = folder / "daemon.json"
    config.write_text("{}")
    (folder / "run").mkdir(exist_ok=True)
    return [
        "dockerd",
        f"--host={url}",
        f"--config-file={config}",
        f"--data-root={folder}/data",
        f"--exec-root={folder}/run/exec",
        f"--pidfile={folder}/run/pid",
        "--bridge=none",
        "--default-address-pool=base=10.200.0.0/16,size=28",
        "--exec-opt=native.cgroupdriver=cgroupfs",
        f"--cgroup-parent=/{cgroup}",
    ]


def _answers(url: str) -> bool:
    backend = DockerBackend("probe", url, "probe", deadlines=Deadlines(ping=2))
    try:
        backend.ping()
    except BackendError:
        return False
    finally:
        backend.close()
    return True


def _child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _stop(pid: int, init: int) -> None:
    """Politely to the namespaces' process 1; the kill takes everything in them along."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(init, signal.SIGTERM)
    try:
        wait_until(lambda: not alive(pid), "the engine has ended", _STOP_SECONDS)
    except AssertionError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether the process still runs; what only waits for somebody to ask how it ended does not."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def _remove_cgroups(name: str) -> None:
    """Once the last processes in them, which were killed a moment ago, are gone."""
    root = Path("/sys/fs/cgroup")

    def gone() -> bool:
        tops = [*root.glob(name), *root.glob(f"*/{name}")]
        for top in tops:
            for folder in sorted((top, *top.glob("**/")), reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()
        return not tops

    wait_until(gone, f"the control groups {name} are gone", _STOP_SECONDS)


def _in_network_of(pid: int, act: Callable[[], T]) -> T:
    """In a thread of its own, as a thread that has changed its network could not always come back."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            with open(f"/proc/{pid}/ns/net") as namespace:  # noqa: PTH123
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
                    raise OSError(ctypes.get_errno(), "cannot enter the engine's network")
            outcome.append(act())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
