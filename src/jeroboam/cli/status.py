"""`jeroboam status` and `jeroboam version`."""

import json
import platform
import ssl
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jeroboam.cli import process
from jeroboam.cli.tables import show
from jeroboam.identity.embedded.supervisor import answers

SECONDS = 5.0
UNKNOWN = "not known"


def status(data: Path, form: str) -> bool:
    """Prints what runs on `data`; True if it runs and its parts answer."""
    running = process.find_running(data)
    if running is None:
        show([{"part": "jeroboam", "state": f"not running on {data}"}], form)
        return False
    api, keystone = api_answers(running.url), answers(running.identity_url, SECONDS)
    ready = readiness(running.url)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(running.since))
    rows: list[dict[str, Any]] = [
        {"part": "jeroboam", "state": "running" if running.ready else "starting", "where": f"pid {running.pid}"},
        {"part": "since", "state": since, "where": running.log or "in the foreground"},
        {"part": "api", "state": "answers" if api else "does not answer", "where": running.url},
        {"part": "keystone", "state": "answers" if keystone else "does not answer", "where": running.identity_url},
        {"part": "database", "state": ready.get("database", UNKNOWN), "where": running.database},
        {"part": "engine", "state": ready.get("engine", UNKNOWN), "where": running.engine},
    ]
    show(rows, form)
    return running.ready and api and keystone


def versions(form: str) -> None:
    rows = [
        {"part": "jeroboam", "version": version("jeroboam")},
        {"part": "python", "version": platform.python_version()},
    ]
    rows += [{"part": name, "version": version(name)} for name in ("keystone", "docker", "python-zunclient")]
    show(rows, form)


def api_answers(url: str) -> bool:
    """Whether /healthz of the API at `url` says that all is well."""
    return (_asked(f"{url}/healthz") or {}).get("status") == "ok"


def readiness(url: str) -> dict[str, str]:
    """{"database": ..., "engine": ...}: whether they answer the API at `url`; empty where it does not say so."""
    said = _asked(f"{url}/readyz") or {}
    return {part: "answers" if said[part] == "ok" else said[part] for part in ("database", "engine") if part in said}


def _asked(url: str) -> dict[str, str] | None:
    """What stands there; None where nothing does. Nothing is told to it: any certificate will do."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _Unready
    )
    try:
        with opener.open(url, timeout=SECONDS) as answer:
            found = json.load(answer)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


class _Unready(urllib.request.HTTPDefaultErrorHandler):
    """503 is an answer too: it says what is missing."""

    def http_error_503(self, request: Any, answer: Any, *rest: Any) -> Any:
        return answer
