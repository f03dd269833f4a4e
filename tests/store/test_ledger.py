import pytest
from sqlalchemy import Connection, text

from jeroboam.model.errors import NotFound
from jeroboam.model.events import Event, EventType
from jeroboam.quota.decision import Request
from jeroboam.quota.policy import Ground
from jeroboam.quota.tree import ClaimState, Limit
from jeroboam.store import events, ledger, objects, work
from jeroboam.store.database import Database
from tests.store.build import an_object
from tests.store.cloud import ADMIN, HALVES, SHARED, a_cloud, ask, ask_many, change, used


def told(tx: Connection, since: int = 0) -> list[Event]:
    return [event for event in events.since(tx, since, None, 999) if event.type is not EventType.LIMITS]


def with_object(tx: Connection, team: str, **fields: object) -> str:
    """A claim and its object, at rest; the object's id, which is the claim's too."""
    obj = an_object(team, project=team)
    claim_id, decision = ask(tx, team, object_id=obj.id, id=obj.id, **fields)  # type: ignore[arg-type]
    assert decision.outcome != "refused"
    objects.insert(tx, obj, claim_id)
    return obj.id


def sleep(db: Database) -> None:
    """Everything is looked at and comes to rest."""
    for item in work.take(db, "conductor", 99, 10.0, 10.0):
        with db.write() as tx:
            work.finish(tx, item, item.object.status, observed_generation=1, now=10.0, wake_at=None)


# requests


def test_who_waits_is_told_why_with_the_figures_that_are_for_it(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, HALVES)
        ledger.set_capacity(tx, {"vcpus": 64_000}, 0.0)
        ledger.set_node(tx, ADMIN, "org", {"vcpus": Limit(23_000, None, 0)}, 0.0)
        for team in HALVES:
            ledger.set_node(tx, ADMIN, team, {"vcpus": Limit(0)}, 0.0)
        amounts = {"vcpus": 23_000}
        assert ledger.admit(tx, Request("all", "team2", amounts), "o1", 1.0).outcome == "admitted"
        request = Request("more", "team2", {"vcpus": 1500}, shortage="wait")
        assert ledger.admit(tx, request, "o2", 1.0).outcome == "waiting"
        (message,) = [event.message for event in told(tx)]
        for text_ in (ledger.claim(tx, "more").reason, message):
            assert "cannot admit 1.5 vcpus: Org has 0 left" in text_
            assert "23" not in text_
            assert " -" not in text_


def test_figure_15_borrow_and_reclaim(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, HALVES)
        ask_many(tx, "team1", 4)
        borrowed = ask_many(tx, "team2", 12)
        assert {decision.outcome for _, decision in borrowed} == {"admitted"}
        assert used(tx, "team1", "team2") == [4, 12]
        back = ask_many(tx, "team1", 4, now=5.0)
        assert {decision.outcome for _, decision in back} == {"reclaiming"}
        victims = [victim for _, decision in back for victim in decision.victims]
        assert len(set(victims)) == 4
        assert used(tx, "team1", "team2") == [4, 12]  # charged until they have really stopped
        for victim in victims:
            ledger.evicted(tx, victim, 6.0)
        assert used(tx, "team1", "team2") == [8, 8]
        assert {ledger.claim(tx, ident).state for ident, _ in back} == {ClaimState.ADMITTED}
        assert {ledger.claim(tx, ident).state for ident in victims} == {ClaimState.EVICTED}
        assert ask(tx, "team1")[1].outcome == "refused"


def test_a_refusal_leaves_no_trace(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(1, None, 0), "team2": Limit(8)})
        ask(tx, "team1")
        before, seq = ledger.claims(tx, None), events.latest(tx)
        ident, decision = ask(tx, "team1")
        assert decision.outcome == "refused"
        assert decision.reason is not None
        assert (decision.reason.code, decision.reason.node) == ("limit_reached", "team1")
        assert ledger.claims(tx, None) == before
        assert events.latest(tx) == seq
        with pytest.raises(NotFound):
            ledger.claim(tx, ident)


