"""`openstack quota tree show`: who has what, down the tree."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cliff.columns import FormattableColumn
from osc_lib import exceptions

from jeroboam.cli.drawing import draw, pruned, style
from jeroboam.cli.openstack import figures
from jeroboam.cli.openstack.base import Lister, Rows
from jeroboam.cli.openstack.projects import PROJECT, on_project


class ShowTree(Lister):
    """Draw the quota tree below a project.

    One line for each project and resource. Amounts are for people: vcpus in CPUs, memory in MiB. With -f json or
    -f yaml the whole tree comes as one nested document, with -f csv or -f value as rows; both in base units (vcpus
    in thousandths, memory in MiB).
    """

    EXAMPLES = """\
  openstack quota tree show
  openstack quota tree show org --resource containers
  openstack quota tree show --depth 1 --long
  openstack quota tree show -f json | jq '.children[].used'
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("project", metavar="PROJECT", nargs="?", help=PROJECT)
        parser.add_argument("--resource", metavar="RESOURCE", help="Only this resource (containers, vcpus, ...)")
        parser.add_argument("--depth", metavar="N", type=levels, help="Show at most N levels below the project")
        parser.add_argument("--long", action="store_true", help="Show every figure, limits of lending too")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        client = self.client
        root = on_project(client, parsed_args.project, lambda project: client.quota.get("/tree", root=project))
        root = pruned(root, parsed_args.depth)
        check_known([node for node, _, _ in draw(root, style())], parsed_args.resource)
        self.document = only(root, parsed_args.resource)
        nodes = list(draw(self.document, style()))
        columns = figures.words([node for node, _, _ in nodes], figures.everything(parsed_args))
        return ("project", "resource", *columns), list(_lines(nodes, columns))

    def produce_output(self, parsed_args: argparse.Namespace, column_names: Any, data: Any) -> int:
        if parsed_args.formatter in ("json", "yaml") and not parsed_args.columns:
            # Both of these can write one thing as well as a list.
            formatter: Any = self.formatter
            formatter.emit_one(self.document.keys(), self.document.values(), self.app.stdout, parsed_args)
            return 0
        return int(super().produce_output(parsed_args, column_names, data))


class Label(FormattableColumn[str]):
    """The drawn name in a table; the path from the top (`cloud/Default/org`) for a program."""

    def __init__(self, drawn: str, path: str) -> None:
        super().__init__(path)
        self._drawn = drawn

    def human_readable(self) -> str:
        return self._drawn


def levels(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise argparse.ArgumentTypeError(f"cannot read {text[:20]!r} as a number of levels: write 0, 1, 2 ...")
    return int(text)


def check_known(nodes: Iterable[Mapping[str, Any]], resource: str | None) -> None:
    """Raises CommandError where none of the nodes has a figure for it."""
    known = {known for node in nodes for known in figures.resources(node)}
    if resource is not None and resource not in known:
        there = ", ".join(sorted(known)) or "none"
        raise exceptions.CommandError(f"cannot show {resource[:63]!r}: nobody here has any of that; there are {there}")


def only(node: Mapping[str, Any], resource: str | None) -> dict[str, Any]:
    """The tree with the figures of one resource; as it is where none is named."""
    if resource is None:
        return dict(node)
    kept = {word: {r: v for r, v in (node.get(word) or {}).items() if r == resource} for word in figures.WORDS}
    return {**node, **kept, "children": [only(child, resource) for child in node.get("children") or ()]}


def _lines(nodes: Iterable[tuple[Mapping[str, Any], list[str], str]], columns: Sequence[str]) -> Iterable[list[Any]]:
    for node, (first, further), path in nodes:
        drawn = f"{first}{node['name']}"
        for resource in figures.resources(node) or [""]:
            yield [Label(drawn, path), resource, *figures.cells(node, resource, columns)]
            drawn = further.rstrip()
