"""Addresses that follow from the settings, and where settings come from."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jeroboam.settings import load

TLS = {"tls_cert": "/c.pem", "tls_key": "/k.pem"}


@pytest.fixture(autouse=True)
def nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JEROBOAM_DATA", "JEROBOAM_API__PORT", "JEROBOAM_ENGINE__URL", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("api", "identity", "public", "internal"),
    [
        ({}, "http://127.0.0.1:9516/v3", "http://127.0.0.1:9517", "http://127.0.0.1:9516/v3"),
        ({"host": "::1"}, "http://[::1]:9516/v3", "http://[::1]:9517", "http://[::1]:9516/v3"),
        (
            {"host": "0.0.0.0", "public_url": "https://cloud.example:443", **TLS},
            "https://cloud.example:9516/v3",
            "https://cloud.example:443",
            "https://127.0.0.1:9516/v3",
        ),
        (
            {"host": "192.0.2.7", **TLS},
            "https://192.0.2.7:9516/v3",
            "https://192.0.2.7:9517",
            "https://192.0.2.7:9516/v3",
        ),
    ],
)
def test_addresses(tmp_path: Path, api: dict[str, Any], identity: str, public: str, internal: str) -> None:
    settings = load(tmp_path, api=api)
    assert (settings.identity_url, settings.public_url, settings.identity_internal_url) == (identity, public, internal)


@pytest.mark.parametrize("given", ["https://ks.example", "https://ks.example/", "https://ks.example/v3/"])
def test_an_operators_keystone_with_and_without_its_version(tmp_path: Path, given: str) -> None:
    settings = load(tmp_path, identity={"auth_url": given})
    assert settings.identity_url == settings.identity_internal_url == "https://ks.example/v3"


@pytest.mark.parametrize("api", [{"host": "0.0.0.0"}, {"host": "192.0.2.7"}, {"tls_key": "/k.pem"}])
def test_what_is_refused(tmp_path: Path, api: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"TLS|go together"):
        load(tmp_path, api=api)


def test_command_line_before_environment_before_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jeroboam.toml").write_text('[api]\nport = 1\nmax_body = 7\n[engine]\nurl = "tcp://file:1"\n')
    assert load(tmp_path).api.port == 1
    monkeypatch.setenv("JEROBOAM_API__PORT", "2")
    assert load(tmp_path).api.port == 2
    settings = load(tmp_path, api={"port": 3})
    assert (settings.api.port, settings.api.max_body, settings.engine.url) == (3, 7, "tcp://file:1")


def test_rules_in_the_data_folder_are_found(tmp_path: Path) -> None:
    assert load(tmp_path).policy is None
    (tmp_path / "policy.yaml").write_text("{}")
    assert load(tmp_path).policy == tmp_path / "policy.yaml"
    assert load(tmp_path, policy_file=Path("/elsewhere")).policy == Path("/elsewhere")


@pytest.mark.parametrize("engine", [{"tls_cert": "/c.pem"}, {"tls_cert": "/c.pem", "tls_key": "/k.pem"}])
def test_the_engines_certificates_go_together(tmp_path: Path, engine: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"go together, and with engine\.tls_ca"):
        load(tmp_path, engine=engine)
