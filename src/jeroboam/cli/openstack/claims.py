"""`openstack quota claim list`, `reclaim list` and `audit list`: who holds, who gives to whom, who changed what."""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from jeroboam.cli.openstack.amounts import Amounts, whole
from jeroboam.cli.openstack.base import Lister, Prose, Rows, rows
from jeroboam.cli.openstack.changes import Difference
from jeroboam.cli.openstack.projects import PROJECT, on_project

STATES = ("admitted", "waiting", "reclaiming", "evicted", "refused", "released", "cancelled")


class _OfProject(Lister):
    """A list of the quota API that is about one project, or about all below it."""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("project", metavar="PROJECT", nargs="?", help=PROJECT)
        parser.add_argument("--below", action="store_true", help="Those of the projects below it too (managers)")

    def fetch(self, parsed_args: argparse.Namespace, path: str, key: str, **query: Any) -> list[dict[str, Any]]:
        api, below = self.client.quota, parsed_args.below or None
        answer = on_project(
            self.client, parsed_args.project, lambda project: api.get(path, node=project, below=below, **query)
        )
        found: list[dict[str, Any]] = answer[key]
        return found


class ListClaims(_OfProject):
    """List what holds, or waits for, a project's quota: its containers and reservations.

    A claim that must leave shows until when and for whom; one that waits shows why.
    """

    EXAMPLES = """\
  openstack quota claim list
  openstack quota claim list --state waiting
  openstack quota claim list org --below --long
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        super().options(parser)
        parser.add_argument("--state", choices=STATES, help="Only claims in this state")
        parser.add_argument("--long", action="store_true", help="Show ids, priority and what may happen to it too")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        wide = parsed_args.long or parsed_args.columns or parsed_args.formatter != "table"
        found = self.fetch(parsed_args, "/claims", "claims", state=parsed_args.state)
        for item in found:
            item |= {"amounts": Amounts(item["amounts"]), "project": item["node_name"], "project_id": item["node"]}
            item["reason"] = Prose(item["reason"])
            item["name"], item["container_id"] = item["object_name"] or item["reservation_name"], item["object"]
        return rows(_CLAIM_LONG if wide else _CLAIM, found)


_CLAIM = ("project", "name", "state", "amounts", "deadline", "leaving_until", "leaving_for", "reason")
_CLAIM_LONG = (
    "id",
    "project",
    "project_id",
    "name",
    "container_id",
    "state",
    "amounts",
    "priority",
    "shortage",
    "reclaimable",
    "reservation",
    "created_at",
    "deadline",
    "leaving_until",
    "leaving_for",
    "reason",
)


class ListReclaims(_OfProject):
    """List reclaims in progress: who gets what, from whom, until when.

    One line for each container that has to leave, and for whom: a container or a reservation. Other projects than
    those that you manage have no name here.
    """

    EXAMPLES = """\
  openstack quota reclaim list
  openstack quota reclaim list org --below
"""

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        found = self.fetch(parsed_args, "/reclaims", "reclaims")
        return rows(_RECLAIM, _victims(found))


_RECLAIM = ("id", "project", "gets", "for", "from_project", "from_container", "gives", "deadline")


def _victims(reclaims: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """One row for each that has to leave; one for a reclaim that has all it needs and is about to end."""
    nobody: dict[str, Any] = {"node_name": None, "object_name": None, "amounts": {}}
    for item in reclaims:
        for victim in item["victims"] or [nobody]:
            yield {
                "id": item["id"],
                "project": item["node_name"],
                "gets": Amounts(item["amounts"]),
                "for": item["object_name"] or item["reservation_name"],
                "from_project": victim["node_name"],
                "from_container": victim["object_name"],
                "gives": Amounts(victim["amounts"]),
                "deadline": item["deadline"],
            }


class ListAudit(_OfProject):
    """List who changed which limits, from what to what, newest first."""

    EXAMPLES = """\
  openstack quota audit list team1
  openstack quota audit list org --below --limit 10
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        super().options(parser)
        parser.add_argument(
            "--limit", metavar="N", type=whole(1, 1000), default=100, help="At most N, 1 to 1000 (default: 100)"
        )

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        found = self.fetch(parsed_args, "/audit", "entries", limit=parsed_args.limit)
        for item in found:
            item |= {"project": item["node_name"], "by": item["user_name"] or item["user_id"]}
            item["change"] = Difference(item["before"], item["after"])
        return rows(("at", "by", "action", "project", "change"), found)
