"""What Jeroboam is measured against: the same calls, made by the Docker SDK, on the same engine."""

import time
import uuid
from contextlib import suppress
from typing import Any

import docker
from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool, LogConfig, NetworkingConfig

LABEL = "jeroboam.bench"
NETWORK = "jeroboam-bench"
SUBNET = "10.217.255.0/24"
POOL = 32

# PID 1 gets no default signal handlers: it ends at once on TERM, as a well-behaved service does.
COMMAND = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
VCPUS, MEMORY, PIDS = 1000, 64, 512
"""Thousandths, MiB."""


class Direct:
    """Three calls for a container: create, start, inspect. Thread-safe."""

    def __init__(self, url: str, image: str) -> None:
        self._client = docker.APIClient(url, version="auto", timeout=60, max_pool_size=POOL)
        self._image = str(self._client.images(name=image)[0]["Id"])
        self._network = self._client.create_network(
            NETWORK,
            driver="bridge",
            ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=SUBNET)]),
            labels={LABEL: "1"},
        )["Id"]

    def run(self) -> tuple[str, float]:
        """A container that runs; its id, and when it was seen running (time.perf_counter)."""
        name = f"jeroboam-bench-{uuid.uuid4()}"
        client = self._client
        endpoints: Any = {NETWORK: client.create_endpoint_config(aliases=[name[-36:], name[-36:-28]])}
        created = client.create_container(
            self._image,
            COMMAND,
            name=name,
            labels={LABEL: "1", **{f"{LABEL}.{n}": str(uuid.uuid4()) for n in range(4)}},
            environment=[],
            host_config=self._host_config(),
            networking_config=NetworkingConfig(endpoints),
        )
        client.start(created["Id"])
        if not client.inspect_container(created["Id"])["State"]["Running"]:
            raise RuntimeError(f"container {name} does not run")
        return str(created["Id"]), time.perf_counter()

    def _host_config(self) -> dict[str, Any]:
        config: dict[str, Any] = self._client.create_host_config(
            mem_limit=MEMORY << 20,
            memswap_limit=MEMORY << 20,
            nano_cpus=VCPUS * 1_000_000,
            pids_limit=PIDS,
            security_opt=["no-new-privileges"],
            ipc_mode="private",
            network_mode=NETWORK,
            restart_policy={"Name": "no"},
            log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"}),
        )
        return config

    def stop(self, ident: str, timeout: int) -> None:
        self._client.stop(ident, timeout)

    def remove(self, ident: str) -> None:
        self._client.remove_container(ident, force=True, v=True)

    def clear(self) -> None:
        """Removes all that was made here, in whichever run."""
        for found in self._client.containers(all=True, quiet=True, filters={"label": LABEL}):
            self.remove(found["Id"])
        for network in self._client.networks(filters={"label": LABEL}):
            # As with our own networks (workbench.clear); the next run finds it by its label.
            with suppress(APIError):
                self._client.remove_network(network["Id"])

    def close(self) -> None:
        self.clear()
        self._client.close()


def document(image: str) -> dict[str, Any]:
    """The same container, to be asked of Jeroboam."""
    return {"image": image, "command": COMMAND, "cpu": VCPUS / 1000, "memory": str(MEMORY)}
