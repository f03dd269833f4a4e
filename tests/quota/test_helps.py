"""What a refusal says would help does help, on random trees, once it is done."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from jeroboam.quota.admission import Request, admit_now, at_once, decide, release, resize
from jeroboam.quota.counters import free, taken
from jeroboam.quota.invariants import check
from jeroboam.quota.limits import LimitChange, add_node, move, release_reservation, reserve, set_limits
from jeroboam.quota.reasons import Help, QuotaConflict, Reason
from jeroboam.quota.tree import ROOT, UNLIMITED, ClaimState, Limit, Tree
from tests.quota.builders import cloud, project

PARENTS = {"A": ROOT, "B": ROOT, "a1": "A", "a2": "A", "b1": "B"}
ACCEPTED = {"admitted", "reclaiming"}

Own = dict[str, tuple[int, int | None, int | None, Fraction | int]]
Asked = tuple[str, dict[str, int], bool]

units = st.integers(0, 8)
some = st.one_of(st.none(), units)
limits = st.tuples(
    st.one_of(units, units, st.just(UNLIMITED)), some, some, st.sampled_from([1, 1, 2, 0, Fraction(1, 2)])
)
amounts = st.dictionaries(st.sampled_from(["u", "m"]), st.integers(1, 10), min_size=1)
claims = st.tuples(st.sampled_from([*PARENTS]), amounts, st.sampled_from([True, True, True, False]))


def grown(given_limits: Own) -> Tree:
    tree = cloud(u=14, m=20)
    for name, parent in PARENTS.items():
        add_node(tree, name, name, parent)
        hard, lend, borrow, weight = given_limits[name]
        for own in (hard, 0):
            try:
                set_limits(tree, name, dict.fromkeys(("u", "m"), Limit(own, lend, borrow)), Fraction(weight))
                break
            except QuotaConflict:
                continue
    return tree


def outcome_after(tree: Tree, request: Request, reason: Reason, help_: Help) -> str:
    """What the request gets once the help has been given, on a copy of the tree."""
    tree, resource, figures = deepcopy(tree), reason.resource, help_.figures
    assert resource is not None
    match help_.code:
        case "smaller":
            request = replace(request, amounts={**request.amounts, resource: figures["available"]})
        case "smaller_each":
            request = replace(request, amounts={**request.amounts, **help_.amounts})
        case "mark_reclaimable":
            request = replace(request, reclaimable=True)
        case "wait":
            request = replace(request, shortage="wait")
            assert decide(emptied(tree), request, 0).outcome == "admitted"
        case _:
            carry_out(tree, request.node_id, reason, help_)
    return decide(tree, request, 0).outcome


def carry_out(tree: Tree, node_id: str, reason: Reason, help_: Help) -> None:
    """What is to be changed in the tree, as `node_id`'s people and managers above would do it."""
    figures, resource = help_.figures, reason.resource or ""
    match help_.code:
        case "release" | "release_there":
            give_back(tree, node_id, {resource: figures["missing"]})
        case "release_each":
            give_back(tree, node_id, help_.amounts)
        case "free_reservation":
            for reservation in [r.id for r in tree.reservations.values() if r.node_id == help_.node]:
                release_reservation(tree, reservation, 0)
        case "lower_below":
            lower_one(tree, help_.node or "", resource, reason.figures["missing"])
        case "raise_borrow_limit":
            set_limits(tree, help_.node or "", {resource: LimitChange(borrow=figures["borrow_limit"])})
        case "raise_borrow_limits":
            more = {r: (tree.nodes[help_.node or ""].limit(r).borrow or 0) + a for r, a in help_.amounts.items()}
            set_limits(tree, help_.node or "", {r: LimitChange(borrow=units) for r, units in more.items()})
        case "raise_hard_limit":
            set_limits(tree, reason.node or "", {resource: LimitChange(hard=figures["hard_limit"])})
        case _:
            assert help_.code == "raise_hard_limits"
            for node in help_.nodes:
                more = {r: tree.nodes[node].limit(r).hard + a for r, a in help_.amounts.items()}
                set_limits(tree, node, {r: LimitChange(hard=units) for r, units in more.items()})


def lower_one(tree: Tree, node_id: str, resource: str, missing: int) -> None:
    for child in tree.nodes[node_id].children.values():
        hard = child.limit(resource).hard
        if free(child, resource) >= missing and taken(child, resource) <= hard - missing:
            set_limits(tree, child.id, {resource: LimitChange(hard=hard - missing)})
            return
    raise AssertionError("no child can give so much")


