"""Nodes, limits and reservations in the ledger."""

import pytest
from sqlalchemy import Connection, event

from jeroboam.model.errors import Conflict, NotFound
from jeroboam.model.events import EventType
from jeroboam.quota.decision import Request
from jeroboam.quota.policy import Policy
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.tree import ROOT, Limit
from jeroboam.store import audit, events, ledger
from jeroboam.store.database import Database
from tests.store.cloud import ADMIN, a_cloud, ask, ask_many, change, taken

# the tree


def test_nodes_appear_when_first_needed_and_follow_their_names(db: Database) -> None:
    with db.write() as tx:
        path = [("team1", "one", "project"), ("d2", "Two", "domain")]
        ledger.set_capacity(tx, {"containers": 5}, 0.0)
        ledger.ensure_path(tx, path)
        ledger.ensure_path(tx, [("team1", "uno", "project"), path[1]])
        assert ledger.ancestors(tx, "team1") == ["d2", ROOT]
        assert ledger.ancestors(tx, "elsewhere") == []
        assert sorted(ledger.below(tx, "d2")) == ["d2", "team1"]
        assert ledger.names(tx, ["team1", "d2", "elsewhere"]) == {"team1": "uno", "d2": "Two"}
        assert ledger.node(tx, "d2") == ledger.NodeRow("d2", ROOT, "Two", "domain")
        assert ledger.node(tx, ROOT).kind == "cloud"
        # Another domain owns nothing until somebody gives it something.
        assert ask(tx, "team1")[1].outcome == "refused"
        with pytest.raises(NotFound):
            ledger.node(tx, "elsewhere")


@pytest.mark.parametrize("capacity_first", [True, False])
def test_the_default_domain_has_the_whole_cloud(db: Database, capacity_first: bool) -> None:
    with db.write() as tx:
        if capacity_first:
            ledger.set_capacity(tx, {"containers": -1, "vcpus": 1000}, 0.0)
        ledger.ensure_path(tx, [("default", "Default", "domain")])
        ledger.set_capacity(tx, {"containers": -1, "vcpus": 1000}, 0.0)
        request = Request("c", "default", {"containers": 1, "vcpus": 1000})
        assert ledger.admit(tx, request, "o", 1.0).outcome == "admitted"
        assert ledger.admit(tx, Request("d", "default", {"vcpus": 1}), "o", 1.0).outcome == "refused"
        ledger.set_node(tx, ADMIN, ROOT, {"gpus": Limit(1)}, 2.0)
        assert ledger.admit(tx, Request("e", "default", {"gpus": 1}), "o", 3.0).outcome == "admitted"


def test_the_root_follows_the_machine_until_an_admin_sets_it(db: Database) -> None:
    def root(tx: Connection) -> int:
        return ledger.tree(tx).root.limits["containers"].hard

    with db.write() as tx:
        a_cloud(tx, cloud=20)
        ledger.set_capacity(tx, {"containers": 30}, 1.0)
        assert root(tx) == 30
        ledger.set_capacity(tx, {"containers": 15}, 1.0)  # 16 are given to the organisation
        assert root(tx) == 30
        ledger.set_capacity(tx, {"containers": 17}, 1.0)
        assert root(tx) == 17
        ledger.set_node(tx, ADMIN, ROOT, change(hard=40), 2.0)
        ledger.set_capacity(tx, {"containers": 20}, 3.0)
        assert root(tx) == 40
        assert audit.listing(tx, {ROOT})[0].after["limits.containers"] == {"hard": 40, "lend": None, "borrow": 0}


def test_child_defaults_are_what_a_new_project_gets(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(8)})
        ledger.set_node(tx, ADMIN, "org", {}, 1.0, child_defaults={"containers": Limit(3, 1, 2)})
        ledger.ensure_path(tx, [("t9", "t9", "project"), ("org", "Org", "project"), ("default", "Default", "domain")])
        assert ledger.tree(tx).nodes["t9"].limits == {"containers": Limit(3, 1, 2)}
        assert taken(tx) == 2  # its private part
        assert ledger.verify(tx) == []


