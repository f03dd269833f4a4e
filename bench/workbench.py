"""What all figures share: an engine, an image on it, and a data folder that has been used once."""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests import engine as engines

from bench import limits
from bench.direct import Direct
from bench.house import House
from jeroboam.backends.busybox import import_busybox
from jeroboam.backends.docker import DockerBackend
from jeroboam.backends.errors import Temporary
from jeroboam.store.database import Database

REMOVERS = 8


@dataclass(frozen=True, slots=True)
class Workbench:
    """`quick`: fewer samples, for a look. `say` tells what is being done."""

    folder: Path
    engine: engines.Engine
    image: str
    used: House
    quick: bool
    say: Callable[[str], None]

    def times(self, many: int, few: int) -> int:
        return few if self.quick else many

    @contextmanager
    def house(self, *, last: bool = False) -> Iterator[House]:
        """A copy of the used data folder; what it made on the engine is removed at the end.

        `last`: nothing is measured afterwards, so on an engine of our own it goes with the engine.
        """
        with tempfile.TemporaryDirectory(dir=self.folder) as parent:
            house = self.used.copy(Path(parent) / "data")
            try:
                yield house
            finally:
                if not (last and self.engine.namespace):
                    clear(house)

    @contextmanager
    def direct(self) -> Iterator[Direct]:
        made = Direct(self.engine.url, self.image)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def workbench(quick: bool, say: Callable[[str], None]) -> Iterator[Workbench]:
    """Raises engines.NoEngine."""
    with tempfile.TemporaryDirectory(prefix="jeroboam-bench-") as name:
        folder = Path(name)
        (folder / "engine").mkdir()
        try:
            engine = engines.obtain(folder / "engine")
            import_busybox(engine.url, engines.IMAGE)
            used = House.furnish(folder / "used", engine.url)
            with used.up() as process:
                limits.open_wide(used)
                say(f"a first start, with a new data folder: ready after {process.ready:.1f} s")
            yield Workbench(folder, engine, engines.IMAGE, used, quick, say)
        finally:
            engines.end(folder / "engine")


def clear(house: House) -> None:
    """Removes what the installation left on the engine, many at once."""
    database = Database(house.settings.database_url)
    backend = DockerBackend("bench", house.settings.engine.url, database.installation)
    try:
        with ThreadPoolExecutor(REMOVERS) as pool:
            list(pool.map(lambda found: backend.remove(found.name), backend.containers()))
        for network in backend.networks():
            # Docker 20.10 miscounts a network's endpoints where many end at once, and keeps it until it is restarted.
            with suppress(Temporary):
                backend.remove_network(network.name)
    finally:
        backend.close()
        database.close()
