"""What every command of the plugin shares: its client, help that keeps its examples, and tables of dictionaries."""

import argparse
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cliff.columns import FormattableColumn
from osc_lib import exceptions
from osc_lib.command import command

from jeroboam.cli.openstack.client import Client

USAGE = 2


class Misused(exceptions.CommandError):
    """What stands on the command line cannot be meant: as what argparse finds, exit status 2."""


class Common:
    """Mixed into a command. `EXAMPLES` is printed under its help as it stands."""

    EXAMPLES = ""
    app: Any

    @property
    def client(self) -> Client:
        client: Client = self.app.client_manager.capacity
        return client

    def get_epilog(self) -> str:
        return f"Examples:\n{self.EXAMPLES.rstrip()}" if self.EXAMPLES else ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)  # type: ignore[misc]
        parser.formatter_class = Help
        self.options(parser)
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        try:
            return int(super().run(parsed_args))  # type: ignore[misc]
        except Misused as error:
            self.app.log.error(str(error))
            return USAGE

    def options(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command's own options."""


class Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of descriptions and examples, and a margin that leaves options room."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **{"max_help_position": 32, **options})


class Command(Common, command.Command):
    """Does something and says little."""


class Lister(Common, command.Lister):
    """A table."""


class ShowOne(Common, command.ShowOne):
    """One thing."""


def each(app: Any, items: Sequence[str], act: Callable[[str], object], verb: str, things: str) -> None:
    """Acts on all, whatever becomes of each; of several that fail each is told, and in the end how many.

    Raises CommandError.
    """
    failed = 0
    for item in items:
        try:
            act(item)
        except exceptions.CommandError as error:
            if len(items) == 1:
                raise
            failed += 1
            app.log.error(str(error))
    if failed:
        raise exceptions.CommandError(f"cannot {verb} {failed} of {len(items)} {things}: see above")


Rows = tuple[Sequence[str], Iterable[Sequence[Any]]]


def rows(columns: Sequence[str], items: Iterable[Mapping[str, Any]]) -> Rows:
    """The columns of each item. What is missing or null is an empty cell."""
    return columns, [[_cell(item.get(column)) for column in columns] for item in items]


def _cell(value: Any) -> Any:
    return Blank(None) if value is None else value


class Blank(FormattableColumn[None]):
    """Nothing: an empty cell in a table, null for a program."""

    def human_readable(self) -> str:
        return ""


def present(value: Any, parsed_args: argparse.Namespace) -> Any:
    """Of one thing: what is null is so for who reads JSON or YAML, and an empty text for people and shells."""
    return "" if value is None and parsed_args.formatter not in ("json", "yaml") else value


class Prose(FormattableColumn[Any]):
    """Sentences in a cell, broken into lines in a table."""

    WIDTH = 72

    def human_readable(self) -> str:
        return "\n".join(textwrap.wrap(self._value or "", self.WIDTH))
