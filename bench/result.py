"""What a measurement comes to: a number beside its target, and the samples that it stands on."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """`measured` in `unit` (`x`: a ratio). `at_least`: the target is a floor, otherwise a ceiling."""

    figure: str
    measured: float
    target: float
    unit: str = "x"
    at_least: bool = False
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        return self.measured >= self.target if self.at_least else self.measured <= self.target


def spread(samples: Sequence[float]) -> dict[str, float | int]:
    """How many there are, their median and the range around it; in the unit of the samples."""
    ordered = sorted(samples)

    def at(part: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 4)

    return {
        "count": len(ordered),
        "median": round(statistics.median(ordered), 4),
        "p10": at(0.1),
        "p90": at(0.9),
        "max": round(ordered[-1], 4),
    }
