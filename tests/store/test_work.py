from dataclasses import replace

import pytest
from sqlalchemy import text

from jeroboam.model import container
from jeroboam.model.container import ContainerStatus, Phase
from jeroboam.quota.tree import Limit
from jeroboam.store import objects, work
from jeroboam.store.database import Database
from jeroboam.store.work import Work
from tests.store.build import Container, an_object
from tests.store.cloud import a_cloud, ask

RUNNING = ContainerStatus(phase=Phase.RUNNING)


def stored(db: Database, *many: Container) -> None:
    with db.write() as tx:
        for obj in many:
            objects.insert(tx, obj, None)


def take_one(db: Database, now: float, lease: float = 10.0, owner: str = "a") -> Work:
    (item,) = work.take(db, owner, 5, now, lease)
    return item


def finish(db: Database, item: Work, now: float, wake_at: float | None = None, generation: int = 1) -> bool:
    with db.write() as tx:
        return work.finish(tx, item, RUNNING, observed_generation=generation, now=now, wake_at=wake_at)


def next_wake(db: Database) -> float | None:
    with db.read() as tx:
        return work.next_wake(tx)


def test_takes_what_is_due_longest_due_first_and_no_more_than_asked(db: Database) -> None:
    early, late, later = (an_object(at=at) for at in (1.0, 2.0, 3.0))
    not_yet = an_object(at=100.0)
    stored(db, late, not_yet, early, later)
    assert {item.object.id for item in work.take(db, "a", 2, 5.0, 10.0)} == {early.id, late.id}
    assert [item.object.id for item in work.take(db, "b", 9, 5.0, 10.0)] == [later.id]
    assert work.take(db, "c", 9, 5.0, 10.0) == []


def test_no_project_gets_more_than_its_share(db: Database) -> None:
    greedy = [an_object(at=float(at), project="greedy") for at in range(1, 7)]
    modest = [an_object(at=float(at), project="modest") for at in range(7, 9)]
    stored(db, *greedy, *modest)
    first = work.take(db, "a", 4, 10.0, 10.0, share=3)
    assert {item.object.id for item in first} == {obj.id for obj in [*greedy[:3], modest[0]]}
    assert [item.object.id for item in work.take(db, "a", 4, 11.0, 10.0, share=3)] == [modest[1].id]
    assert work.take(db, "a", 4, 12.0, 10.0, share=3) == []
    assert finish(db, next(item for item in first if item.object.id == greedy[0].id), 13.0)
    assert [item.object.id for item in work.take(db, "a", 4, 13.0, 10.0, share=3)] == [greedy[3].id]
    assert len(work.take(db, "b", 4, 14.0, 10.0, share=3)) == 2, "each owner has workers of its own"


def test_who_is_to_leave_is_urgent_whatever_its_project_has_in_hand(db: Database) -> None:
    lent, plain, dying = (an_object(name, "team2", float(at)) for at, name in enumerate(("lent", "plain", "dying"), 2))
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(1, None, None), "team2": Limit(0, None, None)}, org=1, grace=5.0)
        claim, _ = ask(tx, "team2", object_id=lent.id)
        objects.insert(tx, lent, claim)
        objects.insert(tx, plain, None)
        objects.insert(tx, replace(dying, deleting=4.5), None)
        _, decision = ask(tx, "team1")
        assert decision.outcome == "reclaiming"
    taken = [work.take(db, "a", 9, 5.0, 10.0, share=share, urgent=True) for share in (0, 9)]
    assert [[item.object.name for item in items] for items in taken] == [["lent"], ["dying"]]
    assert [item.object.name for item in work.take(db, "a", 9, 5.0, 10.0, share=9)] == ["plain"]


def test_a_lease_that_ran_out_is_taken_over_and_the_zombie_writes_nothing(db: Database) -> None:
    obj = an_object()
    stored(db, obj)
    zombie = take_one(db, 1.0)
    assert work.take(db, "b", 5, 10.9, 10.0) == []
    heir = take_one(db, 11.0, owner="b")
    assert heir.token > zombie.token
    with db.write() as tx:
        assert not work.held(tx, zombie)
        assert not work.extend(tx, zombie, 12.0, 10.0)
        assert not work.progress(tx, zombie, RUNNING, 12.0)
        assert work.held(tx, heir)
    assert not finish(db, zombie, 12.0)
    with db.read() as tx:
        assert objects.find(tx, obj.id) == obj
    assert finish(db, heir, 12.0)
    with db.read() as tx:
        assert objects.find(tx, obj.id) == replace(obj, status=RUNNING, observed_generation=1, updated_at=12.0)


def test_finishing_twice_writes_once(db: Database) -> None:
    stored(db, an_object())
    item = take_one(db, 1.0)
    assert finish(db, item, 2.0, 50.0)
    assert not finish(db, item, 3.0, 60.0)
    assert next_wake(db) == 50.0


