"""What `jeroboam doctor` asks the Docker Engine."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException
from docker.tls import TLSConfig

from jeroboam.cli.checks import Check, disk, failed, host_routes, ok, warning
from jeroboam.model.names import LABEL_INSTALLATION

MIN_API = (1, 41)
SECONDS = 5
# what /info calls it -> what it is for
LIMITS = {"MemoryLimit": "memory", "CpuCfsQuota": "cpu", "PidsLimit": "pids"}


def engine_checks(url: str, tls: TLSConfig | None, wanted: IPv4Network) -> Iterator[Check]:
    """Reachable at `url`, new enough, able to limit, with room, and nothing in the range of our networks."""
    try:
        client = docker.APIClient(base_url=url, version="1.41", timeout=SECONDS, tls=tls or False)
        version, info = client.version(api_version=False), client.info()
        networks = client.networks(filters={"label": LABEL_INSTALLATION})
    except (DockerException, requests.RequestException) as error:
        mend = "install it (apt-get install docker.io), start it (dockerd), or name another with --engine"
        yield failed("engine", f"{url}: {_last_cause(error)}", mend)
        return
    with client:
        yield _version(url, version)
        yield from _limits(info)
        root = Path(str(info.get("DockerRootDir", "/")))
        if url.startswith(("unix:", "http+unix:")) and root.exists():
            yield disk("engine disk", root)
        yield _subnets(wanted, networks)


def _version(url: str, version: dict[str, Any]) -> Check:
    api = str(version.get("ApiVersion", "0.0"))
    found = f"Docker Engine {version.get('Version')} (API {api}) at {url}"
    if tuple(int(part) for part in api.split(".")) < MIN_API:
        return failed("engine", found, "upgrade it to 20.10 or newer: API 1.41 is needed")
    return ok("engine", found)


def _limits(info: dict[str, Any]) -> Iterator[Check]:
    missing = [name for key, name in LIMITS.items() if not info.get(key)]
    cgroup = f"cgroup v{info.get('CgroupVersion', '1')}"
    if missing:
        found = f"{cgroup}: the engine cannot limit {', '.join(missing)}"
        yield failed("limits", found, "enable these cgroup controllers in the kernel: tenants need limits")
    else:
        yield ok("limits", f"{cgroup}: memory, cpu and pids can be limited")
    if not info.get("SwapLimit"):
        yield warning(
            "swap limit",
            f"{cgroup}: swap cannot be limited",
            "boot with swapaccount=1, or run without swap: containers could use more than their memory",
        )


def _subnets(wanted: IPv4Network, networks: list[dict[str, Any]]) -> Check:
    """Whether something else on this host lies in the range that our networks come from."""
    ours = {f"br-{network['Id'][:12]}" for network in networks}
    clashes = [f"{route} on {where}" for where, route in host_routes() if where not in ours and route.overlaps(wanted)]
    if clashes:
        found = f"network.range {wanted} overlaps {', '.join(clashes)}"
        return failed("networks", found, "set [network] range in jeroboam.toml to one that this host does not use")
    return ok("networks", f"{wanted} is free for the projects' networks")


def _last_cause(error: BaseException) -> str:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error) or type(error).__name__
