"""`jeroboam status` and `jeroboam version`."""

import json
import platform
import ssl
import time
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jeroboam.cli import process
from jeroboam.cli.tables import show
from jeroboam.identity.embedded.supervisor import answers


def status(data: Path, form: str) -> bool:
    """Prints what runs on `data`; True if it runs and its parts answer."""
    running = process.find_running(data)
    if running is None:
        show([{"part": "jeroboam", "state": f"not running on {data}"}], form)
        return False
    api, keystone = api_answers(running.url), answers(running.identity_url, 5.0)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(running.since))
    rows: list[dict[str, Any]] = [
        {"part": "jeroboam", "state": "running" if running.ready else "starting", "where": f"pid {running.pid}"},
        {"part": "since", "state": since, "where": running.log or "in the foreground"},
        {"part": "api", "state": "answers" if api else "does not answer", "where": running.url},
        {"part": "keystone", "state": "answers" if keystone else "does not answer", "where": running.identity_url},
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
    """Whether /healthz of the API at `url` says that all is well. Nothing is told to it: any certificate will do."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(f"{url}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError, json.JSONDecodeError):
        return False
