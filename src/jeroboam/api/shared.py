"""What all routes of an application share beside its services: bulkhead, tickets, what is kept, who follows events."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Path, Request

from jeroboam.api.bodies import LargeBodies
from jeroboam.api.containers.written import Writer
from jeroboam.api.engine import Engine
from jeroboam.api.tickets import Tickets


@dataclass(frozen=True, slots=True)
class Shared:
    engine: Engine
    tickets: Tickets
    large: LargeBodies = field(default_factory=LargeBodies)
    writer: Writer = field(default_factory=Writer)
    followers: Counter[str] = field(default_factory=Counter)
    """Open event streams, by the node that they are scoped to."""


async def _shared(request: Request) -> Shared:
    shared = request.app.state.shared
    assert isinstance(shared, Shared)
    return shared


Common = Annotated[Shared, Depends(_shared)]
Ident = Annotated[str, Path(description="Id or name", max_length=255)]
