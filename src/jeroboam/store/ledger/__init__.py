"""The quota ledger: the engine's tree in tables. The engine alone computes; what it has changed is written back, with
events for those concerned, in the transaction of the object that it is about.
"""

from jeroboam.store.ledger.changes import newest as version
from jeroboam.store.ledger.changes import prune as prune_changes
from jeroboam.store.ledger.damage import damaged
from jeroboam.store.ledger.nodes import (
    NodeRow,
    ancestors,
    apply,
    below,
    down,
    has_projects,
    names,
    node,
    plan,
    set_capacity,
    set_node,
    tree,
)
from jeroboam.store.ledger.paths import Path, add_path, ensure_path, has_path, shown_with
from jeroboam.store.ledger.plain import Asked, admit_plain
from jeroboam.store.ledger.requests import admit, dry_run, evicted, release, requeue, resize
from jeroboam.store.ledger.reservations import (
    ReservationView,
    due,
    extend_reservation,
    find_reservation,
    release_reservation,
    reservation,
    reservation_id,
    reservations,
    reserve,
)
from jeroboam.store.ledger.verify import Difference, differences, repair, verify
from jeroboam.store.ledger.views import ClaimView, Leaving, ReclaimView, VictimView
from jeroboam.store.ledger.views import in_nodes as claims
from jeroboam.store.ledger.views import open_reclaims as reclaims
from jeroboam.store.ledger.views import view as claim

__all__ = [
    "Asked",
    "ClaimView",
    "Difference",
    "Leaving",
    "NodeRow",
    "Path",
    "ReclaimView",
    "ReservationView",
    "VictimView",
    "add_path",
    "admit",
    "admit_plain",
    "ancestors",
    "apply",
    "below",
    "claim",
    "claims",
    "damaged",
    "differences",
    "down",
    "dry_run",
    "due",
    "ensure_path",
    "evicted",
    "extend_reservation",
    "find_reservation",
    "has_path",
    "has_projects",
    "names",
    "node",
    "plan",
    "prune_changes",
    "reclaims",
    "release",
    "release_reservation",
    "repair",
    "requeue",
    "reservation",
    "reservation_id",
    "reservations",
    "reserve",
    "resize",
    "set_capacity",
    "set_node",
    "shown_with",
    "tree",
    "verify",
    "version",
]
