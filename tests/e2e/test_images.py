"""Images from a private registry with a password: who has it may run them, nobody else, and all see the progress."""

from collections.abc import Iterator
from typing import Any

import pytest

from jeroboam.backends.busybox import import_busybox
from tests.backends.registries import PASSWORD, USER, Registry, private_registry
from tests.e2e.house import House
from tests.e2e.people import LASTING, Person


@pytest.fixture(scope="module")
def registry(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    with private_registry(house.engine, folder, house.engine.free_port()) as running:
        yield running


@pytest.fixture(scope="module")
def private(house: House, registry: Registry) -> Iterator[str]:
    """In the registry, and not on the engine; its id is no other image's."""
    local = f"jeroboam/private-{house.installation}:local"
    import_busybox(house.engine.url, local)
    yield registry.push(local, f"team/{house.installation}")
    house.docker.remove_image(local, force=True)


@pytest.fixture(autouse=True)
def _forgotten(house: House, private: str, team1: Person, team2: Person) -> Iterator[None]:
    """The engine has it only as long as a test pulls it. Asked for first, so that containers go before images."""
    yield
    house.clear([team1, team2])
    for image in house.docker.images(name=private.rpartition(":")[0]):
        for tag in image["RepoTags"]:
            house.docker.remove_image(tag, force=True)


def stored(person: Person, registry: Registry, password: str = PASSWORD) -> str:
    made = person.zun.registries.create(name="ours", domain=registry.address, username=USER, password=password)
    return str(made._info["registry"]["uuid"])


def outcome(house: House, person: Person, image: str, **fields: Any) -> dict[str, Any]:
    """What becomes of a container of this image."""
    made = person.containers.run(image=image, command=LASTING, cpu="0.02", memory="16", **fields)
    return house.until_status(person, made.uuid, "Running", "Error")


def test_who_has_the_password_pulls_and_sees_it_happen(
    house: House, team1: Person, registry: Registry, private: str
) -> None:
    stored(team1, registry)
    made = outcome(house, team1, private, registry="ours")
    assert made["status"] == "Running", made["status_reason"]
    told = team1.ask("events", "GET", f"{house.server.url}/events/v1/history?object={made['uuid']}").json()["events"]
    pulls = [event["message"] for event in told if event["type"] == "pull"]
    assert pulls
    assert all(message.startswith(f"Pulling {private}: ") for message in pulls)
    assert PASSWORD not in str(told)


def test_nobody_else_runs_it_even_where_the_engine_has_it(
    house: House, team1: Person, team2: Person, registry: Registry, private: str
) -> None:
    stored(team1, registry)
    made = outcome(house, team1, private, registry="ours")
    again = outcome(house, team1, private, image_pull_policy="never")
    assert [made["status"], again["status"]] == ["Running", "Running"]

    for fields in ({}, {"image_pull_policy": "never"}):
        theirs = outcome(house, team2, private, **fields)
        assert theirs["status"] == "Error"
        assert theirs["status_reason"].startswith("cannot ")
    by_id = outcome(house, team2, house.inspect(made["uuid"])["Image"])
    assert "cannot be named by id" in by_id["status_reason"]
    assert house.running(team2) == 0
    assert team2.refusal(image=private, registry="ours")[0] == 400

    stored(team2, registry)
    assert outcome(house, team2, private, registry="ours")["status"] == "Running"


def test_a_wrong_password_is_told_apart_and_never_told(
    house: House, team1: Person, registry: Registry, private: str
) -> None:
    stored(team1, registry, "wrong-and-secret")
    made = outcome(house, team1, private, registry="ours")
    assert made["status"] == "Error"
    assert "registry" in made["status_reason"]
    assert "wrong-and-secret" not in str(made)
    assert "wrong-and-secret" not in house.server.log.read_text()


def test_what_is_nowhere_says_what_would_help(house: House, team1: Person) -> None:
    made = outcome(house, team1, "nosuch:1", image_pull_policy="never")
    assert "it is not on the engine and the pull policy is never" in made["status_reason"]
    assert "--image-pull-policy ifnotpresent" in made["status_reason"]
    assert not house.on_engine(ident=made["uuid"])
