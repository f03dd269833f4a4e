"""Pulling from a real registry that asks for a password."""

import base64
import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jeroboam.backends.base import Backend
from jeroboam.backends.data import PullProgress
from jeroboam.backends.docker import Deadlines, DockerBackend
from jeroboam.backends.errors import ImageDenied, ImageMissing, Permanent, Temporary
from tests.backends.houses import EngineHouse
from tests.backends.registries import PASSWORD, USER, Registry, private_registry
from tests.engine import Engine

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def registry(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    port = engine.free_port()
    with private_registry(engine, tmp_path_factory.mktemp("registry"), port) as running:
        yield running


@pytest.fixture
def private_image(registry: Registry, image: str, engine_house: EngineHouse) -> Iterator[str]:
    """In the registry, and not on the engine."""
    reference = registry.push(image, "team/app")
    yield reference
    if engine_house.backend.image_id(reference) is not None:
        registry.forget(reference)


@pytest.fixture
def backend(docker_backend: DockerBackend) -> Backend:
    return docker_backend


def test_the_right_password_pulls_with_progress(backend: Backend, registry: Registry, private_image: str) -> None:
    told: list[PullProgress] = []
    assert backend.image_id(private_image) is None
    pulled = backend.pull(private_image, registry.credentials(), told.append)
    assert pulled == backend.image_id(private_image)
    assert any("Pulling" in line.status for line in told)
    assert backend.pull(private_image, registry.credentials()) == pulled


def test_a_wrong_password_is_denied_and_never_told(
    backend: Backend, registry: Registry, private_image: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = uuid.uuid4().hex
    with pytest.raises(ImageDenied) as caught:
        backend.pull(private_image, registry.credentials(wrong))
    assert wrong not in f"{caught.value} {caught.getrepr()} {registry.credentials(wrong)!r} {caplog.text}"
    assert PASSWORD not in caplog.text
    assert backend.image_id(private_image) is None


def test_no_password_is_denied(backend: Backend, private_image: str) -> None:
    with pytest.raises(ImageDenied, match="give credentials"):
        backend.pull(private_image, None)


def test_a_password_goes_to_its_own_registry_only(backend: Backend, registry: Registry, private_image: str) -> None:
    elsewhere = replace(registry.credentials(), registry="registry.example.org")
    with pytest.raises(ImageDenied, match=r"for registry\.example\.org"):
        backend.pull(private_image, elsewhere)


def test_an_image_that_the_registry_lacks_is_missing(backend: Backend, registry: Registry) -> None:
    with pytest.raises(ImageMissing, match="no-such-app"):
        backend.pull(f"{registry.address}/no-such-app:1", registry.credentials())


@pytest.mark.parametrize("reference", ["UPPER/case", "a b", "x" * 300, "-bad/name", "http://a/b"])
def test_a_name_that_is_none_is_permanent(backend: Backend, reference: str) -> None:
    with pytest.raises(Permanent):
        backend.pull(reference, None)
    assert backend.image_id(reference) is None


def test_a_registry_that_is_not_there_is_temporary(backend: Backend) -> None:
    with pytest.raises(Temporary, match="connection refused"):
        backend.pull("127.0.0.1:1/app:1", None)


def test_the_passwords_of_whoever_runs_us_are_not_used(
    engine: Engine, registry: Registry, private_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.address: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    backend = DockerBackend("configured", engine.url, "x", deadlines=Deadlines())
    with pytest.raises(ImageDenied):
        backend.pull(private_image, None)
    backend.close()
