"""A container as Zun's API shows it, built as plain dicts: lists of hundreds are the hot path."""

from functools import lru_cache
from typing import Any

from jeroboam.api.containers.build import ZONE
from jeroboam.api.quota.view import ANOTHER
from jeroboam.api.respond import iso
from jeroboam.model.conditions import Condition
from jeroboam.model.container import Address, ContainerSpec, ContainerStatus, Phase
from jeroboam.model.objects import Object

ContainerObject = Object[ContainerSpec, ContainerStatus]


def container(obj: ContainerObject, base: str, now: float) -> dict[str, Any]:
    """Zun's fields of 1.40, then ours. `base`: the public URL of the API, without /v1."""
    spec, status = obj.spec, obj.status
    return {
        "uuid": obj.id,
        "name": obj.name,
        "project_id": obj.project_id,
        "user_id": obj.user_id,
        "image": spec.image,
        "status": phase(obj),
        "status_reason": reason(obj),
        "status_detail": detail(obj, now),
        "task_state": status.task,
        "cpu": spec.vcpus / 1000,
        "memory": str(spec.memory),
        "command": spec.command,
        "entrypoint": spec.entrypoint,
        "environment": spec.environment,
        "workdir": spec.workdir,
        "hostname": spec.hostname,
        "labels": spec.labels,
        "addresses": addresses(status.addresses),
        "ports": [port.port for port in spec.ports],
        "host": status.host,
        "availability_zone": ZONE,
        "restart_policy": {
            "Name": spec.restart.name,
            "MaximumRetryCount": str(spec.restart.maximum_retry_count),
        },
        "healthcheck": _health(spec),
        "image_pull_policy": spec.pull_policy,
        "image_driver": "docker",
        "interactive": spec.interactive,
        "tty": spec.tty,
        "auto_remove": spec.auto_remove,
        "auto_heal": spec.auto_heal,
        "privileged": spec.privileged,
        "registry_id": spec.registry,
        "security_groups": None,
        "runtime": None,
        "disk": None,
        "cpu_policy": "shared",
        "created_at": iso(obj.created_at),
        "updated_at": iso(obj.updated_at),
        "links": _links(obj.id, base),
        "generation": obj.generation,
        "observed_generation": obj.observed_generation,
        "conditions": [_condition(c) for c in status.conditions],
        "published_ports": [
            {"port": p.port, "protocol": p.protocol, "host_ip": p.host_ip, "host_port": p.host_port}
            for p in status.ports
        ],
        "mounts": _mounts(spec),
        "hints": spec.hints,
        "image_id": status.image_id,
        "evicted_by": ANOTHER if status.evicted_by else None,
        "exit_code": status.exit_code,
        "health": status.health,
    }


def phase(obj: ContainerObject) -> Phase:
    """Deleting from the moment it was asked for: the status is the conductor's and lags."""
    return Phase.DELETING if obj.deleting is not None else obj.status.phase


def reason(obj: ContainerObject) -> str | None:
    if obj.deleting is not None:
        return obj.status.reason or "Deletion was asked for; its charge stays until the engine confirms it."
    return obj.status.reason or None


def detail(obj: ContainerObject, now: float) -> str:
    """Zun's status_detail, as `docker ps` words it."""
    status, shown = obj.status, phase(obj)
    match shown:
        case Phase.RUNNING | Phase.PAUSED if status.started_at is not None:
            health = f" ({status.health})" if status.health else ""
            paused = " (Paused)" if shown is Phase.PAUSED else ""
            return f"Up {span(now - status.started_at)}{health}{paused}"
        case Phase.STOPPED if status.finished_at is not None and status.exit_code is not None:
            return f"Exited({status.exit_code}) {span(now - status.finished_at)} ago"
        case _:
            return shown.value


def span(seconds: float) -> str:
    """`3 minutes`: the largest unit that fits."""
    whole = max(0, int(seconds))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if whole >= size:
            count = whole // size
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{whole} second{'s' if whole != 1 else ''}"


def addresses(found: tuple[Address, ...]) -> dict[str, list[dict[str, Any]]]:
    by_network: dict[str, list[dict[str, Any]]] = {}
    for address in found:
        by_network.setdefault(address.network, []).append(
            {
                "addr": address.addr,
                "version": address.version,
                "port": None,
                "subnet_id": None,
                "preserve_on_delete": False,
            }
        )
    return by_network


@lru_cache(maxsize=4096)
def _condition(condition: Condition) -> dict[str, Any]:
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "since": iso(condition.since),
        "deadline": None if condition.deadline is None else iso(condition.deadline),
    }


def _health(spec: ContainerSpec) -> dict[str, Any] | None:
    check = spec.healthcheck
    if check is None:
        return None
    return {
        "test": check.test[-1],
        "interval": check.interval,
        "timeout": check.timeout,
        "retries": check.retries,
    }


def _mounts(spec: ContainerSpec) -> list[dict[str, Any]]:
    """Where things are mounted; the content of injected files is not repeated."""
    if not (spec.volumes or spec.host_mounts or spec.tmpfs or spec.files):
        return []
    return [
        *({"type": "volume", "source": v.name, "destination": v.destination} for v in spec.volumes),
        *({"type": "bind", "source": h.source, "destination": h.destination} for h in spec.host_mounts),
        *({"type": "tmpfs", "source": None, "destination": t.destination} for t in spec.tmpfs),
        *({"type": "bind", "source": None, "destination": f.destination} for f in spec.files),
    ]


def _links(object_id: str, base: str) -> list[dict[str, str]]:
    href = f"{base}/v1/containers/{object_id}"
    return [{"href": href, "rel": "self"}, {"href": href, "rel": "bookmark"}]
