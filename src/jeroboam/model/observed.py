"""A container as its engine shows it: what planning compares with what was declared."""

from dataclasses import dataclass
from enum import StrEnum

from jeroboam.model.container import Address, PublishedPort


class State(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    EXITED = "exited"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Observed:
    """A container as the engine shows it. Times in seconds since the epoch; memory in MiB; vcpus in thousandths."""

    id: str
    name: str
    object_id: str
    state: State
    definition: str
    """The value of our definition label."""
    image_id: str
    exit_code: int | None = None
    error: str = ""
    oom_killed: bool = False
    started_at: float | None = None
    finished_at: float | None = None
    health: str | None = None
    addresses: tuple[Address, ...] = ()
    """Only while it runs. `Address.network` is the engine's name of the network."""
    networks: tuple[str, ...] = ()
    """The engine's names of those that it is on, also while it stands still."""
    joinable: bool = True
    """False: it was made without any network, and the engine lets it join none."""
    ports: tuple[PublishedPort, ...] = ()
    memory: int = 0
    vcpus: int = 0
    pids: int = 0
