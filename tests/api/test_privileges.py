"""Power over the host: what an operator's policy allows reaches the engine, for those whom it names and nobody else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jeroboam.backends.data import Definition
from jeroboam.identity.policy import Policy
from jeroboam.model.container import HostMount
from tests.api.cloud import IMAGE, MANAGER, MEMBER, Cloud

ROUTE = "/container/v1/containers"
POLICY = """
"container:create:privileged": "role:manager and rule:own"
"container:create:host": "role:member and rule:own"
"""


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder: Path = tmp_path_factory.mktemp("lenient")
    (folder / "rules.yaml").write_text(POLICY)
    cloud = Cloud(folder, Policy(folder / "rules.yaml"))
    cloud.start()
    yield cloud
    cloud.stop()


MOUNT = {"mounts": [{"source": "/srv/data", "destination": "/data"}]}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], set[tuple[str, ...]]]] = {
    "privileged": ({"privileged": True}, {"privileged": True}, {MANAGER}),
    "runtime": ({"runtime": "runsc"}, {"runtime": "runsc"}, {MANAGER}),
    "mount": (MOUNT, {"host_mounts": (HostMount("/data", "/srv/data"),)}, {MEMBER, MANAGER}),
    "mount and privileged": ({**MOUNT, "privileged": True}, {"privileged": True}, {MANAGER}),
    "nothing": ({}, {"privileged": False, "runtime": None, "host_mounts": ()}, {MEMBER, MANAGER}),
}


@pytest.mark.parametrize("roles", [MEMBER, MANAGER], ids=lambda roles: roles[-1])
@pytest.mark.parametrize("case", CASES)
def test_what_the_policy_allows_reaches_the_engine(lenient: Cloud, case: str, roles: tuple[str, ...]) -> None:
    fields, expected, allowed = CASES[case]
    user = lenient.user(lenient.project(), roles)
    answer = user.ask("POST", f"{ROUTE}?run=true", {"image": IMAGE, **fields})
    if roles not in allowed:
        assert (answer.status_code, "container:create:privileged" in answer.json()["detail"]) == (403, True)
        assert user.ask("GET", ROUTE).json()["containers"] == []
        return
    assert answer.status_code == 202, answer.text
    lenient.work()
    uuid = answer.json()["uuid"]
    made: Definition = lenient.engine.find(lenient.name_on_engine(uuid), "look at").definition
    assert {name: getattr(made, name) for name in expected} == expected
    assert ("/srv/data" in str(user.show(uuid)["mounts"])) == ("mounts" in fields)


@pytest.mark.parametrize("source", ["/srv/../etc", "/srv/./x", "//etc", "/srv/", "/srv//x", "../etc", "~/x", "./x"])
def test_a_place_of_the_host_is_named_plainly(lenient: Cloud, source: str) -> None:
    user = lenient.user(lenient.project(), MANAGER)
    body = {"image": IMAGE, "mounts": [{"source": source, "destination": "/data"}]}
    answer = user.ask("POST", ROUTE, body)
    assert answer.status_code in (400, 403), answer.text
    assert answer.json()["detail"].startswith("cannot mount")


@pytest.mark.parametrize(
    "fields",
    [
        {"cap_add": ["SYS_ADMIN"]},
        {"devices": ["/dev/kmsg"]},
        {"security_opt": ["seccomp=unconfined"]},
        {"pid_mode": "host"},
        {"nets": [{"network": "host"}]},
        {**MOUNT, "mounts": [{"source": "/srv", "destination": "/proc"}]},
    ],
    ids=str,
)
def test_what_no_policy_allows(lenient: Cloud, fields: dict[str, Any]) -> None:
    user = lenient.user(lenient.project(), MANAGER)
    assert user.ask("POST", ROUTE, {"image": IMAGE, **fields}).status_code in (400, 403)
