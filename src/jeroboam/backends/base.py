"""The contract of a backend. Every call is idempotent where its docstring says so, and bounded by a deadline.

A backend never touches what lacks our installation's label, whatever its name.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from jeroboam.backends.data import (
    Archive,
    Capacity,
    Credentials,
    Definition,
    ExecResult,
    Happened,
    Network,
    NetworkAttachment,
    PullProgress,
    Summary,
    Volume,
)
from jeroboam.model.observed import Observed


class LogStream(Protocol):
    """Chunks of output, stdout and stderr in the order in which they came; `close` works from another thread."""

    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
    def close(self) -> None: ...


class EventStream(Protocol):
    """What happens to our containers; `close` works from another thread and ends the iteration."""

    def __iter__(self) -> Iterator[Happened]: ...
    def __next__(self) -> Happened:
        """Blocks. Raises StopIteration after `close`, Temporary when the stream broke."""
        ...

    def close(self) -> None: ...


class Stream(Protocol):
    """Both ends of an attached terminal: raw bytes of a tty, or stdout and stderr mixed without one."""

    def fileno(self) -> int: ...
    def recv(self, size: int) -> bytes:
        """Blocks; b"" at the end."""
        ...

    def send(self, data: bytes) -> None: ...
    def close_write(self) -> None: ...
    def close(self) -> None: ...


class Backend(Protocol):
    """One engine. Raises Temporary or Permanent (errors.py), never the engine's own exceptions.

    `name` arguments are the engine's names of containers, as made by model/names.py.
    """

    name: str

    def ping(self) -> None:
        """Raises Temporary if the engine does not answer within a few seconds."""
        ...

    def capacity(self) -> Capacity: ...
    def clock(self) -> float:
        """What the engine's clock shows, which its events and containers bear: seconds since the epoch."""
        ...

    # images
    def image_id(self, reference: str) -> str | None:
        """The id of an image that is on the engine, None if it is not."""
        ...

    def pull(
        self, reference: str, credentials: Credentials | None, progress: Callable[[PullProgress], None] | None = None
    ) -> str:
        """Fetches the image and returns its id. Raises ImageMissing, ImageDenied, Temporary."""
        ...

    # containers
    def create(self, definition: Definition) -> Observed:
        """Makes the container (not started). Where one of that name and our labels exists it is adopted as it is.

        Of an adopted one that never ran, files and networks that a broken-off create left out are made good. What a
        fresh one costs another call to know (`image_id`, addresses) is left empty: `observe` tells.
        Raises ImageMissing, NotOurs, Permanent (the engine refuses the definition), Temporary.
        """
        ...

    def observe(self, name: str) -> Observed | None:
        """The container as it is now, None if there is none. Raises NotOurs."""
        ...

    def containers(self) -> list[Summary]:
        """All containers with our installation's label, in one call."""
        ...

    def start(self, name: str) -> None:
        """Idempotent. Raises Missing, WrongState (paused), PortTaken, Taken (an address), NetworkMissing, Permanent
        with the engine's words (say, command not found).
        """
        ...

    def stop(self, name: str, timeout: int) -> None:
        """Signal, `timeout` seconds, kill. Idempotent; a paused container is unpaused first. Raises Missing."""
        ...

    def pause(self, name: str) -> None:
        """Idempotent. Raises Missing, WrongState."""
        ...

    def unpause(self, name: str) -> None:
        """Idempotent. Raises Missing, WrongState."""
        ...

    def restart(self, name: str, timeout: int) -> None: ...
    def kill(self, name: str, signal: str) -> None:
        """Raises Missing, WrongState (not running), Permanent (no such signal)."""
        ...

    def remove(self, name: str) -> None:
        """Removes it whatever its state, with its anonymous volumes. Idempotent: what is not there is removed."""
        ...

    def update(self, name: str, *, memory: int | None = None, vcpus: int | None = None) -> None:
        """New limits, while it runs or not. Raises Missing, Permanent."""
        ...

    def connect(self, name: str, attachment: NetworkAttachment) -> None:
        """Joins a network; where it is joined already under other aliases or another address it is joined anew.

        So it is where the network was removed and made again. Raises Missing, NetworkMissing, NotOurs, Taken, and
        Permanent where the container was made without any network.
        """
        ...

    def disconnect(self, name: str, network: str) -> None:
        """Idempotent."""
        ...

    # what passes through to a tenant
    def logs(
        self,
        name: str,
        *,
        stdout: bool,
        stderr: bool,
        timestamps: bool,
        tail: int | None,
        since: float | None,
        follow: bool = False,
    ) -> LogStream:
        """`tail` lines (None: all), `since` seconds since the epoch. Follows until the container stops or `close`."""
        ...

    def exec_run(self, name: str, command: tuple[str, ...], timeout: float) -> ExecResult:
        """Runs to its end. Raises WrongState (not running), StillRunning after `timeout` seconds.

        Output beyond a mebibyte is cut, with a last line that says so.
        """
        ...

    def exec_create(self, name: str, command: tuple[str, ...], *, tty: bool) -> str:
        """The id of an exec that waits for `exec_attach`, stdin open."""
        ...

    def exec_attach(self, exec_id: str) -> Stream:
        """Starts the exec. Raises Missing (no such exec in a container of ours), WrongState."""
        ...

    def exec_resize(self, exec_id: str, width: int, height: int) -> None: ...
    def exec_container(self, exec_id: str) -> str:
        """The id (the engine's) of the container that the exec belongs to. Raises Missing."""
        ...

    def attach(self, name: str) -> Stream:
        """From now on, stdin open if the container's is. Raises Missing, WrongState (not running)."""
        ...

    def resize(self, name: str, width: int, height: int) -> None: ...
    def top(self, name: str, ps_args: str | None) -> tuple[list[str], list[list[str]]]:
        """Titles and rows. Raises WrongState."""
        ...

    def stats(self, name: str) -> Mapping[str, object]:
        """With Zun's keys: `CONTAINER`, `CPU %` (100 is one core busy), `MEM USAGE(MiB)`, `MEM LIMIT(MiB)`, `MEM %`,
        `BLOCK I/O(B)` and `NET I/O(B)` as `read/written` and `received/sent`. Raises WrongState (not running).
        """
        ...

    def get_archive(self, name: str, path: str, limit: int) -> Archive:
        """Raises Missing, Permanent where the tar would be larger than `limit` bytes."""
        ...

    def put_archive(self, name: str, path: str, data: bytes) -> None: ...

    # networks and volumes
    def ensure_network(self, name: str, subnet: str, labels: Mapping[str, str]) -> str:
        """The subnet that it has: one that exists keeps its own. Idempotent. Raises NotOurs, Taken, Permanent."""
        ...

    def remove_network(self, name: str) -> None:
        """Idempotent. Raises Temporary while containers hang on it."""
        ...

    def networks(self) -> list[Network]: ...
    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Idempotent. Raises NotOurs."""
        ...

    def remove_volume(self, name: str) -> None:
        """Idempotent. Raises Temporary while a container uses it."""
        ...

    def volumes(self) -> list[Volume]: ...

    # hearing of changes
    def events(self, since: float | None) -> EventStream:
        """What happens to our containers, from `since` on (inclusive: a line may come again after a reconnect).

        An engine remembers little of the past (Docker 256 lines of all it does): after a longer gap, look at all.

        Subscribed when it returns: what happens after that is not missed. Raises Temporary at once or when the
        stream breaks; a stream that is silent for long breaks too, so that a dead peer is noticed.
        """
        ...

    def close(self) -> None: ...
