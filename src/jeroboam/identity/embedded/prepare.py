"""Makes a Keystone's files: configuration, database, keys, first users, catalogue, clouds.yaml.

Done once, and again in part when addresses or Keystone's version change. A crash at any point is mended by the next
call: passwords are written before they are used, the marker after everything else.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from configparser import RawConfigParser
from importlib.metadata import version
from io import StringIO
from typing import Any

from jeroboam.files import private_folder, write_private
from jeroboam.identity.embedded.clouds import write_clouds
from jeroboam.identity.embedded.layout import Layout
from jeroboam.settings import Settings

USERS = ("admin", "jeroboam", "org-manager", "team1", "team2")
DEADLINE = 180.0
"""Seconds for filling the database; it takes about 5."""
CHILD = "jeroboam.identity.embedded.child"


class NotPrepared(Exception):
    """Keystone's files could not be made; the message says why."""


def prepare(settings: Settings, progress: Callable[[str], None]) -> None:
    """Whatever is missing is made. `progress` is told what takes time. Raises NotPrepared."""
    layout = Layout(settings.data)
    private_folder(layout.data)
    private_folder(layout.folder)
    wanted = _wanted(settings)
    done = _done(layout)
    write_config(layout)
    passwords = _passwords(layout)
    if done != wanted or not layout.database.exists():
        first = not layout.database.exists()
        progress("making Keystone's database, keys and users" if first else "bringing Keystone up to date")
        layout.unfinished.unlink(missing_ok=True)
        _bootstrap(layout, first, passwords, wanted)
        if first:
            layout.unfinished.rename(layout.database)
    if not layout.service_password.exists():
        write_private(layout.service_password, passwords["jeroboam"] + "\n")
    try:
        write_clouds(layout.clouds, settings, passwords)
    except ValueError as error:
        raise NotPrepared(str(error)) from error
    if done != wanted:
        write_private(layout.prepared, json.dumps(wanted, indent=1) + "\n")


def write_config(layout: Layout) -> None:
    """keystone.conf: only what differs from Keystone's defaults. Written at each start, since folders may move."""
    parser = RawConfigParser()
    parser.read_dict(
        {
            # Told at every start, and neither is ours to act on.
            "DEFAULT": {"default_log_levels": "keystone.common.rbac_enforcer=ERROR,dogpile=WARNING"},
            # More than bcrypt takes would be cut off.
            "identity": {"max_password_length": "72"},
            "database": {"connection": f"sqlite:///{layout.database}"},
            "fernet_tokens": {"key_repository": f"{layout.folder / 'fernet-keys'}"},
            "fernet_receipts": {"key_repository": f"{layout.folder / 'receipt-keys'}"},
            "credential": {"key_repository": f"{layout.folder / 'credential-keys'}"},
            # Role admin in this project means the system's admin, and in no other.
            "resource": {"admin_project_domain_name": "Default", "admin_project_name": "admin"},
            "oslo_policy": {"enforce_scope": "true", "enforce_new_defaults": "true"},
        }
    )
    text = StringIO()
    parser.write(text)
    if not layout.config.exists() or layout.config.read_text() != text.getvalue():
        write_private(layout.config, text.getvalue())


def _wanted(settings: Settings) -> dict[str, Any]:
    public = settings.public_url.rstrip("/")
    return {
        "keystone": version("keystone"),
        "region": settings.identity.region,
        "endpoints": {
            "identity": settings.identity_url,
            "container": f"{public}/container/v1",
            "quota": f"{public}/quota/v1",
        },
    }


def _done(layout: Layout) -> dict[str, Any] | None:
    try:
        found = json.loads(layout.prepared.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _passwords(layout: Layout) -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads(layout.passwords.read_text())
    except FileNotFoundError:
        known = {user: secrets.token_urlsafe(32) for user in USERS}
        write_private(layout.passwords, json.dumps(known) + "\n")
    except ValueError as error:
        raise NotPrepared(f"cannot read {layout.passwords}: it is no JSON; restore it from a backup") from error
    return known


def child_environment() -> dict[str, str]:
    """Ours without what would lead Keystone astray."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}


def _bootstrap(layout: Layout, first: bool, passwords: dict[str, str], wanted: dict[str, Any]) -> None:
    order = {
        "config": str(layout.config),
        "database": str(layout.unfinished if first else layout.database),
        "first": first,
        "passwords": passwords if first else {},
        "region": wanted["region"],
        "endpoints": wanted["endpoints"],
    }
    try:
        ended = subprocess.run(
            [sys.executable, "-m", f"{CHILD}.bootstrap"],
            input=json.dumps(order),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=child_environment(),
            timeout=DEADLINE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotPrepared(f"cannot prepare Keystone: not done within {DEADLINE:g} s; is the disk slow?") from error
    if ended.returncode != 0:
        last = "\n".join(ended.stdout.strip().splitlines()[-12:])
        raise NotPrepared(f"cannot prepare Keystone: its bootstrap ended with {ended.returncode}:\n{last}")
