"""Quantities are integers in base units: vcpus in thousandths, memory in MiB, everything else as it is counted.

People write `0.5` or `500m` CPUs and `512`, `512m` or `1.5g` of memory (a bare number is MiB, as in Zun).
"""

import re
from decimal import Decimal

from jeroboam.model.errors import Malformed

CONTAINERS = "containers"
VCPUS = "vcpus"
MEMORY = "memory"

MAX = 2**53 - 1
"""The largest amount of anything: what JSON carries without loss."""

_MEMORY = re.compile(r"(\d{1,40}(?:\.\d{1,6})?)([bkmgt]?)i?b?", re.ASCII)
_CPU = re.compile(r"(\d{1,40}(?:\.\d{1,9})?)(m?)", re.ASCII)
_MIB = {
    "b": Decimal(1) / (1 << 20),
    "k": Decimal(1) / (1 << 10),
    "m": Decimal(1),
    "": Decimal(1),
    "g": Decimal(1 << 10),
    "t": Decimal(1 << 20),
}


def parse_memory(text: str, *, exact: bool = False) -> int:
    """MiB in `text`, rounded up; `exact`: what is no whole number of them is refused. Raises Malformed."""
    match = _MEMORY.fullmatch(text.strip().lower())
    if not match:
        raise Malformed(
            f"cannot read {text[:40]!r} as an amount of memory: write MiB, or a number with k, m or g (512m)"
        )
    return _whole(Decimal(match[1]) * _MIB[match[2]], "memory", f"{MAX} MiB", "1 MiB" if exact else None)


def parse_vcpus(text: str, *, exact: bool = False) -> int:
    """Thousandths of a vCPU in `text`, rounded up; `exact`: no more than three decimals. Raises Malformed."""
    match = _CPU.fullmatch(text.strip().lower())
    if not match:
        raise Malformed(f"cannot read {text[:40]!r} as a number of CPUs: write 0.5, or 500m")
    units = Decimal(match[1]) * (1 if match[2] else 1000)
    return _whole(units, "CPU", f"{MAX // 1000} CPUs", "0.001 (1m)" if exact else None)


def written(resource: str, units: int) -> str:
    """A quantity as people write it: vcpus whole or with a point, memory in MiB."""
    if resource == VCPUS:
        return f"{(Decimal(units) / 1000).normalize():f}"
    if resource == MEMORY:
        return f"{units} MiB"
    return str(units)


_ONE = {"containers": "container", "vcpus": "vcpu", "gpus": "gpu", "volumes": "volume", "clusters": "cluster"}


def thing(resource: str, amount: str | None) -> str:
    """What is counted, behind an amount as it is written: 1 container, 2 containers."""
    return _ONE.get(resource, resource) if amount == "1" else resource


def _whole(value: Decimal, what: str, most: str, unit: str | None) -> int:
    """`unit`: what to say where it is no whole number of units; None: it is rounded up."""
    if value > MAX:
        raise Malformed(f"cannot take so much {what}: the most is {most}")
    units = int(value.to_integral_value(rounding="ROUND_CEILING"))
    if unit is not None and units != value:
        raise Malformed(f"cannot divide {what} so finely: the smallest unit is {unit}")
    return units
