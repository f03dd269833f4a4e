"""The limits of the example organisation, set at the first start: its users can start containers at once.

16 containers for the organisation, 8 of them each team's own; each lends what it leaves idle and borrows what it can.
"""

import time

from jeroboam.api.services import Services
from jeroboam.model.quantities import CONTAINERS, MEMORY, VCPUS
from jeroboam.quota.tree import UNLIMITED, Limit
from jeroboam.store import ledger
from jeroboam.store.audit import Actor

ORGANISATION, TEAMS = "org", ("team1", "team2")
_UNBOUNDED = {VCPUS: Limit(UNLIMITED), MEMORY: Limit(UNLIMITED)}
_ORGANISATION = {CONTAINERS: Limit(16, None, 0), **_UNBOUNDED}
_TEAM = {CONTAINERS: Limit(8), **_UNBOUNDED}
_ACTOR = Actor("jeroboam", "jeroboam up")


def set_limits(services: Services) -> bool:
    """Whether it was the first start, with no project in the tree, and the limits have been set. Raises Problem."""
    with services.database.read() as tx:
        if ledger.has_projects(tx):
            return False
    places = [services.projects.find(name) for name in (ORGANISATION, *TEAMS)]
    paths = [services.projects.path(place.id) for place in places]
    now = time.time()
    with services.database.write() as tx:
        # The engine may not be there yet, and only it knows the machine's size; containers have none.
        ledger.set_capacity(tx, {CONTAINERS: UNLIMITED}, now)
        for path in paths:
            ledger.ensure_path(tx, [(place.id, place.name, place.kind) for place in path])
        for place in places:
            limits = _ORGANISATION if place is places[0] else _TEAM
            ledger.set_node(tx, _ACTOR, place.id, limits, now)
    return True
