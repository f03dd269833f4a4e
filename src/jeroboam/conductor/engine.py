"""All conductors of an installation work on one engine: on another they would make every container a second time."""

from jeroboam.backends.base import Backend
from jeroboam.model.errors import Unavailable
from jeroboam.store import engine
from jeroboam.store.database import Database


class KnownEngine:
    """Whether the backend's engine is the installation's: asked once. Thread-safe."""

    def __init__(self, database: Database, backend: Backend) -> None:
        self._database = database
        self._backend = backend
        self._host: str | None = None

    def host(self) -> str:
        """The name of its machine. Raises Unavailable where it is another engine, BackendError where it is away."""
        if self._host is None:
            found = self._backend.capacity()
            kept = self._kept_or(found.id)
            if kept != found.id:
                raise Unavailable(
                    f"cannot work with the engine of {found.host} ({found.id}): this installation's containers are on "
                    f"another one ({kept}); give all conductors the same engine, or, where it was replaced, stop them "
                    "and run `jeroboam db forget-engine`"
                )
            self._host = found.host
        return self._host

    def _kept_or(self, found: str) -> str | None:
        """The engine that is remembered: `found`, where there was none."""
        with self._database.read() as tx:
            kept = engine.kept(tx)
        if kept is not None:
            return kept
        with self._database.write(notify=False) as tx:
            engine.remember(tx, found)
            return engine.kept(tx)
