"""Digests that tell whether a container on the engine is still the one that its spec declares."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
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
    """Changes exactly when the container must be made anew.

    What is as by default is left out: a field that a later version adds changes no digest, and remakes nothing.
    """
    neutral = replace(spec, intent=Intent(), quota=QuotaSpec(), hints={})
    return _digest({key: value for key, value in _essentials(neutral).items() if key not in _LIVE})


def networking_digest(name: str, spec: ContainerSpec) -> str:
    """Changes exactly when the container must be joined to its networks anew (its name is how others find it)."""
    return _digest({"name": name, "networks": [_essentials(n) for n in spec.networks]})


def _essentials(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults, those of dataclasses within likewise."""
    found = ((f, getattr(value, f.name)) for f in fields(value))
    return {f.name: _plain(item) for f, item in found if item != _default(f)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return _essentials(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
