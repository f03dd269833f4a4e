"""`openstack quota node show` and `quota node set`: one project of the quota tree."""

import argparse
from typing import Any

from jeroboam.cli.openstack import figures
from jeroboam.cli.openstack.amounts import AMOUNTS, UNLIMITED, Amount, Gather
from jeroboam.cli.openstack.base import Command, Lister, Misused, Rows
from jeroboam.cli.openstack.client import Api, segment
from jeroboam.cli.openstack.policies import HELP, PolicyAction, weight
from jeroboam.cli.openstack.projects import PROJECT, on_project

LIMITS = ("hard_limit", "lend_limit", "borrow_limit")


class ShowNode(Lister):
    """Show what a project has, may have, and shares, one line for each resource.

    Amounts in a table are for people: vcpus in CPUs, memory in MiB. Other formats have all columns, in base units:
    vcpus in thousandths, memory in MiB, -1 for no bound of its own; a lend_limit of null means all, a borrow_limit
    of null unlimited.
    """

    EXAMPLES = """\
  openstack quota node show
  openstack quota node show team1 --long
  openstack quota node show team1 -f value -c resource -c free
  openstack quota node show team1 -f json
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("project", metavar="PROJECT", nargs="?", help=PROJECT)
        parser.add_argument("--long", action="store_true", help="Show limits of lending, weight and policy too")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        api = self.client.quota
        node = on_project(self.client, parsed_args.project, lambda project: api.get(f"/nodes/{segment(project)}"))
        wide = figures.everything(parsed_args)
        columns = figures.words([node], wide)
        own = (node["weight"], figures.policy(node["policy"])) if wide else ()
        lines = [
            [resource, *figures.cells(node, resource, columns), _available(node, resource), *own]
            for resource in figures.resources(node)
        ]
        return ("resource", *columns, "available", *(("weight", "policy") if wide else ())), lines


def _available(node: Any, resource: str) -> Amount:
    return Amount(resource, node["available"].get(resource), "unlimited", "unlimited")


class SetNode(Command):
    """Set limits, weight and policy of a project. What is not named stays as it is.

    hard   what the project owns, given by its parent (unlimited: no bound of its own)
    lend   how much of that others may use while it is idle (all: everything; 0: nothing)
    borrow how far above it the project may go while others are idle (unlimited; 0: never)

    A manager of the project's parent, or of any project above, may set them. Others keep what they use of a raised
    limit until the project asks for it. --force lowers a limit below what is in use; the project is then in debt
    until its use has fallen (admins only).
    """

    EXAMPLES = """\
  openstack quota node set team1 --hard containers=8,vcpus=4,memory=8g
  openstack quota node set team1 --lend containers=all --borrow containers=4
  openstack quota node set team1 --borrow containers=unlimited --weight 2
  openstack quota node set team1 --policy reclaim=lower_priority --policy grace_seconds=30
  openstack quota node set org --child-default containers=2
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("project", metavar="PROJECT", help="Project or domain (name or id)")
        _limit(parser, "--hard", f"What it owns: {AMOUNTS}; or unlimited (repeatable)", {"unlimited": UNLIMITED})
        _limit(parser, "--lend", "How much of that others may use; or all", {"all": None})
        _limit(parser, "--borrow", "How far above it may go; or unlimited", {"unlimited": None})
        parser.add_argument("--weight", type=weight, metavar="W", help="Part against its siblings: 2, 0.5, 1/3, 0")
        parser.add_argument("--policy", action=PolicyAction, metavar="KEY=VALUE", help=HELP)
        new = "of projects that are made below it from now on"
        _limit(parser, "--child-default", f"hard_limit {new}", {"unlimited": UNLIMITED})
        _limit(parser, "--child-default-lend", f"lend_limit {new}; or all", {"all": None})
        _limit(parser, "--child-default-borrow", f"borrow_limit {new}; or unlimited", {"unlimited": None})
        parser.add_argument("--force", action="store_true", help="Even below what is in use")

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        api = self.client.quota
        on_project(self.client, parsed_args.project, lambda project: change(api, project, parsed_args))


def _limit(parser: argparse.ArgumentParser, option: str, text: str, words: dict[str, Any]) -> None:
    parser.add_argument(option, metavar="RESOURCE=AMOUNT", action=Gather, words=words, help=text)


def change(api: Api, project: str, given: argparse.Namespace) -> None:
    """Sends what is given. Policy and child defaults are replaced whole by the API: the rest of them is kept here."""
    path = f"/nodes/{segment(project)}"
    body: dict[str, Any] = {}
    if limits := by_resource(given.hard, given.lend, given.borrow):
        body["limits"] = limits
    if given.weight is not None:
        body["weight"] = given.weight
    defaults = by_resource(given.child_default, given.child_default_lend, given.child_default_borrow)
    if given.policy or defaults:
        node = api.get(path)
        if given.policy:
            body["policy"] = {**node["policy"], **given.policy}
        if defaults:
            before = node["child_defaults"] or {}
            body["child_defaults"] = before | {r: before.get(r, {}) | limit for r, limit in defaults.items()}
    if not body:
        raise Misused(
            "cannot set nothing: give --hard, --lend, --borrow, --weight, --policy, --child-default, "
            "--child-default-lend or --child-default-borrow"
        )
    api.patch(path, {**body, "force": True} if given.force else body)


def by_resource(*limits: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """{"containers": {"hard_limit": 8, "borrow_limit": None}} from the three options, in the order of LIMITS."""
    found: dict[str, dict[str, Any]] = {}
    for word, amounts in zip(LIMITS, limits, strict=True):
        for resource, units in (amounts or {}).items():
            found.setdefault(resource, {})[word] = units
    return found
