"""A tenant of the benchmark: raw HTTP on a connection that is kept, and the event stream to hear what became of it."""

import json
import threading
import time
from http.client import HTTPConnection
from typing import Any

import requests
import yaml

from bench.house import House
from jeroboam.identity.embedded.layout import Layout

WAIT_SECONDS = 120.0
IDLE_SECONDS = 2.0
"""After which a connection is not trusted to be still open."""


class Refused(RuntimeError):
    """An answer that no figure counts on."""


def enter(house: House, cloud: str) -> "Tenant":
    """As a cloud of the house's clouds.yaml, with a new token."""
    auth = yaml.safe_load(Layout(house.data).clouds.read_text())["clouds"][cloud]["auth"]
    user = {"name": auth["username"], "domain": {"name": "Default"}, "password": auth["password"]}
    if "system_scope" in auth:
        scope: dict[str, Any] = {"system": {"all": True}}
    else:
        scope = {"project": {"name": auth["project_name"], "domain": {"name": auth["project_domain_name"]}}}
    identity = {"methods": ["password"], "password": {"user": user}}
    answer = requests.post(
        f"{house.settings.identity_url}/auth/tokens", json={"auth": {"identity": identity, "scope": scope}}, timeout=30
    )
    answer.raise_for_status()
    project = answer.json()["token"].get("project", {}).get("id", "")
    return Tenant(house.settings.api.port, answer.headers["X-Subject-Token"], project)


class Tenant:
    """One user on one connection: for one thread."""

    def __init__(self, port: int, token: str, project: str) -> None:
        self.project = project
        self._port, self._token = port, token
        self._headers = {
            "X-Auth-Token": token,
            "Content-Type": "application/json",
            "OpenStack-API-Version": "container 1.40",
        }
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._used = 0.0

    def beside(self) -> "Tenant":
        """The same user on another connection."""
        return Tenant(self._port, self._token, self.project)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer's document, None where there is none. Raises Refused for 400 and above."""
        if time.perf_counter() - self._used > IDLE_SECONDS:
            self._connection.close()  # the server would, at any moment; the next request opens it again
        sent = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, sent, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = time.perf_counter()
        if answer.status >= 400:
            raise Refused(f"{method} {path} was answered {answer.status}: {content[:500].decode(errors='replace')}")
        return json.loads(content) if content else None

    def run(self, document: dict[str, Any]) -> str:
        """Asks for a container that runs; its id."""
        return str(self.call("POST", "/container/v1/containers?run=true", document)["uuid"])

    def delete(self, ident: str) -> None:
        self.call("DELETE", f"/container/v1/containers/{ident}?force=true")

    def follow(self) -> "Follower":
        return Follower(self._port, self._token)

    def close(self) -> None:
        self._connection.close()


class Follower:
    """Follows a project's events in a thread of its own: nobody polls, so that waiting costs the server nothing."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
        self._connection.request("GET", "/events/v1", headers={"X-Auth-Token": token})
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise Refused(f"GET /events/v1 was answered {answer.status}")
        answer.readline()
        self._answer = answer
        self._changed = threading.Condition()
        self._seen: dict[tuple[str, str], float] = {}
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while line := self._answer.readline():
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                now = time.perf_counter()
                what = event["data"].get("phase") or event["type"]
                with self._changed:
                    self._seen.setdefault((event["object_id"], what), now)
                    self._changed.notify_all()

    def when(self, ident: str, what: str) -> float:
        """When (by time.perf_counter) the container was first told to be in that phase, or `deleted`. Waits for it."""
        with self._changed:
            if not self._changed.wait_for(lambda: (ident, what) in self._seen, WAIT_SECONDS):
                told = [phase for object_id, phase in self._seen if object_id == ident]
                raise Refused(f"container {ident} did not become {what}; it was {told}")
            return self._seen[ident, what]

    def forget(self, ident: str, what: str) -> None:
        """Waits for the next time that it is told."""
        with self._changed:
            self._seen.pop((ident, what), None)

    def close(self) -> None:
        # The reader is in the middle of a read: only the socket's end makes it return.
        if self._connection.sock is not None:
            self._connection.sock.shutdown(2)
        self._thread.join(5)
        self._connection.close()
