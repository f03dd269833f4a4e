"""The words for each explanation code: what could not be done, which figures, what would help."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jeroboam.model.quantities import thing
from jeroboam.quota.reasons import Format, Help, Name, Reason

_WHY = {
    "unknown_node": "cannot find the project {node} in the quota tree",
    "claim_ended": "cannot admit this request again: it is over, or was evicted; ask under another id, or requeue it",
    "unknown_claim": "cannot find that claim",
    "unknown_reservation": "cannot find the reservation {reservation}{of}",
    "reservation_pending": "cannot draw from the reservation {reservation} yet: its units are still being taken back",
    "unknown_resource": "cannot admit {resource}: no project from {node} to the cloud has a limit for it",
    "unknown_parent": "cannot put a project under {node}, which is not in the quota tree",
    "negative_amount": "cannot ask for {asked} {resource}: amounts are whole and not negative",
    "priority_above_max": "cannot admit priority {asked}: {node} allows 0 to {maximum}",
    "limit_reached": (
        "cannot admit {asked} {resource}: {node} holds {taken} of the {ceiling} that it may reach "
        "(hard_limit {hard_limit} + borrow_limit {borrow_limit})"
    ),
    "ancestor_full": "cannot admit {asked} {resource}: {node} has {available} of {ceiling} left",
    "pledged": "cannot admit {asked} {resource}: what {node} has left is pledged to a reclaim in progress",
    "share_reached": "cannot admit {asked} {resource}: {node} has {available} of {ceiling} left",
    "not_reclaimable": (
        "cannot admit {asked} {resource} that may not be reclaimed: {node} holds {taken} of its own {ceiling}, "
        "and what may not be reclaimed may not be borrowed for"
    ),
    "free_short": "cannot reserve {asked} {resource}: {node} has {available} free",
    "reservation_short": "cannot draw {asked} {resource}: the reservation {reservation} has {available} left",
    "move_short": (
        "cannot move it there: {asked} {resource} of it would need room in {node}, "
        "which has {available} of {ceiling} left"
    ),
    "parent_free_short": "cannot give {asked} more {resource}{to}: {node} has {available} free",
    "below_given": "cannot lower the hard_limit of {node} to {asked} {resource}: {given} {are} allocated or reserved",
    "below_use": "cannot lower what {node} may reach to {asked} {resource}: it holds {taken}",
    "below_unreclaimable": (
        "cannot lower the hard_limit of {node} to {asked} {resource}: work that may not be reclaimed holds {taken}"
    ),
    "negative_limit": "cannot set a limit of {asked} {resource} on {node}: only a hard_limit may be -1 (no bound)",
    "negative_weight": "cannot set the weight of {node}: it is a fraction that is not below 0",
    "is_root": "cannot move or remove {node}: it is the top of the tree",
    "has_children": "cannot remove {node}: it has {count} {projects} below it",
    "has_claims": "cannot remove {node}: it has {count} {claims}",
    "has_reservations": "cannot remove {node}: {count} {resource} {are} reserved in it",
    "has_reclaims": "cannot change {node}: a reclaim in progress concerns it",
    "has_lent": "cannot remove {node}: others use {count} {resource} of it",
    "below_itself": "cannot move {node} below itself",
    "exists": "cannot add {node}: it is there already",
    "not_charged": "cannot resize this claim: it is not admitted, or it is leaving",
    "needs_reclaim": "cannot grow this claim: others would have to leave for it, and growth takes from nobody",
}

_UNFAIR = (
    ", and the requester would then have more than its fair part of {decides} "
    "(it has {has}{pending}, asks for {asks}, deserves {deserved}{now})"
)
_PENDING = " and waits for {waits}"
_NOW = ", and could have {fair_now} now"
_NEVER = "; it would not fit even if nothing else ran"
_UNTAKEN = ", and nobody who is above what they own has to leave for it"

_FEWER = {
    "ancestor_full": "cannot admit {asked} {resource}: {node} has {available} left",
    "share_reached": "cannot admit {asked} {resource}: {node} has {available} left",
    "not_reclaimable": (
        "cannot admit {asked} {resource} that may not be reclaimed: {node} has {available} left of its own, "
        "and what may not be reclaimed may not be borrowed for"
    ),
    "raise_hard_limit": "a manager of {node} can raise the hard_limit of {short} by {missing}",
    "raise_borrow_limit": "a manager above can raise the borrow_limit of {node} by {missing}",
}
"""The same for a reader who may not see all the figures."""

_HELP = {
    "smaller": "ask for {available} or less",
    "smaller_each": "ask for {amounts} or less",
    "grow_less": "grow it by {available} or less",
    "grow_less_each": "grow it by {amounts} or less",
    "release": "release {missing} of your own",
    "release_each": "release {amounts} of your own",
    "draw": "draw from your reservation {from}",
    "raise_hard_limit": "{node} has {free} free: its manager can raise the hard_limit of {short} to {hard_limit}",
    "raise_borrow_limit": "a manager above can raise the borrow_limit of {node} to {borrow_limit}",
    "raise_hard_limits": "a manager of {node} can raise the hard_limit of {nodes} by {amounts}",
    "raise_borrow_limits": "a manager above can raise the borrow_limit of {node} by {amounts}",
    "raise_parent": "raise the hard_limit of {node} by {missing} first",
    "wait": "ask with shortage wait: the request is queued, and admitted when enough is released",
    "wait_until": "wait: {units} of your units {come} back by {at}",
    "list_reservations": "list the reservations of {node}, and name one of them",
    "draw_later": "draw from it when they are there, by {at}",
    "free_reservation": "release a reservation of {node}",
    "lower_below": "lower the hard_limit of a project below {node}",
    "release_there": "release {missing} of what {node} holds",
    "mark_reclaimable": "allow the work to be reclaimed",
    "force": "an admin of a parent can force it: the node is then in debt until its use has fallen",
    "drain": "release or move what is there first",
    "lower_priority": "ask with a priority of {maximum} or less",
    "set_limit": "an admin can set a limit for it on the cloud, and a manager below",
    "ask_separately": "ask for the difference in a claim of its own: that may reclaim",
    "release_first": "whoever borrows has to give it back first",
}


def write(
    reason: Reason,
    name: Name | Mapping[str, str] | None,
    amount: Format | None,
    when: Callable[[float], str],
) -> str:
    """`reason` as one sentence. A node that may not be named reads "another project"."""
    return _Writer(reason, name, amount, when).whole()


@dataclass(frozen=True, slots=True)
class _Writer:
    reason: Reason
    name: Name | Mapping[str, str] | None
    amount: Format | None
    when: Callable[[float], str]

    def whole(self) -> str:
        helps = "; or ".join(map(self._help, self.reason.helps))
        return self._why() + (f". What would help: {helps}" if helps else "")

    def _why(self) -> str:
        reason = self.reason
        said = self._said(reason.figures, reason.node)
        said["pending"] = _PENDING.format_map(said) if "waits" in said else ""
        more = said.get("fair_now") not in (None, said.get("deserved"))
        said["now"] = _NOW.format_map(said) if more else ""
        why = _filled(_WHY, reason.code, said)
        if reason.code == "share_reached":
            why += (_UNFAIR if reason.decides else _UNTAKEN).format_map(_Known(said))
        return why + (_NEVER if reason.never and not _evident(reason.figures) else "")

    def _help(self, help_: Help) -> str:
        said = self._said(help_.figures, help_.node)
        said["at"] = "" if help_.at is None else self.when(help_.at)
        said["amounts"] = " and ".join(self._counted(r, units) for r, units in help_.amounts.items())
        said["nodes"] = ", then of ".join(map(self._called, help_.nodes))
        said["from"] = help_.reservation or ""
        return _filled(_HELP, help_.code, said)

    def _said(self, figures: Mapping[str, int], node: str | None) -> dict[str, str]:
        reason = self.reason
        said = {word: self._units(reason.unit(word), units) for word, units in figures.items()}
        if figures.get("borrow_limit") == -1:
            said["borrow_limit"] = "unlimited"
        said |= _numbers(said) | {"node": self._called(node), "short": self._called(reason.node)}
        said["resource"] = thing(reason.resource or "", said.get("asked", said.get("count")))
        said |= {"decides": reason.decides or "", "reservation": reason.reservation or ""}
        said["to"] = f" to {self._called(reason.about)}" if reason.about else ""
        said["of"] = f" of {said['node']}" if node else ""
        return said

    def _called(self, node: str | None) -> str:
        if node is None:
            return "another project"
        if self.name is None:
            return node
        return self.name.get(node, node) if isinstance(self.name, Mapping) else self.name(node)

    def _units(self, resource: str | None, units: int) -> str:
        return self.amount(resource, units) if self.amount and resource else str(units)

    def _counted(self, resource: str, units: int) -> str:
        written = self._units(resource, units)
        return f"{written} {thing(resource, written)}"


def _filled(known: Mapping[str, str], code: str, said: dict[str, str]) -> str:
    try:
        return known.get(code, code).format_map(said)
    except KeyError:
        return _FEWER.get(code, known[code]).format_map(_Known(said))


def _evident(figures: Mapping[str, int]) -> bool:
    """More is asked for than the sentence says there is."""
    return "ceiling" in figures and figures.get("asked", 0) > figures["ceiling"]


def _numbers(said: Mapping[str, str]) -> dict[str, str]:
    """Words that are others for one than for several."""
    one = "1" in (said.get("count"), said.get("given"), said.get("units"))
    return {
        "are": "is" if one else "are",
        "come": "comes" if one else "come",
        "projects": "project" if one else "projects",
        "claims": "claim" if one else "claims",
    }


class _Known(dict[str, str]):
    """Figures that the reader may not see are left as a dash."""

    def __missing__(self, key: str) -> str:
        return "-"
