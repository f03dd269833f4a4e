"""clouds.yaml: every OpenStack client works at once with OS_CLIENT_CONFIG_FILE pointing to it.

What its owner adds or changes stays; only the addresses of our own clouds follow the settings.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from jeroboam.files import write_private
from jeroboam.settings import Settings

HEADER = "# Written by `jeroboam up`. It holds passwords: keep it to yourself.\n"
# cloud -> (user, scope)
CLOUDS: dict[str, tuple[str, dict[str, str]]] = {
    "jeroboam-admin": ("admin", {"project_name": "admin", "project_domain_name": "Default"}),
    "jeroboam-system": ("admin", {"system_scope": "all"}),
    "org": ("org-manager", {"project_name": "org", "project_domain_name": "Default"}),
    "team1": ("team1", {"project_name": "team1", "project_domain_name": "Default"}),
    "team2": ("team2", {"project_name": "team2", "project_domain_name": "Default"}),
}


def write_clouds(file: Path, settings: Settings, passwords: Mapping[str, str]) -> None:
    """Brings our clouds in `file` up to date; writes only if something changes. Raises ValueError (no clouds.yaml)."""
    before = _read(file)
    clouds = dict(before.get("clouds") or {})
    cacert = trusted(settings)
    for name, (user, scope) in CLOUDS.items():
        cloud = dict(clouds.get(name) or _cloud(user, scope, passwords[user]))
        cloud["auth"] = {**(cloud.get("auth") or {}), "auth_url": settings.identity_url}
        cloud["region_name"] = settings.identity.region
        cloud.pop("cacert", None)
        if cacert is not None:
            cloud["cacert"] = str(cacert)
        clouds[name] = cloud
    after = {**before, "clouds": clouds}
    if after != before:
        write_private(file, HEADER + yaml.safe_dump(after, sort_keys=False))


def trusted(settings: Settings) -> Path | None:
    """What a client must be told to trust: the authority named in the settings, or a self-signed certificate."""
    if settings.api.tls_ca or settings.api.tls_cert is None:
        return settings.api.tls_ca
    from cryptography import x509  # only where there is TLS: Keystone waits while it is loaded

    certificate = x509.load_pem_x509_certificate(settings.api.tls_cert.read_bytes())
    return settings.api.tls_cert.absolute() if certificate.issuer == certificate.subject else None


def _read(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text()) or {}
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        raise ValueError(f"cannot read {file}: it is no YAML ({error}); mend it, or move it away") from error
    if not isinstance(found, dict) or not isinstance(found.get("clouds") or {}, dict):
        raise ValueError(f"cannot read {file}: it is no clouds.yaml; mend it, or move it away")
    return found


def _cloud(user: str, scope: Mapping[str, str], password: str) -> dict[str, Any]:
    auth = {"username": user, "user_domain_name": "Default", "password": password, **scope}
    return {"auth": auth, "identity_api_version": "3", "interface": "public"}
