"""Removes what a data folder's Jeroboam made on an engine: containers, networks, volumes. `clean.py DATA ENGINE`."""

import sys
from pathlib import Path

from jeroboam.backends.docker import DockerBackend
from jeroboam.backends.errors import BackendError, Temporary
from jeroboam.model.errors import Problem
from jeroboam.store.database import Database


def main(data: Path, engine: str) -> None:
    file = data / "jeroboam.sqlite"
    if not file.exists():
        return
    database = Database(f"sqlite:///{file}")
    backend = DockerBackend("local", engine, database.installation)
    for container in backend.containers():
        backend.remove(container.name)
    for network in backend.networks():
        try:
            backend.remove_network(network.name)
        except Temporary as error:
            # Docker 20.10 now and then counts endpoints of a network that has none, until it is restarted.
            print(f"clean: left behind: {error}", file=sys.stderr)
    for volume in backend.volumes():
        backend.remove_volume(volume.name)
    backend.close()
    database.close()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2])
    except (BackendError, Problem) as error:
        sys.exit(f"clean: {error}")
