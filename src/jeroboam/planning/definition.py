"""Digests that tell whether a container on the engine is still the one that its spec declares."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from jeroboam.model.container import ContainerSpec, Intent, QuotaSpec

_LIVE = {
    "intent",
    "vcpus",
    "memory",
    "networks",
    "quota",
    "hints",
    "auto_remove",
    "auto_heal",
    "pull_policy",
    "registry",
}
"""What can change without making the container anew, or is no business of the engine's."""


def definition_digest(spec: ContainerSpec) -> str:
    """Changes exactly when the container must be made anew."""
    neutral = replace(spec, intent=Intent(), quota=QuotaSpec(), hints={})
    return _digest({key: value for key, value in asdict(neutral).items() if key not in _LIVE})


def networking_digest(name: str, spec: ContainerSpec) -> str:
    """Changes exactly when the container must be joined to its networks anew (its name is how others find it)."""
    return _digest({"name": name, "networks": [asdict(n) for n in spec.networks]})


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=dict).encode()).hexdigest()[:16]