def test_at_rest_it_costs_nothing_until_its_time(db: Database) -> None:
    stored(db, an_object())
    finish(db, take_one(db, 1.0), 2.0, 50.0)
    assert work.take(db, "a", 5, 49.9, 10.0) == []
    assert take_one(db, 50.0).object.observed_generation == 1
    assert next_wake(db) == 60.0  # when the lease runs out


def test_without_a_time_it_sleeps_until_somebody_wakes_it(db: Database) -> None:
    obj = an_object()
    stored(db, obj)
    finish(db, take_one(db, 1.0), 2.0, None)
    assert next_wake(db) is None
    with db.write() as tx:
        work.wake(tx, [obj.id, "no such object"], 7.0)
        work.wake(tx, [obj.id], 9.0)
    assert next_wake(db) == 7.0


def test_a_wake_up_during_the_lease_is_not_lost(db: Database) -> None:
    obj = an_object()
    stored(db, obj)
    item = take_one(db, 1.0)
    with db.write() as tx:
        work.wake(tx, [obj.id], 1.5)
    assert work.take(db, "b", 5, 2.0, 10.0) == []  # not while it is held
    finish(db, item, 2.0, 600.0)
    assert take_one(db, 2.0).object.id == obj.id


def test_a_later_wake_up_during_the_lease_gives_way_to_an_earlier_resync(db: Database) -> None:
    obj = an_object()
    stored(db, obj)
    item = take_one(db, 1.0)
    with db.write() as tx:
        work.wake(tx, [obj.id], 500.0)
    finish(db, item, 2.0, 60.0)
    assert next_wake(db) == 60.0


def test_a_change_during_the_lease_makes_it_due_again(db: Database) -> None:
    obj = an_object()
    stored(db, obj)
    item = take_one(db, 1.0)
    with db.write() as tx:
        objects.change_spec(tx, obj, replace(obj.spec, memory=64), 1.5)
    finish(db, item, 2.0, 600.0)
    again = take_one(db, 2.0)
    assert (again.object.generation, again.object.observed_generation) == (2, 1)
    assert again.object.spec.memory == 64
    assert again.object.status == RUNNING


def test_a_deletion_during_the_lease_makes_it_due_again(db: Database) -> None:
    obj = an_object()
    stored(db, obj)
    item = take_one(db, 1.0)
    with db.write() as tx:
        objects.mark_deleting(tx, obj, 1.5)
    finish(db, item, 2.0, 600.0)
    assert take_one(db, 2.0).object.deleting == 1.5


def test_progress_is_seen_and_keeps_the_lease(db: Database) -> None:
    obj = an_object()
    stored(db, obj)
    item = take_one(db, 1.0)
    pulling = ContainerStatus(task="image_pulling")
    with db.write() as tx:
        assert work.progress(tx, item, pulling, 3.0)
        assert work.extend(tx, item, 3.0, 10.0)
    with db.read() as tx:
        assert objects.get(tx, container.KIND, obj.id, "p1").status == pulling
    assert work.take(db, "b", 5, 12.9, 10.0) == []
    assert finish(db, item, 12.9)


def test_an_unchanged_status_does_not_count_as_an_update(db: Database) -> None:
    obj = an_object()
    stored(db, obj)
    finish(db, take_one(db, 1.0), 2.0, 3.0)
    finish(db, take_one(db, 3.0), 4.0, 5.0)
    with db.read() as tx:
        assert objects.get(tx, container.KIND, obj.id, None).updated_at == 2.0


def test_a_starting_conductor_wakes_everything_but_what_is_due_earlier(db: Database) -> None:
    asleep, due = an_object(at=1.0), an_object(at=2.0)
    stored(db, asleep)
    finish(db, take_one(db, 1.0), 1.0, 900.0)
    stored(db, due)
    with db.write() as tx:
        work.wake_all(tx, container.KIND, 5.0)
    assert next_wake(db) == 2.0
    assert {item.object.id for item in work.take(db, "a", 5, 5.0, 10.0)} == {asleep.id, due.id}


def test_an_object_that_was_removed_under_a_lease_takes_no_status(db: Database) -> None:
    obj = an_object()
    stored(db, obj)
    item = take_one(db, 1.0)
    with db.write() as tx:
        objects.remove(tx, obj.id)
    assert not finish(db, item, 2.0)
    with db.read() as tx:
        assert objects.find(tx, obj.id) is None


@pytest.mark.parametrize("what", ['status = \'{"phase": "Unheard of"}\'', "kind = 'zeppelin'"])
def test_an_object_that_cannot_be_read_keeps_nobody_waiting(db: Database, what: str) -> None:
    poison, sound = an_object(at=1.0), an_object(at=2.0)
    stored(db, poison, sound)
    with db.write() as tx:
        tx.execute(text(f"UPDATE objects SET {what} WHERE id = :id"), {"id": poison.id})
    assert take_one(db, 3.0, lease=10.0).object == sound
    assert next_wake(db) == 13.0
