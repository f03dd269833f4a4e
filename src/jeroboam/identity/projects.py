"""Where a project stands in Keystone's tree: its parents up to its domain. Each place is remembered for a minute."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from jeroboam.identity.keystone import Keystone
from jeroboam.model.errors import Conflict, NotFound, Problem, Unavailable

MAX_DEPTH = 64
"""Far above what Keystone allows: it only ends a loop that cannot be."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    id: str
    name: str
    kind: Literal["project", "domain"]
    enabled: bool
    parent_id: str | None = None
    """None for a domain: above it is the cloud."""


class Projects:
    """Thread-safe. Failures are not remembered."""

    def __init__(
        self,
        keystone: Keystone,
        *,
        cache_seconds: float = 60.0,
        capacity: int = 4096,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keystone = keystone
        self._cache_seconds = cache_seconds
        self._capacity = capacity
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[Place, float]] = OrderedDict()
        self._renewing: set[str] = set()

    def path(self, project_id: str) -> tuple[Place, ...]:
        """The project, its parents, its domain, in this order. Raises NotFound, Unavailable."""
        places = [self.place(project_id)]
        while (parent := places[-1].parent_id) is not None:
            if len(places) >= MAX_DEPTH:
                raise Unavailable(f"cannot find the domain of project {project_id}: Keystone's tree has no end")
            places.append(self.place(parent))
        return tuple(places)

    def place(self, place_id: str) -> Place:
        """One project or domain. Raises NotFound, Unavailable."""
        with self._lock:
            found = self._known.get(place_id)
        if found is not None and (left := found[1] - self._monotonic()) > 0:
            if left < self._cache_seconds / 2:
                self._renew(place_id)
            return found[0]
        if not _ID.fullmatch(place_id):
            raise NotFound(f"cannot find project {place_id[:64]!r}: that is no id of a project")
        since = self._monotonic()
        try:
            # A domain is a project in Keystone, with the same id: one request serves both.
            place = _place(self._keystone.get(_path(place_id)).get("project"))
        except NotFound:
            raise NotFound(f"cannot find project {place_id}: Keystone knows no such project") from None
        self._remember(place, since + self._cache_seconds)
        return place

    def _renew(self, place_id: str) -> None:
        """Asks again while the last answer still holds, so that a user at work never waits for a busy Keystone."""
        with self._lock:
            if place_id in self._renewing:
                return
            self._renewing.add(place_id)
        since = self._monotonic()
        asked = self._keystone.submit(_path(place_id))
        asked.add_done_callback(lambda answer: self._renewed(place_id, answer, since))

    def _renewed(self, place_id: str, answer: Future[dict[str, Any]], since: float) -> None:
        try:
            self._remember(_place(answer.result().get("project")), since + self._cache_seconds)
        except NotFound:
            with self._lock:
                self._known.pop(place_id, None)
        except (Problem, CancelledError):
            pass  # the last answer holds until its time has come; whoever asks then is told
        finally:
            with self._lock:
                self._renewing.discard(place_id)

    def find(self, name_or_id: str) -> Place:
        """The project or domain of that id, or else of that name. Raises NotFound, Conflict (several), Unavailable."""
        try:
            return self.place(name_or_id)
        except NotFound:
            pass
        named: list[Place] = []
        for key in ("projects", "domains"):
            listed = self._keystone.get(f"/{key}?name={quote(name_or_id, safe='')}").get(key) or []
            named += [_place({"is_domain": key == "domains", **item}) for item in listed]
        if not named:
            raise NotFound(f"cannot find project {name_or_id!r}: no project or domain has that name or id")
        if len(named) > 1:
            raise Conflict(f"cannot tell which {name_or_id!r} is meant: {len(named)} have that name; give the id")
        return named[0]

    def _remember(self, place: Place, until: float) -> None:
        with self._lock:
            self._known[place.id] = (place, until)
            self._known.move_to_end(place.id)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)


def _path(place_id: str) -> str:
    return f"/projects/{place_id}"


def _place(item: Any) -> Place:
    try:
        domain = bool(item.get("is_domain"))
        return Place(
            id=item["id"],
            name=item["name"],
            kind="domain" if domain else "project",
            enabled=bool(item["enabled"]),
            parent_id=None if domain else item["parent_id"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Unavailable(f"cannot understand what Keystone says of a project: {type(error).__name__}") from None
