"""`openstack appcontainer volume list` and `volume delete`: the named volumes that containers have left behind."""

import argparse

from jeroboam.cli.openstack.base import Command, Lister, Rows, each, rows
from jeroboam.cli.openstack.client import segment


class ListVolumes(Lister):
    """List the volumes of your project.

    A volume is made when a container first names it (--mount source=NAME,destination=/path) and outlives it. One
    with a container_uuid lives and dies with that container.
    """

    EXAMPLES = """\
  openstack appcontainer volume list
  openstack appcontainer volume list -f value -c name
"""

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        found = self.client.containers.get("/volumes")["volumes"]
        return rows(
            ("uuid", "name", "container_uuid", "used_by"),
            [
                {**item, "container_uuid": item["container_uuid"] or "", "used_by": ", ".join(item["used_by"])}
                for item in found
            ],
        )


class DeleteVolume(Command):
    """Delete volumes, with all that is on them.

    One that a container mounts is not deleted: delete the container first.
    """

    EXAMPLES = """\
  openstack appcontainer volume delete data
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("volumes", metavar="VOLUME", nargs="+", help="Volumes to delete (name or id)")

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        api = self.client.containers
        each(
            self.app,
            parsed_args.volumes,
            lambda volume: api.delete(f"/volumes/{segment(volume)}"),
            "delete",
            "volumes",
        )