def test_a_limit_that_does_not_fit_changes_nothing(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        entries, seq = audit.listing(tx, None), events.latest(tx)
        with pytest.raises(QuotaConflict, match="0 free"):
            ledger.set_node(tx, ADMIN, "team1", change(hard=9), 1.0)
        with pytest.raises(NotFound):
            ledger.set_node(tx, ADMIN, "elsewhere", change(hard=9), 1.0)
        assert audit.listing(tx, None) == entries
        assert events.latest(tx) == seq
        assert ledger.tree(tx).nodes["team1"].limits["containers"].hard == 8


def test_changes_are_audited_and_told(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        seq = events.latest(tx)
        ledger.set_node(tx, ADMIN, "team1", change(borrow=3), 7.0, policy=Policy(max_priority=10))
        ledger.set_node(tx, ADMIN, "team1", change(borrow=3), 8.0)
        (entry, *_) = audit.listing(tx, {"team1"})
        assert (entry.actor, entry.at) == (ADMIN, 7.0)
        assert entry.before == {
            "limits.containers": {"hard": 8, "lend": None, "borrow": None},
            "policy.max_priority": None,
        }
        assert entry.after["policy.max_priority"] == 10
        (event,) = events.since(tx, seq, None, 9)
        assert (event.type, event.project_id) == (EventType.LIMITS, "team1")
        assert event.data["managers"] == {"user_id": "u-admin", "user_name": "admin"}


def test_a_document_sets_a_whole_tree_or_nothing(db: Database) -> None:
    def document(team1: int, team2: int) -> dict[str, object]:
        teams = [{"name": n, "hard_limit": {"containers": h}} for n, h in (("team1", team1), ("team2", team2))]
        org = {"name": "Org", "hard_limit": {"containers": 20}, "weight": "1/2", "children": teams}
        return {"hard_limit": {"containers": 50}, "children": [{"name": "Default", "children": [org]}]}

    def hard(tx: Connection) -> list[int]:
        return [ledger.tree(tx).nodes[node].limits["containers"].hard for node in (ROOT, "org", "team1", "team2")]

    with db.write() as tx:
        a_cloud(tx)
        seq = events.latest(tx)
        planned = ledger.plan(tx, document(15, 5), 7.0)
        assert (planned[0].node_id, planned[0].before, planned[0].after) == (ROOT, 100, 50)
        assert hard(tx) == [100, 16, 8, 8]
        with pytest.raises(QuotaConflict):
            ledger.plan(tx, document(15, 6), 7.0)
        with pytest.raises(QuotaConflict):
            ledger.apply(tx, ADMIN, document(15, 6), 7.0)
        assert (hard(tx), events.latest(tx)) == ([100, 16, 8, 8], seq)
        assert ledger.apply(tx, ADMIN, document(15, 5), 7.0) == planned
        assert hard(tx) == [50, 20, 15, 5]
        assert {e.node_id for e in audit.listing(tx, None) if e.at == 7.0} == {ROOT, "org", "team1", "team2"}
        assert ledger.apply(tx, ADMIN, document(15, 5), 8.0) == []
        ledger.set_capacity(tx, {"containers": 60}, 9.0)
        assert hard(tx)[0] == 50


# reservations


def test_reservations_of_many_nodes_are_two_statements(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, {f"team{n}": Limit(1) for n in range(1, 8)})
        for n in range(1, 8):
            ledger.reserve(tx, ADMIN, f"team{n}", f"r{n}", {"containers": 1}, None, 1.0)
    wanted = ["team1", "team2", "team5", *(f"other{n}" for n in range(100_000))]
    said: list[str] = []
    with db.read() as tx:
        event.listen(tx, "before_cursor_execute", lambda *given: said.append(given[2]))
        assert [r.id for r in ledger.reservations(tx, wanted)] == ["r1", "r2", "r5"]
        assert all(r.amounts == {"containers": 1} for r in ledger.reservations(tx, wanted[:3]))
    assert len(said) == 4
    assert all(" IN " in statement for statement in said)


def test_a_reservation_is_held_drawn_from_and_ends(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        assert ledger.reserve(tx, ADMIN, "team1", "r1", {"containers": 3}, 50.0, 1.0).outcome == "admitted"
        assert ledger.reserve(tx, ADMIN, "team1", "r1", {"containers": 3}, 50.0, 1.0).outcome == "admitted"
        assert ledger.reservations(tx, ["team1"]) == [
            ledger.ReservationView("r1", "team1", {"containers": 3}, 50.0, False, "r1")
        ]
        assert ledger.reservations(tx, ["team2", "org"]) == []
        drawn, decision = ask(tx, "team1", 2, reservation="r1")
        assert decision.outcome == "admitted"
        assert ask(tx, "team1", 2, reservation="r1")[1].outcome == "refused"
        assert ask(tx, "team2", 1, reservation="r1")[1].outcome == "refused"
        assert ledger.reservation(tx, "r1").amounts == {"containers": 1}
        ledger.release(tx, drawn, 2.0)
        assert ledger.reservation(tx, "r1").amounts == {"containers": 3}
        ledger.due(tx, 49.0)
        ledger.extend_reservation(tx, ADMIN, "r1", 60.0, 49.0)
        ledger.due(tx, 59.0)
        assert ledger.verify(tx) == []
        assert taken(tx) == 3
        ledger.due(tx, 60.0)
        assert (ledger.reservations(tx, None), taken(tx)) == ([], 0)
        assert [e.action for e in audit.listing(tx, {"team1"})][:2] == ["extend_reservation", "reserve"]


def test_a_name_is_one_nodes_own(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        for ident, team in (("r1", "team1"), ("r2", "team2")):
            ledger.reserve(tx, ADMIN, team, ident, {"containers": 1}, None, 1.0, "night")
        for called in ("night", "r1"):
            found = ledger.find_reservation(tx, "team1", called)
            assert found is not None
            assert (found.id, found.name) == ("r1", "night")
        assert ledger.find_reservation(tx, "team2", "r1") is None
        assert ledger.find_reservation(tx, "team1", "day") is None
        for taken_name in ({"name": "night"}, {"name": "r1"}):
            with pytest.raises(Conflict, match="the project has a reservation of that name"):
                ledger.reserve(tx, ADMIN, "team1", "r3", {"containers": 1}, None, 2.0, **taken_name)
        ledger.extend_reservation(tx, ADMIN, "r1", 9.0, 3.0)
        assert [r.name for r in ledger.reservations(tx, None)] == ["night", "night"]
        assert audit.listing(tx, {"team1"})[0].after == {"reservation": "night", "until": 9.0}
        ledger.release_reservation(tx, ADMIN, "r1", 4.0)
        assert ledger.reserve(tx, ADMIN, "team1", "r3", {"containers": 1}, None, 5.0, "night").outcome == "admitted"


def test_a_pending_reservation_is_told_of_by_its_name(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        ask_many(tx, "team2", 16)
        decision = ledger.reserve(tx, ADMIN, "team1", "r1", {"containers": 1}, None, 5.0, "night")
        (claim,) = (c for c in ledger.claims(tx, {"team1"}) if c.id == "r1")
        assert (claim.reservation, claim.reservation_name) == ("r1", "night")
        for victim in decision.victims:
            ledger.evicted(tx, victim, 6.0)
        told = [e for e in events.since(tx, 0, {"team1"}, 99) if e.kind == "reservation"]
        assert [(e.object_id, e.name) for e in told] == [("r1", "night")] * 2


def test_reserving_takes_back_what_is_lent_out(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        ask_many(tx, "team2", 16)
        decision = ledger.reserve(tx, ADMIN, "team1", "r1", {"containers": 2}, None, 5.0)
        assert decision.outcome == "reclaiming"
        assert ledger.reservation(tx, "r1").pending
        for victim in decision.victims:
            ledger.evicted(tx, victim, 6.0)
        assert ledger.reservation(tx, "r1") == ledger.ReservationView(
            "r1", "team1", {"containers": 2}, None, False, "r1"
        )
        with pytest.raises(Conflict, match="the id is taken"):
            ledger.reserve(tx, ADMIN, "team2", "r1", {"containers": 1}, None, 7.0)
        ledger.release_reservation(tx, ADMIN, "r1", 8.0)
        for gone in (lambda: ledger.reservation(tx, "r1"), lambda: ledger.release_reservation(tx, ADMIN, "r1", 9.0)):
            with pytest.raises(NotFound):
                gone()
        assert ledger.verify(tx)  # the claims of this test have no objects
        assert taken(tx) == 14
