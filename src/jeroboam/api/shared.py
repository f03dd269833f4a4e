"""What all routes of an application share beside its services: the engine's bulkhead, the tickets."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request

from jeroboam.api.engine import Engine
from jeroboam.api.tickets import Tickets


@dataclass(frozen=True, slots=True)
class Shared:
    engine: Engine
    tickets: Tickets


async def _shared(request: Request) -> Shared:
    shared = request.app.state.shared
    assert isinstance(shared, Shared)
    return shared


Common = Annotated[Shared, Depends(_shared)]
Ident = Annotated[str, Path(description="Id or name", max_length=255)]
