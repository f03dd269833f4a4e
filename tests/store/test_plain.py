"""Batches of requests: what the stored function, and the ledger's engine, admit is what the engine admits one after the
other, and the counters that they write are the engine's.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from jeroboam.quota import admission, limits
from jeroboam.quota.decision import Request
from jeroboam.quota.policy import Policy, Shortage
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.tree import ROOT, UNLIMITED, Limit, Tree
from jeroboam.store import ledger
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked
from tests.store.cloud import ADMIN
from tests.store.test_ledger_random import NODES, state

RESOURCES = ("containers", "vcpus")
few = st.integers(0, 6)
limit = st.builds(Limit, st.just(UNLIMITED) | st.integers(0, 9), st.none() | few, st.none() | few)
policy = st.builds(
    Policy,
    max_priority=st.none() | st.sampled_from((10, 60)),
    reclaimable=st.none() | st.booleans(),
    shortage=st.none() | st.sampled_from(Shortage),
    grace_seconds=st.none() | st.just(5.0),
)
setting = st.tuples(st.sampled_from(tuple(NODES)), st.sampled_from(RESOURCES), limit, st.booleans())
asking = st.tuples(
    st.sampled_from(("a", "a", "b", "b", "c", "c", "org1", "nobody")),
    st.dictionaries(
        st.sampled_from((*RESOURCES * 3, "gpus")), st.sampled_from((1, 1, 1, 2, 0, 4)), min_size=1, max_size=3
    ),
    st.sampled_from((0, 50, 50, 50, 80)),
)
batches = st.lists(st.lists(asking, min_size=1, max_size=6), min_size=1, max_size=4)
START = {"org1": 15, "org2": 9, "a": 8, "b": 7, "c": 8}


def plant(tx: Connection) -> Tree:
    """The same tree in the ledger and in memory."""
    tree = Tree({})
    ledger.set_capacity(tx, dict.fromkeys(RESOURCES, 24), 0.0)
    limits.set_limits(tree, ROOT, {resource: Limit(24) for resource in RESOURCES})
    for node, parent in NODES.items():
        path = [node]
        while path[-1] != "d":
            path.append(NODES[path[-1]])
        ledger.ensure_path(tx, [(ident, ident, "project") for ident in path])
        limits.add_node(tree, node, node, parent)
    for node, hard in {"d": UNLIMITED, **START}.items():
        put(tx, tree, node, {resource: Limit(hard) for resource in RESOURCES}, Policy(), force=False)
    return tree


def put(tx: Connection, tree: Tree, node: str, new: dict[str, Limit], rules: Policy, force: bool) -> None:
    with suppress(QuotaConflict):
        limits.set_limits(tree, node, new, policy=rules, force=force)
        ledger.set_node(tx, ADMIN, node, new, 0.0, policy=rules, force=force)


class Undone(Exception):
    """Ends the transaction of one example without a trace."""


def test_a_batch_is_decided_as_the_engine_decides_one_after_the_other(shared: Database) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(
        st.lists(setting, max_size=3), st.lists(st.tuples(st.sampled_from(tuple(NODES)), policy), max_size=2), batches
    )
    def run(limit_changes: list[tuple], rules: list[tuple], many: list[list[tuple]]) -> None:  # type: ignore[type-arg]
        with suppress(Undone), shared.write() as tx:
            tree = plant(tx)
            for node, resource, new, force in limit_changes:
                put(tx, tree, node, {resource: new}, tree.nodes[node].policy, force)
            for node, chosen in rules:
                put(tx, tree, node, {}, chosen, force=False)
            for nth, batch in enumerate(many):
                asked = [
                    Asked(Request(f"c{nth}.{place}", node, {r: a for r, a in amounts.items() if a}, priority), "object")
                    for place, (node, amounts, priority) in enumerate(batch)
                ]
                admitted = ledger.admit_plain(tx, asked, 1.0)
                expected = [alone(tree, one.request) for one in asked]
                assert admitted == expected
                seen["admitted"] += sum(expected)
                seen["some of several"] += 0 < sum(expected) < len(expected)
                seen["all of several"] += 1 < sum(expected) == len(expected)
            assert state(ledger.tree(tx)) == state(tree)
            raise Undone

    run()
    assert min(seen[what] for what in ("admitted", "some of several", "all of several")) >= 50, seen


def alone(tree: Tree, request: Request) -> bool:
    """Whether the engine admits it as it is, with nobody leaving; only then it is charged."""
    if not request.amounts or admission.decide(tree, request, 1.0).outcome != "admitted":
        return False
    order = tree.last_order + 1
    numbered = Request(request.id, request.node_id, request.amounts, request.priority, order=order)
    firm = not tree.nodes[request.node_id].rules().reclaimable
    return not firm and admission.admit(tree, numbered, 1.0).outcome == "admitted"


def test_all_of_a_request_fits_or_none_of_it(shared: Database) -> None:
    """Where its project bounds every resource, and where the cloud does."""
    for hard in (UNLIMITED, 8):
        with suppress(Undone), shared.write() as tx:
            tree = plant(tx)
            put(tx, tree, "a", {resource: Limit(hard, None, 0) for resource in RESOURCES}, Policy(), force=False)
            asked = [
                Asked(Request(f"c{vcpus}", "a", {"containers": 1, "vcpus": vcpus}), "object") for vcpus in (1, 99, 2)
            ]
            assert ledger.admit_plain(tx, asked, 1.0) == [True, False, True]
            assert ledger.tree(tx).nodes["a"].used == {"containers": 2, "vcpus": 3}
            raise Undone


def test_where_no_parent_is_noted_the_engine_is_asked(shared: Database) -> None:
    """As version 0006 writes a node that is new."""
    with suppress(Undone), shared.write() as tx:
        before = plant(tx)
        tx.execute(text("UPDATE quota_limits SET parent_id = NULL WHERE node_id = 'a'"))
        asked = [Asked(Request(node, node, {"containers": 1}), "object") for node in ("a", "c")]
        admitted = ledger.admit_plain(tx, asked, 1.0)
        assert admitted == [tx.dialect.name == "sqlite", True]
        assert [ledger.tree(tx).nodes[node].used.get("containers", 0) for node in ("a", "c")] == admitted
        assert before.nodes["a"].used == {}
        raise Undone


def test_ids_may_hold_what_quoting_is_made_of(db: Database) -> None:
    peculiar = """it's 100 %s of "{a,\\b}" \n\\'; é"""
    with db.write() as tx:
        plant(tx)
    with db.admit() as tx:
        asked = [Asked(Request(ident, "a", {"containers": 1}), ident) for ident in ("plain", peculiar)]
        assert ledger.admit_plain(tx, asked, 1.0) == [True, True]
    with db.read() as tx:
        kept = {claim.id: claim.object_id for claim in ledger.claims(tx, None)}
    assert kept == {"plain": "plain", peculiar: peculiar}


def test_a_text_that_cannot_be_stored_is_not_cut_off(db: Database) -> None:
    if not db.remote:
        pytest.skip("SQLite stores any")
    with db.write() as tx:
        plant(tx)
    with pytest.raises(DBAPIError, match="NUL"), db.admit() as tx:
        ledger.admit_plain(tx, [Asked(Request("c", "a\0b", {"containers": 1}), "object")], 1.0)


NOT_PLAIN = {
    "what others may not take": (Policy(reclaimable=False), Limit(UNLIMITED)),
    "a priority above the greatest": (Policy(max_priority=10), Limit(UNLIMITED)),
    "a debt": (Policy(), Limit(0, 0, 0)),
}
"""What node `b` is given, which holds a container."""


def plant_with(tx: Connection, rules: Policy, limit: Limit) -> None:
    """Room for everybody, and `b`, which holds a container, with these rules and this limit."""
    plant(tx)
    ledger.set_capacity(tx, {"containers": 10**6, "vcpus": 10**6}, 0.0)
    for node in NODES:
        put(tx, ledger.tree(tx), node, dict.fromkeys(RESOURCES, Limit(UNLIMITED)), Policy(), force=True)
    assert ledger.admit(tx, Request("held", "b", {"containers": 1}), "", 1.0).outcome == "admitted"
    put(tx, ledger.tree(tx), "b", {"containers": limit}, rules, force=True)


@pytest.mark.parametrize(("rules", "limit"), NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_those_that_are_not_plain_are_left_out_and_the_others_are_charged_together(
    shared: Database, rules: Policy, limit: Limit
) -> None:
    with suppress(Undone), shared.write() as tx:
        plant_with(tx, rules, limit)
        asked = [
            Asked(Request(f"c{place}", node, amounts, 50), f"object{place}")
            for place, (node, amounts) in enumerate(
                [
                    ("b", {"containers": 1}),
                    ("a", {"containers": 1, "vcpus": 2}),
                    ("b", {"vcpus": 1, "containers": 2}),
                    ("c", {"vcpus": 3}),
                    ("b", {"vcpus": 4}),
                    ("a", {"containers": 4}),
                ]
            )
        ]
        in_debt = limit.hard == 0  # of containers: vcpus concern nobody there
        plain = [False, True, False, True, in_debt, True]
        before = units_of_work(tx)
        assert ledger.admit_plain(tx, asked, 1.0) == plain
        assert units_of_work(tx) == before + 1
        paid = {claim.id: (claim.object_id, claim.amounts) for claim in ledger.claims(tx, None) if claim.id != "held"}
        assert paid == {
            one.request.id: (one.object_id, one.request.amounts) for one, yes in zip(asked, plain, strict=True) if yes
        }
        nodes = ledger.tree(tx).nodes
        assert nodes["a"].used == {"containers": 5, "vcpus": 2}
        assert (nodes["b"].used["containers"], nodes["b"].used.get("vcpus", 0)) == (1, 4 * in_debt)
        assert nodes["c"].used["vcpus"] == 3
        assert ledger.differences(tx) == []
        raise Undone


@pytest.mark.parametrize(("rules", "limit"), NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_where_none_is_plain_nothing_is_touched(shared: Database, rules: Policy, limit: Limit) -> None:
    with suppress(Undone), shared.write() as tx:
        plant_with(tx, rules, limit)
        before = units_of_work(tx), state(ledger.tree(tx))
        asked = [Asked(Request(f"c{n}", "b", {"containers": 1}, 50), "object") for n in range(3)]
        assert ledger.admit_plain(tx, asked, 1.0) == [False] * 3
        assert (units_of_work(tx), state(ledger.tree(tx))) == before
        raise Undone


def test_of_those_that_are_left_each_is_tried_by_itself_where_all_are_too_much(shared: Database) -> None:
    with suppress(Undone), shared.write() as tx:
        plant_with(tx, Policy(reclaimable=False), Limit(UNLIMITED))
        put(tx, ledger.tree(tx), "c", {"containers": Limit(2, 0, 0)}, Policy(), force=False)
        asked = [
            Asked(Request(f"c{place}", node, {"containers": amount}), f"object{place}")
            for place, (node, amount) in enumerate([("b", 1), ("c", 1), ("c", 2), ("b", 1), ("a", 5), ("c", 1)])
        ]
        assert ledger.admit_plain(tx, asked, 1.0) == [False, True, False, False, True, True]
        kept = {claim.id: claim.object_id for claim in ledger.claims(tx, None) if claim.id != "held"}
        assert kept == {"c1": "object1", "c4": "object4", "c5": "object5"}
        assert ledger.differences(tx) == []
        raise Undone


def units_of_work(tx: Connection) -> int:
    return int(tx.execute(text("SELECT coalesce(max(version), 0) FROM quota_changes")).scalar_one())


@pytest.mark.parametrize(
    ("rules", "limit"),
    [(Policy(reclaimable=False), Limit(UNLIMITED)), (Policy(), Limit(0, 0, 0)), (Policy(), Limit(1, 0, 0))],
    ids=["a rule", "a debt", "no room"],
)
def test_batches_one_of_which_has_no_plain_request_lock_in_one_order(
    db: Database, url: str, rules: Policy, limit: Limit
) -> None:
    """In opposite orders, from two connections: nobody waits in a circle, whatever is in the way of one of a batch.

    Where that is no room, each is tried by itself, in the order of its batch: what they lock is locked before.
    """
    with db.write() as tx:
        plant_with(tx, rules, limit)

    def run(one: Database, nodes: Sequence[str], name: str) -> int:
        admitted = 0
        for nth in range(40):
            asked = [Asked(Request(f"{name}{nth}{node}", node, {"containers": 1}), "object") for node in nodes]
            with one.admit() as tx:
                admitted += sum(ledger.admit_plain(tx, asked, 1.0))
        return admitted

    with closing(Database(url)) as other, ThreadPoolExecutor(2) as both:
        runs = [both.submit(run, db, "abc", "x"), both.submit(run, other, "cba", "y")]
        assert [found.result() for found in runs] == [80, 80]
    with db.read() as tx:
        assert ledger.differences(tx) == []
