"""`openstack quota reservation create | list | extend | delete`: capacity that a project holds for later."""

import argparse
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jeroboam.cli.openstack import times
from jeroboam.cli.openstack.amounts import AMOUNTS, Amounts, Gather
from jeroboam.cli.openstack.base import Command, Lister, Rows, ShowOne, each, present, rows
from jeroboam.cli.openstack.client import segment
from jeroboam.cli.openstack.projects import PROJECT, on_project

COLUMNS = ("name", "project", "amounts", "until", "pending", "id")
UNTIL = "When it ends: a time (2026-12-31T12:00:00Z), or a time from now (30m, 2h, 7d)"


class CreateReservation(ShowOne):
    """Reserve capacity for a project: it is held even while nothing uses it.

    It comes out of what the project owns. Units that others have borrowed are taken back as for a request: the
    outcome is then `reclaiming`, and they are there by the deadline. A container draws from the reservation with
    --hint reservation=NAME.
    """

    EXAMPLES = """\
  openstack quota reservation create --amount containers=2,vcpus=1 --until 2h release-night
  openstack quota reservation create --project team1 --amount containers=2
  openstack appcontainer run --hint reservation=release-night busybox sleep 60
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "name", metavar="NAME", nargs="?", help="What it is called, once in its project (default: its id)"
        )
        parser.add_argument(
            "--amount",
            metavar="RESOURCE=AMOUNT",
            action=Gather,
            required=True,
            help=f"How much: {AMOUNTS} (repeatable)",
        )
        parser.add_argument("--until", metavar="WHEN", type=moment, help=f"{UNTIL}; default: until it is deleted")
        parser.add_argument("--project", metavar="PROJECT", help=PROJECT)

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        api = self.client.quota
        body = {"amounts": parsed_args.amount, "until": parsed_args.until, "name": parsed_args.name}
        answer = on_project(
            self.client,
            parsed_args.project,
            lambda project: api.post(f"/nodes/{segment(project)}/reservations", body),
        )
        shown = {**_row(answer["reservation"]), "outcome": answer["outcome"], "deadline": answer["deadline"]}
        return tuple(shown), tuple(present(value, parsed_args) for value in shown.values())


class ListReservations(Lister):
    """List reservations with what has not been drawn from them yet.

    One that is pending shows what it will hold: its units are still being taken back from others, and nothing can be
    drawn from it before.
    """

    EXAMPLES = """\
  openstack quota reservation list
  openstack quota reservation list --project team1
  openstack quota reservation list --project org --below
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        # As all commands about reservations have it, and as all other lists do.
        named = parser.add_mutually_exclusive_group()
        named.add_argument("--project", metavar="PROJECT", dest="of", help="The same as PROJECT")
        named.add_argument("project", metavar="PROJECT", nargs="?", help=PROJECT)
        parser.add_argument("--below", action="store_true", help="Those of the projects below it too (managers)")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        api, below = self.client.quota, parsed_args.below or None
        answer = on_project(
            self.client,
            parsed_args.of or parsed_args.project,
            lambda project: api.get(f"/nodes/{segment(project)}/reservations", below=below),
        )
        return rows(COLUMNS, [_row(item) for item in answer["reservations"]])


class ExtendReservation(Command):
    """Move the end of a reservation."""

    EXAMPLES = """\
  openstack quota reservation extend release-night --until 4h
  openstack quota reservation extend release-night --no-end
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("reservation", metavar="RESERVATION", help="Its name or id")
        end = parser.add_mutually_exclusive_group(required=True)
        end.add_argument("--until", metavar="WHEN", type=moment, help=UNTIL)
        end.add_argument("--no-end", action="store_true", help="It lasts until it is deleted")
        parser.add_argument("--project", metavar="PROJECT", help=PROJECT)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        api, path = self.client.quota, f"reservations/{segment(parsed_args.reservation)}"
        on_project(
            self.client,
            parsed_args.project,
            lambda project: api.patch(f"/nodes/{segment(project)}/{path}", {"until": parsed_args.until}),
        )


class DeleteReservation(Command):
    """Release reservations. What was drawn from them stays as ordinary use."""

    EXAMPLES = """\
  openstack quota reservation delete release-night
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("reservations", metavar="RESERVATION", nargs="+", help="Their names or ids")
        parser.add_argument("--project", metavar="PROJECT", help=PROJECT)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        api = self.client.quota

        def release(ident: str) -> None:
            on_project(
                self.client,
                parsed_args.project,
                lambda project: api.delete(f"/nodes/{segment(project)}/reservations/{segment(ident)}"),
            )

        each(self.app, parsed_args.reservations, release, "release", "reservations")


def moment(text: str) -> str:
    """ISO 8601 of a time, or of so much from now."""
    if (ahead := times.span(text)) is not None:
        return datetime.fromtimestamp(time.time() + ahead, UTC).isoformat(timespec="seconds")
    if times.absolute(text) is None:
        raise argparse.ArgumentTypeError(
            f"cannot read {text[:40]!r} as a time: write 2026-12-31T12:00:00Z, or 30m, 2h, 7d from now"
        )
    return text


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": item["name"],
        "project": item["node_name"],
        "amounts": Amounts(item["amounts"]),
        "until": item["until"],
        "pending": item["pending"],
        "id": item["id"],
    }