def emptied(tree: Tree) -> Tree:
    tree = deepcopy(tree)
    for claim in list(tree.claims.values()):
        release(tree, claim.id, 0)
    return tree


def give_back(tree: Tree, node_id: str, missing: Mapping[str, int]) -> None:
    left = dict(missing)
    for claim in list(tree.nodes[node_id].claims.values()):
        less = {r: min(claim.amounts.get(r, 0), units) for r, units in left.items()}
        left = {r: units - less[r] for r, units in left.items()}
        resize(tree, claim.id, {r: units - less.get(r, 0) for r, units in claim.amounts.items()}, 0)
    assert not any(left.values())


def used_by(own: Own, held: list[Asked]) -> Tree:
    tree = grown(own)
    for i, (node, wanted, reclaimable) in enumerate(held):
        admit_now(tree, Request(f"c{i}", node, wanted, reclaimable=reclaimable, order=i), 0)
    return tree


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(dict.fromkeys(PARENTS, limits)),
    st.lists(claims, max_size=12),
    st.lists(claims, min_size=1, max_size=6),
)
def test_every_help_helps(
    own: Own,
    held: list[Asked],
    asked: list[Asked],
) -> None:
    tree = used_by(own, held)
    assert {c.state for c in tree.claims.values()}.isdisjoint({ClaimState.WAITING, ClaimState.RECLAIMING})
    tree.forget_changes()
    for node, wanted, reclaimable in asked:
        request = Request("probe", node, wanted, reclaimable=reclaimable, order=99)
        reason = decide(tree, request, 0).reason
        assert check(tree) == []
        assert not tree.dirty_nodes
        for help_ in reason.helps if reason else ():
            accepted = ACCEPTED | ({"waiting"} if help_.code == "wait" else set())
            assert outcome_after(tree, request, reason or Reason(""), help_) in accepted, (request, help_)
        if reason is not None and "wait" not in [h.code for h in reason.helps] and reason.code != "not_reclaimable":
            assert decide(emptied(tree), request, 0).outcome == "refused", request


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(dict.fromkeys(PARENTS, limits)),
    st.lists(claims, max_size=12),
    st.sampled_from([*PARENTS]),
    st.sampled_from([ROOT, *PARENTS]),
)
def test_what_helps_a_move_does(own: Own, held: list[Asked], node: str, parent: str) -> None:
    tree = used_by(own, held)
    tree.forget_changes()
    try:
        move(deepcopy(tree), node, parent)
        return
    except QuotaConflict as refused:
        reason = refused.reason
    for help_ in reason.helps if reason.code == "move_short" else ():
        helped = deepcopy(tree)
        carry_out(helped, node, reason, help_)
        move(helped, node, parent)
        assert check(helped) == []


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(dict.fromkeys(PARENTS, limits)),
    st.lists(claims, max_size=12),
    st.lists(st.tuples(st.sampled_from([*PARENTS]), amounts), min_size=1, max_size=6),
)
def test_what_helps_a_reservation_does(own: Own, held: list[Asked], asked: list[tuple[str, dict[str, int]]]) -> None:
    tree = used_by(own, held)
    for i, (node, wanted) in enumerate(asked):
        tree.forget_changes()
        reason = at_once(tree, reserve(tree, f"r{i}", node, wanted, 0), 0).reason
        assert check(tree) == []
        assert reason is None or not tree.dirty_nodes
        for help_ in reason.helps if reason else ():
            helped = deepcopy(tree)
            amounts = dict(wanted)
            if help_.code == "smaller":
                amounts[reason.resource or ""] = help_.figures["available"]
            elif help_.code == "smaller_each":
                amounts |= help_.amounts
            else:
                carry_out(helped, node, reason, help_)
            decision = reserve(helped, "again", node, amounts, 0)
            assert decision.outcome in ACCEPTED, (node, wanted, help_)


def test_raising_a_limit_is_not_proposed_where_nobody_would_leave() -> None:
    """The organisation has all that the cloud has: more to borrow from nobody is no help."""
    tree = cloud(u=16)
    project(tree, "org", u=16, borrow=0)
    for name in ("team1", "team2"):
        project(tree, name, "org", u=8)
        for i in range(8):
            admit_now(tree, Request(f"{name}-{i}", name, {"u": 1}, order=i), 0)
    reason = decide(tree, Request("probe", "team1", {"u": 1}), 0).reason
    assert reason is not None
    assert [h.code for h in reason.helps] == ["release", "wait"]
