"""The order in which the claims of a node would leave, as it is kept from one search to the next."""

from copy import deepcopy

from jeroboam.quota.tree import Claim, Node

HELD = [
    Claim("a", "n", {"u": 1}, 50, 1),
    Claim("b", "n", {"u": 1}, 50, 2),
    Claim("c", "n", {"u": 3}, 50, 3),
    Claim("d", "n", {"u": 1}, 10, 4),
    Claim("e", "n", {"v": 1}, 10, 5),
]


def holder(*claims: Claim) -> Node:
    node = Node("n", "n")
    for claim in claims:
        node.hold(claim)
    return node


def order(node: Node, need: int = 1) -> str:
    """Who holds u, where `need` of it are short."""
    ranked = node.candidates().ranked({"u"}, lambda claim: max(0, claim.amounts["u"] - need))
    return "".join(claim.id for _, claim in ranked)


def test_the_order_is_priority_then_waste_then_age() -> None:
    assert (order(holder(*HELD), need=1), order(holder(*HELD), need=3)) == ("dbac", "dcba")


def test_it_follows_what_comes_goes_and_changes() -> None:
    node = holder(*deepcopy(HELD))
    assert order(node) == "dbac"
    node.let_go("b")
    node.hold(Claim("f", "n", {"u": 1}, 10, 6))
    grown = node.claims["a"]
    node.let_go("a")
    grown.amounts["u"] = 3
    node.hold(grown)
    assert order(node) == "fdca"
    for claim in [*node.claims.values()]:
        node.let_go(claim.id)
    assert order(node) == ""


def test_one_that_is_loaded_again_takes_its_own_place() -> None:
    node = holder(*HELD)
    assert order(node) == "dbac"
    node.hold(Claim("b", "n", {"u": 3}, 50, 2))
    assert order(node) == "dacb"


def test_a_copy_follows_its_own_claims() -> None:
    node = holder(*HELD)
    assert order(node) == "dbac"
    copy = deepcopy(node)
    copy.let_go("d")
    assert (order(copy), order(node)) == ("bac", "dbac")
