"""Logs hold what happened and no secret."""

import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from jeroboam import logging as jeroboam_logging

TOKEN = "gAAAAABnQ1x-" + "x" * 120


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    before, level, ours = root.handlers[:], root.level, structlog.get_config()
    jeroboam_logging.configure("info", tmp_path / "log" / "jeroboam.log")
    yield tmp_path / "log" / "jeroboam.log"
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**ours)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_is_json_with_time_level_and_what_is_bound(file: Path) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req-1"):
        structlog.get_logger("test").warning("thing_happened", count=3)
    (line,) = lines(file)
    assert line.items() >= {"event": "thing_happened", "level": "warning", "count": 3, "request_id": "req-1"}.items()
    assert line["timestamp"].endswith("Z")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "said",
    [
        {"password": "hunter2"},
        {"X-Auth-Token": "hunter2"},
        {"headers": {"Authorization": "Basic hunter2", "nested": [{"registry_password": "hunter2"}]}},
        {"url": "https://user:hunter2@registry.example/v2"},
        {"text": "login failed: password=hunter2 for user"},
        {"cookie": ["hunter2"]},
        {"raw": b"token: hunter2"},
        {"text": f"refused {TOKEN}"},
    ],
)
def test_secrets_are_taken_out(file: Path, said: dict[str, Any]) -> None:
    structlog.get_logger("test").info("event", **said)
    logging.getLogger("library").warning("says %s", TOKEN)
    text = file.read_text()
    assert "hunter2" not in text
    assert TOKEN not in text
    assert "***" in text


def test_secrets_in_tracebacks_are_taken_out(file: Path) -> None:
    try:
        raise ValueError(f"bad token {TOKEN}")
    except ValueError:
        structlog.get_logger("test").exception("failed")
    (line,) = lines(file)
    assert "ValueError" in line["exception"]
    assert TOKEN not in file.read_text()


def test_libraries_and_levels(file: Path) -> None:
    logging.getLogger("some.library").info("hello %s", "there")
    logging.getLogger("urllib3.connectionpool").info("chatter")
    structlog.get_logger("test").debug("too fine")
    assert [(line["event"], line["logger"]) for line in lines(file)] == [("hello there", "some.library")]


def test_the_file_is_bounded(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jeroboam_logging, "MAX_BYTES", 4096)
    jeroboam_logging.configure("info", file)
    for number in range(400):
        structlog.get_logger("test").info("line", number=number, padding="x" * 80)
    files = sorted(file.parent.iterdir())
    assert len(files) == jeroboam_logging.FILES
    assert all(each.stat().st_size <= 4096 for each in files)
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("")
    (tmp_path / "log").symlink_to(target)
    with pytest.raises(OSError, match=os.strerror(40)):
        jeroboam_logging.PrivateFile(tmp_path / "log")
