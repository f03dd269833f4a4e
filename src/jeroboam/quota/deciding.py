"""What would a request get? Reads the tree, changes nothing. The steps of `decide` are the model's, in its order."""

from collections import Counter

from jeroboam.quota import explain
from jeroboam.quota.counters import over, pool
from jeroboam.quota.decision import ADMITTED, Decision, Request
from jeroboam.quota.helps import Lack
from jeroboam.quota.legality import Case
from jeroboam.quota.looks import Look, Possible, is_firm
from jeroboam.quota.policy import Effective, Ground, Shortage
from jeroboam.quota.reasons import Reason
from jeroboam.quota.tree import Amounts, Node, Tree
from jeroboam.quota.trial import Short, Trial, leave, leaving, pledged, undo
from jeroboam.quota.victims import Search


def decide(
    tree: Tree, request: Request, now: float, helped: Possible | None = None, *, explained: bool = True
) -> Decision:
    """Admitted, reclaiming (with victims and deadline), waiting or refused (with the reason, if it is `explained`).

    `helped`: what makes something a help; unset: that the request would be accepted then.
    """
    node = tree.nodes.get(request.node_id)
    if node is None:
        return Decision("refused", reason=Reason("unknown_node", request.node_id))
    rules = node.rules()
    # 1. Malformed or out of bounds: refused whatever the state.
    reason = explain.bad_request(tree, node, request, rules)
    if reason is not None:
        return Decision("refused", reason=reason)
    # 2. A draw from a reservation is capacity held already.
    if request.reservation is not None:
        return ADMITTED
    if fits(tree, request, node, rules):
        return ADMITTED
    return _decide_whole(Look(tree, request, helped or possible), rules, now, explained)


def fits(tree: Tree, request: Request, node: Node, rules: Effective) -> bool:
    """Steps 3 to 5, where the path alone is enough to say yes."""
    # 3. What may not be reclaimed may not be borrowed for. 4. What is pledged is nobody else's. 5. It fits.
    if not request.reclaimable or not rules.reclaimable or tree.reclaims:
        return False
    return not Trial().shortages(node, request.amounts)


def _decide_whole(look: Look, rules: Effective, now: float, explained: bool) -> Decision:
    """Steps 3 to 6, for which the path alone is not enough."""
    tree, request, node = look.tree, look.request, look.node
    firm = not (request.reclaimable and rules.reclaimable)
    lacks = not_owned(node, request) if firm else []
    if lacks:
        return _short(request, rules, explain.not_owned(look, lacks) if explained else None)
    present = Trial().shortages(node, request.amounts, firm)
    future = pledged(tree)
    shorts = future.shortages(node, request.amounts, firm) if tree.reclaims else present
    if not present and not tree.reclaims:
        return ADMITTED
    # 6. A legal set of victims makes it fit: entitled. Otherwise it is short.
    if not shorts:
        return _entitled(tree, request, node, (), Ground.LEFT_OVER.value, firm, now)
    search = _search(tree, request, future, shorts)
    victims = _victims(search, shorts)
    if victims is None:
        left = search.unmet or shorts
        reason = explain.refusal(look, present, left, unfair=search.unfair) if explained else None
        return _short(request, rules, reason)
    return _entitled(tree, request, node, victims, search.rule() or Ground.LEFT_OVER.value, firm, now)


def possible(tree: Tree, request: Request) -> bool:
    """Would it be admitted, or reclaim from a few? So much of a look that many can be taken."""
    node = tree.nodes[request.node_id]
    firm = is_firm(node, request)
    if firm and not_owned(node, request):
        return False
    future = pledged(tree)
    shorts = future.shortages(node, request.amounts, firm)
    return all(s.soft for s in shorts) or _search(tree, request, future, shorts).few()


def fits_now(tree: Tree, request: Request) -> bool:
    """Would it be admitted beside all that is pledged, with nobody leaving for it?"""
    node = tree.nodes[request.node_id]
    firm = is_firm(node, request)
    if firm and not_owned(node, request):
        return False
    return not pledged(tree).shortages(node, request.amounts, firm)


