"""`make clean` goes to its end whatever it meets, and says what stays."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jeroboam.backends.busybox import import_busybox
from jeroboam.backends.docker import DockerBackend
from jeroboam.store.database import Database
from tests import engine as engines

SCRIPTS = Path(__file__).parent.parent / "scripts"
NOBODY = 65534


@pytest.fixture
def tree() -> Iterator[Path]:
    """A checkout after a demo, with commands that answer as the test wants (0: all is well)."""
    folder = Path(tempfile.mkdtemp(prefix="clean-"))
    folder.chmod(0o755)
    shutil.copytree(SCRIPTS, folder / "scripts")
    for place in ("src", "tests", "bench", ".demo/data", ".venv/bin", ".pytest_cache", "src/__pycache__"):
        (folder / place).mkdir(parents=True)
    (folder / ".demo/engine.url").write_text("unix:///nobody/listens.sock\n")
    for name in ("jeroboam", "python"):
        command(folder / ".venv/bin" / name, "exit 0")
    yield folder
    shutil.rmtree(folder)


def command(file: Path, script: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def left(tree: Path) -> set[str]:
    return {path.name for path in tree.iterdir()} | {p.name for p in (tree / "src").iterdir()}


@pytest.mark.parametrize(
    ("fails", "status", "says"),
    [
        ((), 0, "clean"),
        (("python",), 1, "stays there"),
        (("jeroboam",), 1, "not stopped"),
        (("jeroboam", "python"), 1, "but"),
    ],
)
def test_what_fails_stops_nothing_else(tree: Path, fails: tuple[str, ...], status: int, says: str) -> None:
    for name in fails:
        command(tree / ".venv/bin" / name, "exit 1")
    done = subprocess.run(["bash", tree / "scripts/clean.sh"], capture_output=True, text=True, check=False, timeout=60)
    assert left(tree) == {"src", "tests", "bench", "scripts"}, done.stderr
    assert (done.returncode, says in done.stderr) == (status, True), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="makes files of two users")
def test_what_is_roots_is_removed_as_root(tree: Path) -> None:
    """Tests that a user runs start an engine through sudo, and write as root into the user's tree."""
    asked = tree / "asked"
    command(tree / "bin/sudo", f'echo "$@" >>{asked}')
    for path in (tree, *tree.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    roots = tree / "src/__pycache__/roots"
    roots.mkdir()
    (roots / "file").touch()
    os.chown(roots, 0, 0)
    done = subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "bash", "scripts/clean.sh"],
        cwd=tree, env={**os.environ, "PATH": f"{tree / 'bin'}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert any(line.startswith("rm -rf ") and "src/__pycache__" in line for line in asked.read_text().splitlines())
    assert {".demo", ".venv", ".pytest_cache"}.isdisjoint(left(tree))


@pytest.mark.engine
@pytest.mark.parametrize("noted", [True, False])
def test_the_image_goes_if_the_demo_made_it(engine: engines.Engine, tmp_path: Path, noted: bool) -> None:
    data, image = tmp_path / "data", f"cleaned-{noted}:latest".lower()
    data.mkdir()
    database = Database(f"sqlite:///{data / 'jeroboam.sqlite'}")
    database.migrate()
    database.close()
    import_busybox(engine.url, image)
    backend = DockerBackend("test", engine.url, "test")
    if noted:
        (tmp_path / "image.id").write_text(f"{backend.image_id(image)}\n")
    subprocess.run([sys.executable, SCRIPTS / "clean.py", data, engine.url], check=True, timeout=60)
    assert (backend.image_id(image) is None) == noted
    backend.close()
