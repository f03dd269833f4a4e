"""What a container uses, with Zun's keys, from two samples of the engine's counters. Pure."""

from collections.abc import Mapping
from typing import Any

from jeroboam.backends.docker.reading import seconds

_MIB = 1 << 20


def usage(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, object]:
    """`before` and `after` are documents of GET /containers/{id}/stats?one-shot=true, some time apart."""
    used, limit = _memory(after.get("memory_stats") or {})
    read, written = _block_io(after)
    networks = (after.get("networks") or {}).values()
    return {
        "CONTAINER": name,
        "CPU %": _cpu_percent(before, after),
        "MEM USAGE(MiB)": used / _MIB,
        "MEM LIMIT(MiB)": limit / _MIB,
        "MEM %": 100 * used / limit if limit else 0.0,
        "BLOCK I/O(B)": f"{read}/{written}",
        "NET I/O(B)": f"{sum(n['rx_bytes'] for n in networks)}/{sum(n['tx_bytes'] for n in networks)}",
    }


def _cpu_percent(before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
    """Of one core. Against the clock of the samples: the machine's own counter moves in steps of 10 ms a core."""
    elapsed = (seconds(after["read"]) or 0.0) - (seconds(before["read"]) or 0.0)
    spent = _cpu_seconds(after) - _cpu_seconds(before)
    return max(0.0, 100 * spent / elapsed) if elapsed > 0 else 0.0


def _cpu_seconds(sample: Mapping[str, Any]) -> float:
    total: int = sample["cpu_stats"]["cpu_usage"]["total_usage"]
    return total / 1e9


def _memory(stats: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes in use and their limit; the page cache that can be dropped at will is not counted, as Docker's CLI does."""
    detail = stats.get("stats") or {}
    cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    return max(0, stats.get("usage", 0) - cache), stats.get("limit", 0)


def _block_io(sample: Mapping[str, Any]) -> tuple[int, int]:
    entries = (sample.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    totals = {"read": 0, "write": 0}
    for entry in entries:
        operation = entry["op"].lower()
        if operation in totals:
            totals[operation] += entry["value"]
    return totals["read"], totals["write"]
