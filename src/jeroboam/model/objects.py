"""An object: something that a project owns and that conductors keep as it is declared."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Spec = TypeVar("Spec")
Status = TypeVar("Status")


@dataclass(frozen=True, slots=True)
class Object(Generic[Spec, Status]):
    """`generation` grows with every change of the spec; `observed_generation` is the one that the status speaks of.

    `deleting` is when its deletion was asked for (seconds since the epoch): the object and its charge stay until the
    backend has confirmed that nothing is left.
    """

    id: str
    kind: str
    project_id: str
    user_id: str
    name: str
    generation: int
    observed_generation: int
    spec: Spec
    status: Status
    created_at: float
    updated_at: float
    deleting: float | None = None