def test_the_same_request_twice_is_one_claim_and_released_twice_is_credited_once(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        other, _ = ask(tx, "team1")
        ident, first = ask(tx, "team1", 3)
        assert ask(tx, "team1", 3, id=ident)[1] == first
        assert used(tx, "team1") == [4]
        ledger.release(tx, ident, 2.0)
        ledger.release(tx, ident, 3.0)
        assert used(tx, "team1") == [1]
        assert [claim.id for claim in ledger.claims(tx, None)] == [other]


def test_a_resize_is_all_or_nothing(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(8, None, 0)})
        ident, _ = ask(tx, "team1", 3)
        assert ledger.resize(tx, ident, {"containers": 8}, 2.0).outcome == "admitted"
        assert ledger.resize(tx, ident, {"containers": 9}, 2.0).outcome == "refused"
        assert ledger.claim(tx, ident).amounts == {"containers": 8}
        assert ledger.resize(tx, ident, {"containers": 2}, 2.0).outcome == "admitted"
        assert (used(tx, "team1"), ledger.claim(tx, ident).amounts) == ([2], {"containers": 2})
        assert ledger.resize(tx, "none", {"containers": 1}, 2.0).outcome == "refused"


def test_a_dry_run_writes_nothing(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        ask_many(tx, "team2", 16)
        before = ledger.claims(tx, None)
        for team, outcome in (("team1", "reclaiming"), ("team2", "refused"), ("team3", "refused")):
            assert ledger.dry_run(ledger.tree(tx), Request("dry", team, {"containers": 1}), 2.0).outcome == outcome
        assert ledger.claims(tx, None) == before
        assert ledger.reclaims(tx, None) == []


def test_the_queue_is_served_by_priority_then_age(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(2, None, 0)})
        held = [ident for ident, _ in ask_many(tx, "team1", 2)]
        old, decision = ask(tx, "team1", shortage="wait")
        young, _ = ask(tx, "team1", shortage="wait")
        urgent, _ = ask(tx, "team1", shortage="wait", priority=60)
        assert decision.outcome == "waiting"
        assert ledger.claim(tx, old).reason.startswith("cannot admit 1 container: team1 holds 2 of the 2")
        states = []
        for ident in [*held, urgent]:
            ledger.release(tx, ident, 2.0)
            states.append([ledger.claim(tx, c).state.value for c in (old, young)])
        assert states == [["waiting", "waiting"], ["admitted", "waiting"], ["admitted", "admitted"]]
        assert used(tx, "team1") == [2]


def test_a_withdrawn_request_lets_its_victims_stay(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, HALVES, grace=30.0)
        ask_many(tx, "team2", 16)
        ident, decision = ask(tx, "team1", now=100.0)
        assert (decision.outcome, decision.deadline) == ("reclaiming", 130.0)
        (victim,) = decision.victims
        assert ledger.claim(tx, victim).leaving == ledger.Leaving(ident, 130.0, "team1", f"object-of-{ident}")
        assert ledger.claim(tx, ident).victims == (f"object-of-{victim}",)
        assert ledger.claim(tx, ident).deadline == 130.0
        ledger.release(tx, ident, 110.0)
        assert ledger.claim(tx, victim).leaving is None
        assert ledger.reclaims(tx, None) == []
        assert used(tx, "team1", "team2") == [0, 16]


