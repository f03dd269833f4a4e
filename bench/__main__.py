"""`python -m bench`: measures the figures, prints them as a table beside their targets, writes them to bench.json."""

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.engine import NoEngine

from bench.figures import creating, engine, idle, ledger, reclaiming, requests, starting
from bench.result import Result
from bench.workbench import Workbench, workbench

ALONE: dict[str, Callable[[bool], list[Result]]] = {
    "engine": engine.engine,
    "sqlite": ledger.on_sqlite,
    "postgres": ledger.on_postgres,
}
"""What needs no Docker Engine: told whether a look is enough."""

# The one that leaves most behind comes last: an engine of our own ends with all that it has.
FIGURES: dict[str, Callable[[Workbench], list[Result]]] = {
    "starting": starting.starting,
    "creating": creating.one_at_a_time,
    "throughput": creating.many_at_once,
    "requests": requests.requests,
    "reclaiming": reclaiming.reclaiming,
    "idle": idle.idle,
}
console = Console(highlight=False)
began = time.perf_counter()


def say(text: str) -> None:
    console.print(f"[dim]{time.perf_counter() - began:6.1f} s[/dim]  {text}")


def main() -> int:
    """0: every target is met. 1: one is missed. 2: nothing could be measured."""
    options = _options()
    names = options.only or [*ALONE, *FIGURES]
    found: list[Result] = []
    for name in [name for name in names if name in ALONE]:
        found += _measure(name, partial(ALONE[name], options.quick))
    try:
        if on_engine := [name for name in names if name in FIGURES]:
            with workbench(options.quick, say) as bench:
                for name in on_engine:
                    found += _measure(name, partial(FIGURES[name], bench))
    except NoEngine as error:
        console.print(f"cannot measure: {error}", markup=False)
        return 2
    _write(options.output, found)
    console.print(_table(found))
    say(f"done; written to {options.output}")
    return 0 if all(result.met for result in found) else 1


def _measure(name: str, figure: Callable[[], list[Result]]) -> list[Result]:
    """One that cannot be measured counts as missed, and the others are measured all the same."""
    say(f"{name} ...")
    try:
        found = figure()
    except Exception as error:
        console.print_exception(show_locals=False, max_frames=4)
        return [Result(name, math.inf, 0.0, detail={"error": str(error)[:500]})]
    for result in found:
        say(f"  {result.figure}: {result.measured:.2f} {result.unit}")
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=[*ALONE, *FIGURES], metavar="NAME", help=", ".join([*ALONE, *FIGURES])
    )
    parser.add_argument("--quick", action="store_true", help="fewer samples: a look, not a verdict")
    parser.add_argument("--output", type=Path, default=Path("bench.json"), help="[default: %(default)s]")
    return parser.parse_args()


def _write(file: Path, found: Sequence[Result]) -> None:
    figures = [
        {
            "figure": result.figure,
            "measured": round(result.measured, 3) if math.isfinite(result.measured) else None,
            "target": result.target,
            "at_least": result.at_least,
            "unit": result.unit,
            "met": result.met,
            "detail": result.detail,
        }
        for result in found
    ]
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "kernel": platform.release()}
    seconds = round(time.perf_counter() - began, 1)
    file.write_text(json.dumps({"machine": machine, "seconds": seconds, "figures": figures}, indent=1) + "\n")


def _table(found: Sequence[Result]) -> Table:
    table = Table("figure", "measured", "target", "met")
    for result in found:
        bound = "≥" if result.at_least else "≤"
        table.add_row(
            result.figure,
            f"{result.measured:.2f} {result.unit}" if math.isfinite(result.measured) else "not measured",
            f"{bound} {result.target:g} {result.unit}" if math.isfinite(result.measured) else "",
            "[green]yes[/green]" if result.met else "[red]NO[/red]",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
