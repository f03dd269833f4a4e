"""One turn of work on one container: what is known so far, and what came of it."""

from dataclasses import dataclass, replace

from jeroboam.conductor.definitions import Container, Surroundings
from jeroboam.model.container import ContainerStatus
from jeroboam.model.errors import Problem
from jeroboam.model.events import Event, EventType
from jeroboam.planning.container import Charge, Desired, Hold
from jeroboam.planning.report import queued, taking_back
from jeroboam.quota.tree import ClaimState
from jeroboam.store.work import ClaimView, Work


class LeaseLost(Problem):
    """Another conductor has the object now: leave everything as it is.

    A Problem, for nothing is wrong here: the ledger in memory need not be read anew.
    """

    code, title = "lease_lost", "Another conductor has it"


@dataclass(slots=True)
class Turn:
    """`status` grows as steps are taken; `began` and `looked_at`: when it began, and last looked at the engine."""

    work: Work
    obj: Container
    status: ContainerStatus
    charge: Charge
    began: float
    around: Surroundings | None = None
    looked_at: float = 0.0
    limits_refused: str = ""

    @classmethod
    def of(cls, item: Work, now: float) -> "Turn":
        return cls(item, item.object, item.object.status, charge_of(item.claim), now)

    def desired(self) -> Desired:
        obj = self.obj
        return Desired(obj.name, obj.spec, self.status, self.charge, obj.deleting is not None, self.limits_refused)

    def fulfilled(self) -> None:
        """The owner's last ask is carried out."""
        self.status = replace(self.status, intent_done=self.obj.spec.intent.revision)

    def event(self, type: EventType, message: str, data: dict[str, object], now: float) -> Event:
        obj = self.obj
        return Event(type, obj.kind, obj.id, obj.project_id, now, message, obj.name, data)


def charge_of(claim: ClaimView | None) -> Charge:
    """The ledger's view of a claim as planning needs it. An object without a claim may not run."""
    if claim is None:
        return Charge(Hold.EVICTED)
    match claim.state:
        case ClaimState.ADMITTED:
            if claim.leaving is None:
                return Charge()
            return Charge(evict_at=claim.leaving.deadline, claimant=claim.leaving.by_project)
        case ClaimState.RECLAIMING:
            return Charge(Hold.WAITING, taking_back(len(claim.victims), claim.deadline), claim.deadline)
        case ClaimState.WAITING:
            return Charge(Hold.WAITING, queued(claim.reason))
    return Charge(Hold.EVICTED)
