"""What the documentation lists is what there is."""

import re
import tomllib
from pathlib import Path

from pydantic import BaseModel

from jeroboam.settings import Settings

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def names(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= names(field.annotation, f"{prefix}{name}.")
        else:
            found.add(prefix + name)
    return found


def test_the_table_of_settings_is_whole() -> None:
    table = OPERATIONS.partition("## Settings")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([a-z_.]+)`", row)} == names(Settings) - {"data"}


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = project["dependencies"] + project["optional-dependencies"]["dev"]
    wanted = {re.split(r"[><=\[]", requirement)[0] for requirement in listed}
    rows = [line.split("|")[1] for line in (ROOT / "docs" / "dependencies.md").read_text().splitlines() if "|" in line]
    told = {name.strip() for row in rows for name in row.split(",")}
    assert wanted - told == set()
    assert told - wanted - {"", "package", "---"} == set()


def test_lock_files_hold_every_dependency_and_name_no_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for file, listed in (
        ("requirements.lock", project["dependencies"]),
        ("requirements-dev.lock", project["dependencies"] + project["optional-dependencies"]["dev"]),
    ):
        text = (ROOT / file).read_text()
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        locked = {line.partition("==")[0] for line in lines if "==" in line}
        wanted = {re.sub(r"[-_.]+", "-", re.split(r"[><=\[]", each)[0]).lower() for each in listed}
        assert wanted - locked == set()
        assert [line for line in lines if re.search(r"^-|https?:|file:", line)] == []
        assert all("==" in line or line.startswith("    --hash=sha256:") for line in lines if line)


def test_every_quota_command_that_is_named_exists() -> None:
    plugins = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    commands = {name.replace("_", " ") for group in plugins.values() for name in group if name.startswith("quota_")}
    texts = [file.read_text() for file in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    named = [
        found for text in texts for found in re.findall(r"openstack --os-cloud \S+ (quota [a-z]+(?: [a-z]+)?)", text)
    ]
    assert len(named) > 10
    assert {words for words in named if words not in commands and words.rpartition(" ")[0] not in commands} == set()


def test_make_help_lists_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    assert set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE)) == phony
