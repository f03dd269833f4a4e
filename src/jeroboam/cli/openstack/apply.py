"""`openstack quota tree apply` and `quota tree export`: a whole tree of limits as a file."""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from typing import Any

from osc_lib import exceptions

from jeroboam.cli.drawing import pruned
from jeroboam.cli.marked import BadFile, content, read
from jeroboam.cli.openstack import document
from jeroboam.cli.openstack.base import Command, Lister, Rows
from jeroboam.cli.openstack.changes import Difference
from jeroboam.cli.openstack.client import Api, Client, segment
from jeroboam.cli.openstack.projects import PROJECT, on_project


class ApplyTree(Lister):
    """Set the limits of a whole tree from a YAML file, all or nothing, and list what changed.

    What the file does not name stays as it is; a policy and child_defaults are replaced whole. Amounts are those of
    the command line: vcpus in CPUs (1.5, 1500m), memory in MiB or with a unit (512, 2g). The order is found by
    itself: what must be lowered first is. A name may stand twice in a tree; then give the id beside it.
    """

    EXAMPLES = """\
  openstack quota tree apply tree.yaml --dry-run
  openstack quota tree apply tree.yaml
  openstack quota tree export org | sed 's/containers: 8/containers: 6/' | openstack quota tree apply -

The file:
  name: org
  hard_limit: {containers: 16, vcpus: 8, memory: 16g}
  children:
  - name: team1
    hard_limit: {containers: 8, vcpus: 4, memory: 8g}
    lend_limit: {containers: all}
    borrow_limit: {containers: unlimited}
  - name: team2
    hard_limit: {containers: 8}
    weight: 2
    policy: {reclaim: any, grace_seconds: 30}
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="The file; - reads standard input")
        parser.add_argument("--force", action="store_true", help="Even below what is in use, into debt (admins)")
        parser.add_argument("--dry-run", action="store_true", help="List what would change, and change nothing")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        try:
            wanted = document.tree(read(content(parsed_args.file)))
        except BadFile as error:
            raise exceptions.CommandError(f"cannot read {parsed_args.file}: {error}") from None
        except OSError as error:
            raise exceptions.CommandError(f"cannot read {parsed_args.file}: {error.strerror}") from None
        wanted = _identified(self.client, wanted)
        answer = self.client.quota.post(
            "/apply",
            {"document": wanted, "force": parsed_args.force},
            dry_run="true" if parsed_args.dry_run else None,
        )
        return ("project", "change"), [
            (item["node_name"], Difference(item["before"], item["after"])) for item in answer["changes"]
        ]

    def produce_output(self, parsed_args: argparse.Namespace, column_names: Any, data: Any) -> int:
        if parsed_args.formatter == "table" and not data:
            print("Nothing differs: all of it is as the file says.", file=self.app.stdout)
            return 0
        return int(super().produce_output(parsed_args, column_names, data))


def _identified(client: Client, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """With the ids of projects that nobody has used yet: the server's tree has no names of them."""
    top = on_project(client, _name(wanted), lambda project: client.quota.get("/tree", root=project))
    known = {node[key] for node in _nodes(top) for key in ("id", "name")}
    return {**_with_ids(client, wanted, known | {_name(wanted)}), "id": top["id"]}


def _with_ids(client: Client, node: Mapping[str, Any], known: Set[str]) -> dict[str, Any]:
    found = dict(node)
    if _name(node) not in known:
        shown = on_project(client, _name(node), lambda project: client.quota.get(f"/nodes/{segment(project)}"))
        found["id"] = shown["id"]
    if node.get("children"):
        found["children"] = [_with_ids(client, child, known) for child in node["children"]]
    return found


def _name(node: Mapping[str, Any]) -> str:
    return str(node.get("id") or node["name"])


class ExportTree(Command):
    """Print a tree of limits as the YAML that `quota tree apply` reads.

    Limits alone: neither what is in use, nor what bounds the project from above.
    """

    EXAMPLES = """\
  openstack quota tree export > tree.yaml
  openstack quota tree export org
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("project", metavar="PROJECT", nargs="?", help=PROJECT)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        import yaml

        api = self.client.quota
        root = on_project(self.client, parsed_args.project, lambda project: api.get("/tree", root=project))
        root = pruned(root, None)
        names = Counter(node["name"] for node in _nodes(root))
        if bounds := _bounds(api.get(f"/nodes/{segment(root['id'])}")):
            print(f"# Not in here, though it bounds {root['name']}: {bounds}.", file=self.app.stdout)
        yaml.safe_dump(_export(api, root, names), self.app.stdout, sort_keys=False, default_flow_style=None, width=100)


def _bounds(node: Mapping[str, Any]) -> str:
    """`org (containers), cloud (memory, vcpus)`: those above it that are not endless. None: an empty text."""
    bounded = {
        above["name"]: [r for r, left in above["available"].items() if left is not None] for above in node["above"]
    }
    return "; ".join(f"{name} ({', '.join(sorted(resources))})" for name, resources in bounded.items() if resources)


def _nodes(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield root
    for child in root.get("children") or ():
        yield from _nodes(child)


def _export(api: Api, node: Mapping[str, Any], names: Mapping[str, int]) -> dict[str, Any]:
    found = document.written(api.get(f"/nodes/{segment(node['id'])}"))
    if names[node["name"]] == 1:
        del found["id"]
    if node["children"]:
        found["children"] = [_export(api, child, names) for child in node["children"]]
    return found
