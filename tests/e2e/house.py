"""The whole house: a server, the engine it works on, and the people who use it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import docker
import requests

from jeroboam.model.names import LABEL_INSTALLATION, LABEL_OBJECT, LABEL_PROJECT
from tests.e2e.people import Keystone, Person, at_once
from tests.e2e.server import Server
from tests.e2e.tree import figures
from tests.engine import Engine, wait_until

T = TypeVar("T")

WAIT = 30.0
"""Seconds: two cores start 3 to 5 containers a second."""
EVERY = 0.1
"""Seconds: who asks more often takes the time from those who are asked."""


@dataclass
class House:
    """`docker` is the engine as its owner sees it, past our server."""

    server: Server
    engine: Engine
    docker: docker.APIClient
    image: str
    installation: str
    people: Keystone

    def on_engine(self, *, project: str | None = None, ident: str | None = None, all: bool = True) -> list[Any]:
        """What `docker ps` shows of this installation's containers, of one project or object."""
        labels = [f"{LABEL_INSTALLATION}={self.installation}"]
        labels += [f"{LABEL_PROJECT}={project}"] if project else []
        labels += [f"{LABEL_OBJECT}={ident}"] if ident else []
        return list(self.docker.containers(all=all, filters={"label": labels}))

    def running(self, person: Person) -> int:
        """How many containers of this person's project really run."""
        return len(self.on_engine(project=person.project_id, all=False))

    def inspect(self, ident: str) -> dict[str, Any]:
        """The engine's word on the container of an object."""
        return dict(self.docker.inspect_container(self.on_engine(ident=ident)[0]["Id"]))

    def exec(self, ident: str, *command: str) -> str:
        """The output of a command in a container, run past our server."""
        made = self.docker.exec_create(self.on_engine(ident=ident)[0]["Id"], list(command))
        return str(self.docker.exec_start(made["Id"]).decode())

    # -- what is waited for

    def until(self, condition: Callable[[], T | None], what: str, timeout: float = WAIT) -> T:
        return wait_until(condition, what, timeout, EVERY)

    def until_status(self, person: Person, ident: str, *wanted: str, timeout: float = WAIT) -> dict[str, Any]:
        """The container as the API shows it, once it is as wanted and nothing is under way."""
        seen: dict[str, Any] = {}

        def ask() -> dict[str, Any] | None:
            seen.update(person.show(ident))
            done = seen["status"] in wanted and seen["observed_generation"] == seen["generation"]
            return seen if done else None

        try:
            return self.until(ask, f"{ident} is {' or '.join(wanted)}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {seen['status']}: {seen['status_reason']}") from None

    def until_gone(self, person: Person, ident: str) -> None:
        self.until(lambda: person.zun_api("GET", f"/containers/{ident}").status_code == 404, f"{ident} is gone")

    # -- what is made

    def make(self, person: Person, **fields: Any) -> dict[str, Any]:
        """A container that runs: as the API shows it then."""
        answer = person.create(image=self.image, **fields)
        assert answer.status_code == 202, answer.text
        return self.until_status(person, answer.json()["uuid"], "Running")

    def make_many(self, person: Person, count: int, **fields: Any) -> list[dict[str, Any]]:
        answers = at_once([lambda: person.create(image=self.image, **fields)] * count)
        assert [a.status_code for a in answers] == [202] * count, [a.text for a in answers if not a.ok]
        return [self.until_status(person, a.json()["uuid"], "Running") for a in answers]

    def clear(self, people: Iterable[Person]) -> None:
        """Deletes all that these people's projects have, and sees that nothing of it stays and nothing is charged."""
        for person in people:
            self._delete_containers(person)
        for person in people:
            self._see_empty(person)

    def _delete_containers(self, person: Person) -> None:
        def delete(ident: str) -> requests.Response:
            return person.zun_api("DELETE", f"/containers/{ident}?force=true")

        gone = at_once([partial(delete, container["uuid"]) for container in person.listing()])
        assert {answer.status_code for answer in gone} <= {204, 404}, [answer.text for answer in gone]

    def _see_empty(self, person: Person) -> None:
        self.until(lambda: not person.listing(), "all containers are gone", 60)
        assert not self.on_engine(project=person.project_id)
        for kind in ("volumes", "registries"):
            for row in person.zun_api("GET", f"/{kind}").json()[kind]:
                assert person.zun_api("DELETE", f"/{kind}/{row['uuid']}").status_code == 204
        assert not any(figures(person, "used").values())
