"""Whose leases may be taken at once: those of processes that are known to have ended."""

import os
import subprocess
from pathlib import Path

import pytest

from jeroboam.conductor import owner

MINE = os.getpid()


def a_proc(folder: Path, pid: int = MINE, *, ticks: int = 4711, boot: str = "b-1", program: str = "python") -> Path:
    """A /proc with one process in it, whose clock says whatever it likes."""
    (folder / "sys/kernel/random").mkdir(parents=True)
    (folder / "sys/kernel/random/boot_id").write_text(f"{boot}\n")
    (folder / str(pid)).mkdir()
    (folder / str(pid) / "stat").write_text(f"{pid} ({program}) S " + "0 " * 18 + f"{ticks} 0 0\n")
    (folder / "stat").write_text("btime 1\n")
    return folder


@pytest.mark.parametrize(
    ("later", "dead"),
    [
        ({}, False),
        ({"program": ") a (b"}, False),
        ({"ticks": 4712}, True),
        ({"boot": "b-2"}, True),
        ({"pid": MINE + 1}, True),
    ],
    ids=["it runs", "under a strange name", "another has its number", "the machine has started anew", "it is gone"],
)
def test_dead_is_who_is_gone_whatever_the_clock_says(tmp_path: Path, later: dict[str, object], dead: bool) -> None:
    name = owner.new(a_proc(tmp_path / "before"))
    after = a_proc(tmp_path / "after", **later)  # type: ignore[arg-type]
    (after / "stat").write_text("btime 999\n")
    assert owner.is_dead(name, after) is dead


def test_of_other_machines_nothing_is_known(tmp_path: Path) -> None:
    name = owner.new(a_proc(tmp_path))
    assert not owner.is_dead(f"elsewhere:{name.partition(':')[2]}", tmp_path / "nothing here")


def test_real_processes() -> None:
    assert not owner.is_dead(owner.new())
    child = subprocess.Popen(["sleep", "60"])
    host, _, started, mark = owner.new().rsplit(":", 3)
    try:
        assert owner.is_dead(f"{host}:{child.pid}:{started}:{mark}"), "of the same number, and started later"
    finally:
        child.kill()
        child.wait()
    assert owner.is_dead(f"{host}:{child.pid}:{started}:{mark}")