def test_an_evicted_claim_asks_again(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        ask_many(tx, "team2", 16)
        ident, decision = ask(tx, "team1", now=5.0)
        (victim,) = decision.victims
        ledger.evicted(tx, victim, 6.0)
        assert ledger.requeue(tx, victim, 7.0).outcome == "waiting"
        ledger.release(tx, ident, 8.0)
        assert ledger.claim(tx, victim).state is ClaimState.ADMITTED
        assert used(tx, "team1", "team2") == [0, 16]
        assert ledger.requeue(tx, "none", 9.0).outcome == "refused"


def test_reclaims_in_progress_say_who_gets_what_from_whom(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, HALVES, grace=30.0)
        ask(tx, "team2", 8)
        ask(tx, "team2", 8)
        ident, decision = ask(tx, "team1", 2, now=100.0)
        (found,) = ledger.reclaims(tx, {"team2"})
        assert ledger.reclaims(tx, None) == ledger.reclaims(tx, {"team1"}) == [found]
        assert ledger.reclaims(tx, {"org"}) == []
        assert (found.claim_id, found.node_id, found.amounts) == (ident, "team1", {"containers": 2})
        assert found.rule == Ground.GUARANTEE
        (victim,) = found.victims
        assert (victim.claim_id, victim.node_id, victim.amounts) == (decision.victims[0], "team2", {"containers": 8})


def test_a_reclaim_says_by_which_rule_it_takes(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, SHARED, grace=30.0)
        ask_many(tx, "team2", 16)
        assert ask(tx, "team1", 4)[1].rule == Ground.FAIR_SHARE
        assert [row.rule for row in ledger.reclaims(tx, None)] == [Ground.FAIR_SHARE]
        messages = [event.message for event in events.since(tx, 0, None, 99) if event.type is EventType.EVICTING]
        assert len(messages) == 4
        assert all(message.startswith("Another project takes its fair share: ") for message in messages)


# events and wake-ups


def test_everybody_concerned_hears_of_a_reclaim_and_is_woken(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, HALVES, grace=30.0)
        ask_many(tx, "team2", 15)
        victim = with_object(tx, "team2")
    sleep(db)
    with db.write() as tx:
        seq = events.latest(tx)
        claimant = with_object(tx, "team1", now=1000.0)
        assert ledger.claim(tx, victim).leaving is not None
        evicting, asked = told(tx, seq)
        assert (evicting.type, evicting.object_id, evicting.project_id) == (EventType.EVICTING, victim, "team2")
        assert evicting.name == "team2"  # the object's
        assert evicting.message == ("Another project takes back what it owns: this stops by 1970-01-01T00:17:10Z.")
        assert evicting.data["deadline"] == 1030.0
        assert evicting.data["managers"]["claimant"]["project_name"] == "team1"
        assert "team1" not in str({**evicting.data, "managers": None}) + evicting.message
        assert (asked.type, asked.object_id, asked.project_id) == (EventType.QUOTA, claimant, "team1")
        assert [v["claim_id"] for v in asked.data["managers"]["victims"]] == [victim]
        assert "team2" not in str({**asked.data, "managers": None}) + asked.message
    due = {item.object.id: item for item in work.take(db, "c", 9, 1000.0, 10.0)}
    leaving, waiting = due[victim].claim, due[claimant].claim
    assert leaving is not None
    assert leaving.leaving == work.Leaving(claimant, 1030.0, "team1", claimant)
    assert waiting is not None
    assert (waiting.state, waiting.victims) == (ClaimState.RECLAIMING, (victim,))
    for item in due.values():
        with db.write() as tx:
            work.finish(tx, item, item.object.status, observed_generation=1, now=1001.0, wake_at=None)
    with db.write() as tx:
        seq = events.latest(tx)
        ledger.evicted(tx, victim, 1002.0)
        ledger.requeue(tx, victim, 1002.0)
        left, got, waits = told(tx, seq)
        assert (left.type, left.object_id, left.message) == (
            EventType.EVICTED,
            victim,
            "Stopped: another project has taken back what it is entitled to.",
        )
        assert (got.type, got.object_id) == (EventType.QUOTA, claimant)
        assert (waits.type, waits.object_id) == (EventType.QUOTA, victim)
        ledger.release(tx, claimant, 1003.0)
        (back,) = told(tx, waits.seq)
        assert (back.type, back.object_id) == (EventType.READMITTED, victim)
    assert {item.object.id for item in work.take(db, "c", 9, 1002.0, 10.0)} == {claimant}
    assert {item.object.id for item in work.take(db, "c", 9, 1003.0, 10.0)} == {victim}


def test_who_may_stay_after_all_hears_of_it(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, HALVES, grace=30.0)
        victim = with_object(tx, "team2")
        ask_many(tx, "team2", 15)
        newest, _ = ask(tx, "team1", 8, now=5.0)
        seq = events.latest(tx)
        assert ledger.claim(tx, victim).leaving is None or ledger.claim(tx, newest).victims
        ledger.release(tx, newest, 6.0)
        assert {event.message for event in told(tx, seq)} == {
            "It may stay: what was to be taken back is not needed any more."
        }
        assert len(told(tx, seq)) == 8


def test_plain_admissions_and_releases_tell_nothing_more(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, SHARED)
        seq = events.latest(tx)
        ident, _ = ask(tx, "team1")
        ledger.resize(tx, ident, {"containers": 2}, 2.0)
        ledger.release(tx, ident, 3.0)
        assert told(tx, seq) == []


def test_verify_finds_what_does_not_add_up(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        ident = with_object(tx, "team1")
        assert ledger.verify(tx) == []
        tx.execute(text("UPDATE quota_limits SET used = used + 1 WHERE node_id = 'team1'"))
        assert any("team1: used is" in line for line in ledger.verify(tx))
        objects.remove(tx, ident)
        assert any(f"claim {ident} of" in line and "its object does not exist" in line for line in ledger.verify(tx))


def test_raising_a_limit_serves_the_queue_and_wakes(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(1, None, 0)})
        ask(tx, "team1")
        waiting = with_object(tx, "team1", shortage="wait")
    sleep(db)
    with db.write() as tx:
        ledger.set_node(tx, ADMIN, "team1", change(hard=2), 20.0)
        assert ledger.claim(tx, waiting).state is ClaimState.ADMITTED
        assert work.next_wake(tx) == 20.0