def not_owned(node: Node, request: Request) -> list[Lack]:
    """What `node` lacks of what a firm request asks for: its claims may hold the pool, nothing that a child owns.

    A node without a bound of its own uses the pool of the nearest bounded ancestor, with others like it.
    """
    lacks = []
    for resource, asked in request.amounts.items():
        owner = node.bounded(resource)
        if owner is None:
            continue
        room = pool(owner, resource)
        held = owner.used.get(resource, 0)
        held += sum(over(c, resource) for c in owner.children.values() if c.limit(resource).hard < 0)
        if held + asked > room:
            lacks.append(Lack(owner, resource, asked, held, room))
    return lacks


def owns(tree: Tree, node: Node, amounts: Amounts) -> bool:
    """Is there room for firm `amounts` beside the other firm claims in what `node` owns, whoever else uses it?"""
    for resource, asked in amounts.items():
        owner = node.bounded(resource)
        if owner is not None and _firm(tree, owner, resource) + asked > pool(owner, resource):
            return False
    return True


def _firm(tree: Tree, node: Node, resource: str) -> int:
    """Units held by claims of the node, and of those below it without a bound, that nobody can take back."""
    own = (c for c in node.claims.values() if not c.reclaimable or c.reservation in tree.reservations)
    below = (c for c in node.children.values() if c.limit(resource).hard < 0)
    return sum(c.amounts.get(resource, 0) for c in own) + sum(_firm(tree, c, resource) for c in below)


def _victims(search: Search, shorts: list[Short]) -> tuple[str, ...] | None:
    """Who has to leave beyond those leaving already; None: nobody may."""
    found = search.run()
    if found is None and all(s.soft for s in shorts):
        return ()  # a private part is its owner's, even in an over-full tree that nobody can mend
    return found


def _search(tree: Tree, request: Request, future: Trial, shorts: list[Short]) -> Search:
    future.add(tree.nodes[request.node_id], request.amounts)
    return Search(Case(tree, request, future, shorts, leaving(tree)))


def _entitled(
    tree: Tree, request: Request, node: Node, victims: tuple[str, ...], rule: str, firm: bool, now: float
) -> Decision:
    """Admitted once `victims` are gone, and those of earlier reclaims that leave more free than they are needed for."""
    relied = _relied_on(tree, request, node, victims, firm)
    if not victims and not relied:
        return ADMITTED
    deadlines = [row.deadline for row in tree.reclaims.values() if not set(relied).isdisjoint(row.victims)]
    graces = [tree.nodes[tree.claims[v].node_id].rules().grace_seconds for v in victims]
    deadline = max([*deadlines, now + max(graces, default=0)])
    return Decision("reclaiming", relied + victims, deadline=deadline, rule=rule)


def _relied_on(tree: Tree, request: Request, node: Node, victims: tuple[str, ...], firm: bool) -> tuple[str, ...]:
    """Victims of earlier reclaims whose leaving the request counts on.

    A reclaim that could be left out, its beneficiary with its victims, is none of the request's business: each waits
    for its own victims and for nobody else's.
    """
    state = pledged(tree)
    for victim in victims:
        leave(state, tree, victim)
    taken = Counter(v for row in tree.reclaims.values() for v in row.victims)
    needed = []
    for row in reversed(tree.reclaims.values()):
        alone = [v for v in row.victims if taken[v] == 1]
        undo(state, tree, row, alone)
        if any(not s.soft for s in state.shortages(node, request.amounts, firm)):
            undo(state, tree, row, alone, -1)
            needed.append(row)
        else:
            taken.subtract(row.victims)
    return tuple(dict.fromkeys(v for row in reversed(needed) for v in row.victims))


def _short(request: Request, rules: Effective, reason: Reason | None) -> Decision:
    waits = Shortage(request.shortage or rules.shortage) is Shortage.WAIT
    return Decision("waiting" if waits else "refused", reason=reason)
