"""What `make demo` takes for its own, and what it leaves to those who did it by hand. No engine."""

import importlib.util
import stat
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from jeroboam.settings import FILE, load

SCRIPT = Path(__file__).parent.parent / "scripts" / "demo.py"


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_later_command_finds_its_engine(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JEROBOAM_ENGINE__URL", raising=False)
    file = tmp_path / "data" / FILE
    for url in ("unix:///run/one.sock", "unix:///run/two.sock"):  # the engine of a later run may be another
        demo.write_settings(file, url)
        assert load(file.parent).engine.url == url
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    file.write_text('[engine]\nurl = "unix:///mine"\n')
    demo.write_settings(file, "unix:///run/one.sock")
    assert load(file.parent).engine.url == "unix:///mine"


def test_its_tables_end_where_their_text_does(demo: ModuleType) -> None:
    figures = {figure: {"containers": 12} for figure in demo.FIGURES}
    tree = {"name": "org", **figures, "children": [{"name": "team1", **figures}]}
    answer = SimpleNamespace(json=lambda: tree)
    with demo.console.capture() as said:
        demo.show_tree(SimpleNamespace(quota=SimpleNamespace(get=lambda path: answer)))
    lines = said.get().splitlines()
    assert lines == [line.rstrip() for line in lines]
    assert lines[1] == "containers"
    assert [line.split()[:2] for line in lines[3:5]] == [["org", "12"], ["team1", "12"]]


def a_tree(**limits: dict[str, int]) -> dict[str, Any]:
    org, *teams = ({"name": name, "hard_limit": hard} for name, hard in limits.items())
    return {**org, "children": teams}


EXAMPLE = {
    "org": {"containers": 16, "vcpus": -1, "memory": -1},
    "team1": {"containers": 8, "vcpus": -1, "memory": -1},
    "team2": {"containers": 8, "vcpus": -1, "memory": -1},
}


@pytest.mark.parametrize(
    ("by_hand", "found"),
    [
        ({}, []),
        ({"org": {}, "team1": {}, "team2": {"containers": 0}}, []),
        ({"team1": {"containers": 31}}, ["31 containers at team1"]),
        ({"team2": {"containers": 8, "memory": 512}}, ["512 memory at team2"]),
        ({"org": {"containers": 40}, "team3": {"containers": 2}}, ["40 containers at org", "2 containers at team3"]),
    ],
)
def test_limits_that_are_not_its_own_are_seen(
    demo: ModuleType, by_hand: dict[str, dict[str, int]], found: list[str]
) -> None:
    said = demo.changed_by_hand(a_tree(**{**EXAMPLE, **by_hand}))
    assert len(said) == len(found)
    assert all(part in sentence for part, sentence in zip(found, said, strict=True))


def test_a_container_is_its_own_by_the_label(demo: ModuleType) -> None:
    assert demo.of_demo(SimpleNamespace(labels={**demo.LABEL, "more": "x"}))
    assert not demo.of_demo(SimpleNamespace(labels={}))
    assert not demo.of_demo(SimpleNamespace(labels=None))
