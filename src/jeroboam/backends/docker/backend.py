"""The rooms of the Docker backend put together."""

from docker.tls import TLSConfig

from jeroboam.backends.data import Capacity
from jeroboam.backends.docker import reading
from jeroboam.backends.docker.events import Events
from jeroboam.backends.docker.images import Images
from jeroboam.backends.docker.networks import Networks
from jeroboam.backends.docker.passthrough import Passthrough
from jeroboam.backends.docker.wire import Deadlines, Wire

_POOL = 48


class DockerBackend(Networks, Images, Passthrough, Events):
    """One Docker Engine (API 1.41 or newer) as a `base.Backend`. Thread-safe; connects at the first call.

    `url` is `unix:///path` or `tcp://host:port`, with `tls` for an engine that asks for certificates. `pool` is how
    many connections are kept open. Only what carries `installation`'s label is ever touched.
    """

    def __init__(
        self,
        name: str,
        url: str,
        installation: str,
        *,
        tls: TLSConfig | None = None,
        deadlines: Deadlines | None = None,
        pool: int = _POOL,
    ) -> None:
        super().__init__(name, Wire(url, tls, deadlines or Deadlines(), pool), installation)

    def ping(self) -> None:
        self._wire.ping()

    def capacity(self) -> Capacity:
        return reading.capacity(self._wire.json("GET", "/info", "ask the engine for its capacity"))

    def clock(self) -> float:
        return reading.clock(self._wire.json("GET", "/info", "ask the engine for its time"))
