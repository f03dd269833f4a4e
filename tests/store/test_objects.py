from dataclasses import replace

import pytest

from jeroboam.model import container
from jeroboam.model.conditions import Condition, ConditionType
from jeroboam.model.container import (
    Address,
    ContainerSpec,
    ContainerStatus,
    HealthCheck,
    Intent,
    Link,
    OnEvict,
    Phase,
    PortSpec,
    QuotaSpec,
    RunState,
    VolumeMount,
)
from jeroboam.model.errors import Conflict, Malformed, NotFound
from jeroboam.store import actions, objects, ports
from jeroboam.store.codecs import CODECS
from jeroboam.store.database import Database
from tests.store.build import Container, an_object

SPEC = ContainerSpec(
    image="registry/web:1",
    intent=Intent(RunState.RUNNING, 3),
    command=("sh", "-c", "echo \u20ac"),
    environment={"A": "1", "B": ""},
    healthcheck=HealthCheck(("true",), interval=3),
    ports=(PortSpec(80, host_port=20001),),
    volumes=(VolumeMount("/data", "data"), VolumeMount("/tmp/x")),
    links=(Link("db", "database"),),
    quota=QuotaSpec(priority=7, on_evict=OnEvict.REQUEUE, extra={"gpus": 1}),
    hints={"link": ("a", "b"), "priority": "7"},
)
STATUS = ContainerStatus(
    phase=Phase.RUNNING,
    host="here",
    conditions=(Condition(ConditionType.READY, True, "Running", since=0.1 + 0.2),),
    addresses=(Address("default", "10.0.0.2"),),
    exit_code=0,
)


def stored(db: Database, *many: Container) -> tuple[Container, ...]:
    with db.write() as tx:
        for obj in many:
            objects.insert(tx, obj, None)
    return many


def names(found: list[objects.AnyObject]) -> list[str]:
    return [obj.name for obj in found]


def test_what_is_stored_is_found_again_exactly(db: Database) -> None:
    obj = an_object(spec=SPEC, status=STATUS, at=1763923079.123456)
    with db.write() as tx:
        objects.insert(tx, obj, "claim-1")
    with db.read() as tx:
        assert objects.find(tx, obj.id) == obj
        assert objects.get(tx, container.KIND, obj.id, "p1") == obj
        assert objects.get(tx, container.KIND, "web", "p1") == obj
        assert objects.claim_id(tx, obj.id) == "claim-1"
        assert objects.count(tx, container.KIND) == 1
        assert objects.phases(tx, container.KIND) == {"Running": 1}


def test_documents_keep_their_defaults_and_pass_over_what_they_do_not_know() -> None:
    codec = CODECS[container.KIND]
    assert '"memory":256' in codec.write_spec(ContainerSpec(image="i"))
    assert codec.read_spec('{"image": "i", "of_a_newer_version": [1]}') == ContainerSpec(image="i")


def test_an_id_is_never_given_twice(db: Database) -> None:
    (obj,) = stored(db, an_object())
    with pytest.raises(Conflict, match=f"cannot create container {obj.id}"), db.write() as tx:
        objects.insert(tx, replace(obj, project_id="p2"), None)


def test_a_name_may_repeat_and_is_then_ambiguous(db: Database) -> None:
    first, _second, other = stored(db, an_object(), an_object(), an_object(project="p2"))
    with db.read() as tx:
        with pytest.raises(Conflict, match="several are named 'web'"):
            objects.get(tx, container.KIND, "web", "p1")
        assert objects.get(tx, container.KIND, first.id, "p1") == first
        assert objects.get(tx, container.KIND, "web", "p2") == other


@pytest.mark.parametrize("project", ["p2", ""])
def test_another_projects_object_is_not_found(db: Database, project: str) -> None:
    (obj,) = stored(db, an_object())
    with db.read() as tx:
        for ident in (obj.id, obj.name):
            with pytest.raises(NotFound):
                objects.get(tx, container.KIND, ident, project)
        assert objects.get(tx, container.KIND, obj.id, None) == obj
        with pytest.raises(NotFound):
            objects.get(tx, "volume", obj.id, None)


def test_an_id_beats_a_name_that_looks_like_it(db: Database) -> None:
    (obj,) = stored(db, an_object())
    stored(db, an_object(name=obj.id))
    with db.read() as tx:
        assert objects.get(tx, container.KIND, obj.id, "p1") == obj


