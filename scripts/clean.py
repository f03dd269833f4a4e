"""Removes what a data folder's Jeroboam made on an engine: containers, networks, volumes. `clean.py DATA ENGINE`.

And the image that the demo put there, if it did: its id lies beside the data folder.
"""

import sys
from pathlib import Path

import docker
from docker.errors import DockerException

from jeroboam.backends.docker import DockerBackend
from jeroboam.backends.errors import BackendError, Temporary
from jeroboam.model.errors import Problem
from jeroboam.store.database import Database

IMAGE_ID = "image.id"


def main(data: Path, engine: str) -> None:
    remove_objects(data, engine)
    remove_image(data.parent / IMAGE_ID, engine)


def remove_image(noted: Path, engine: str) -> None:
    """Not by force: one that somebody else uses or has named since stays."""
    if not noted.exists():
        return
    client = docker.APIClient(base_url=engine, version="auto", timeout=60)
    try:
        client.remove_image(noted.read_text().strip())
    except DockerException as error:
        print(f"clean: left behind: {error}", file=sys.stderr)
    finally:
        client.close()


def remove_objects(data: Path, engine: str) -> None:
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