FILTERS = [
    ({}, ["a", "b", "c"]),
    ({"name": "b"}, ["b"]),
    ({"image": "registry/web:1"}, ["c"]),
    ({"status": "Running"}, ["c"]),
    ({"status": "Deleting"}, ["b"]),
    ({"status": "Creating"}, ["a"]),
    ({"host": "here"}, ["c"]),
    ({"user_id": "u2"}, ["a"]),
    ({"memory": 64}, ["a"]),
    ({"memory": 256, "auto_remove": True}, ["b"]),
    ({"task_state": "image_pulling"}, ["a"]),
    ({"name": "a", "host": "here"}, []),
]


@pytest.mark.parametrize(("filters", "found"), FILTERS)
def test_filters(db: Database, filters: dict[str, object], found: list[str]) -> None:
    stored(
        db,
        an_object("a", spec=ContainerSpec("i", memory=64), status=ContainerStatus(task="image_pulling"), user_id="u2"),
        an_object("b", spec=ContainerSpec("i", auto_remove=True), at=2.0, deleting=3.0),
        an_object("c", spec=SPEC, status=STATUS, at=3.0),
        an_object("d", project="p2", at=4.0),
    )
    with db.read() as tx:
        assert names(objects.listing(tx, container.KIND, "p1", filters=filters)) == found


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("key", ["created_at", "name", "status", "host", "id"])
@pytest.mark.parametrize("filters", [{}, {"memory": 256}])
def test_pages_hold_everything_once_and_in_order(
    db: Database, key: str, direction: str, filters: dict[str, object]
) -> None:
    stored(db, *(an_object(f"n{i % 3}", at=float(i % 4)) for i in range(11)))
    with db.read() as tx:
        whole = objects.listing(tx, container.KIND, "p1", sort_key=key, sort_dir=direction)
        paged: list[objects.AnyObject] = []
        while page := objects.listing(
            tx,
            container.KIND,
            "p1",
            filters=filters,
            marker=paged[-1].id if paged else None,
            limit=3,
            sort_key=key,
            sort_dir=direction,
        ):
            assert len(page) <= 3
            paged += page
    assert len(whole) == 11
    assert paged == whole


@pytest.mark.parametrize(
    "wrong", [{"filters": {"spec": 1}}, {"sort_key": "secret"}, {"sort_dir": "up"}, {"marker": "other"}]
)
def test_wrong_listings_are_malformed(db: Database, wrong: dict[str, object]) -> None:
    (other,) = stored(db, an_object(project="p2"))
    if "marker" in wrong:
        wrong = {"marker": other.id}
    with db.read() as tx, pytest.raises(Malformed, match="cannot"):
        objects.listing(tx, container.KIND, "p1", **wrong)  # type: ignore[arg-type]


def test_a_change_is_a_new_generation(db: Database) -> None:
    (obj,) = stored(db, an_object())
    with db.write() as tx:
        changed = objects.change_spec(tx, obj, SPEC, 5.0, name="new")
    assert (changed.generation, changed.spec, changed.name, changed.updated_at) == (2, SPEC, "new", 5.0)
    with db.read() as tx:
        assert objects.find(tx, obj.id) == changed
        assert names(objects.listing(tx, container.KIND, "p1", filters={"image": SPEC.image})) == ["new"]


def test_of_two_changes_of_one_generation_one_wins(db: Database) -> None:
    (obj,) = stored(db, an_object())
    with db.write() as tx:
        objects.change_spec(tx, obj, SPEC, 5.0)
    with pytest.raises(Conflict, match="meanwhile"), db.write() as tx:
        objects.change_spec(tx, obj, replace(SPEC, memory=1), 6.0)


def test_what_is_being_deleted_is_not_changed_any_more(db: Database) -> None:
    (obj,) = stored(db, an_object())
    with db.write() as tx:
        objects.mark_deleting(tx, obj, 5.0)
        objects.mark_deleting(tx, obj, 9.0)
    with db.read() as tx:
        assert objects.get(tx, container.KIND, obj.id, None).deleting == 5.0
    with pytest.raises(Conflict), db.write() as tx:
        objects.change_spec(tx, obj, SPEC, 6.0)


def test_removing_takes_actions_and_ports_along(db: Database) -> None:
    (obj,) = stored(db, an_object())
    with db.write() as tx:
        actions.append(tx, obj.id, "create", "req-1", "u1", "p1", 1.0)
        ports.allocate(tx, obj.id, "p1", [PortSpec(80)], 1, 9)
        objects.remove(tx, obj.id)
        objects.remove(tx, obj.id)
    with db.read() as tx:
        assert objects.find(tx, obj.id) is None
        assert actions.listing(tx, obj.id) == []
        assert ports.of(tx, obj.id) == ()
