"""`openstack event list` and `event follow`: what happened, and what happens."""

import argparse
import json
import os
import sys
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from osc_lib.exceptions import CommandError

from jeroboam.cli.openstack import times
from jeroboam.cli.openstack.base import Command, Lister, Rows, rows
from jeroboam.cli.openstack.client import Api, Client, segment
from jeroboam.cli.openstack.sse import follow

SHORT = ("at", "type", "kind", "name", "message")
LONG = ("seq", "at", "type", "kind", "name", "object_id", "project_id", "message", "request_id")
PAGE = 1000


def whose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--object", metavar="ID", help="Only events of this container or project (id or name)")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--below", action="store_true", help="Events of the projects below yours too (managers)")
    group.add_argument("--all-projects", action="store_true", help="Events of all projects (system readers)")


def query_of(parsed_args: argparse.Namespace) -> dict[str, Any]:
    """What the server filters by; names are ours to compare, for it knows objects by id."""
    return {"below": parsed_args.below or None, "all": parsed_args.all_projects or None}


def names_of(client: Client, wanted: str | None) -> Collection[str]:
    """What an object is called in events: as given, and by its id where it is a container that still exists."""
    if wanted is None:
        return ()
    try:
        return (wanted, client.containers.get(f"/containers/{segment(wanted)}")["uuid"])
    except CommandError:
        return (wanted,)


def concerns(event: Mapping[str, Any], wanted: Collection[str]) -> bool:
    return not wanted or event["object_id"] in wanted or event["name"] in wanted


class ListEvents(Lister):
    """List what happened in your project, oldest first.

    Without --since the latest events are listed.
    """

    EXAMPLES = """\
  openstack event list
  openstack event list --object web --limit 5
  openstack event list --since 10m -f json
  openstack event list --since 2026-11-23T18:00:00+00:00 --below --long
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            metavar="WHEN",
            type=moment,
            help="Events after this number (1234), from this time on (ISO 8601), or of the last 30s, 10m, 2h, 7d",
        )
        parser.add_argument("--limit", metavar="N", type=count, default=50, help="At most N events (default: 50)")
        parser.add_argument("--long", action="store_true", help="Show numbers and ids too")
        whose(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        after, at = parsed_args.since or (0, 0.0)
        wanted = names_of(self.client, parsed_args.object)
        found = (
            event
            for event in history(self.client.events, after, **query_of(parsed_args))
            if concerns(event, wanted) and datetime.fromisoformat(event["at"]).timestamp() >= at
        )
        if parsed_args.since is None:
            kept = list(deque(found, parsed_args.limit))
        else:
            kept = [event for event, _ in zip(found, range(parsed_args.limit), strict=False)]
        wide = parsed_args.long or parsed_args.columns or parsed_args.formatter != "table"
        return rows(LONG if wide else SHORT, kept)


class FollowEvents(Command):
    """Print events as they happen, until Ctrl-C.

    A broken connection is taken up again where it broke. With -f json each line is one JSON document.
    """

    EXAMPLES = """\
  openstack event follow
  openstack event follow --object web
  openstack event follow --since 1h --below
  openstack event follow -f json | jq -r 'select(.type == "evicted") | .message'
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--since", metavar="WHEN", type=moment, help="Begin with events of the past: see `event list`"
        )
        parser.add_argument("-f", "--format", dest="formatter", choices=("line", "json"), default="line")
        whose(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        after, at = parsed_args.since or (None, 0.0)
        wanted = names_of(self.client, parsed_args.object)
        write = _json if parsed_args.formatter == "json" else _line
        try:
            for event in follow(self.client.events, after, **query_of(parsed_args)):
                if event is None or not concerns(event, wanted):
                    continue
                if datetime.fromisoformat(event["at"]).timestamp() >= at:
                    print(write(event), file=self.app.stdout, flush=True)
        except KeyboardInterrupt:
            return 0
        except BrokenPipeError:
            # Whoever read has enough; nothing more may be written, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def history(api: Api, after: int, **query: Any) -> Iterator[Mapping[str, Any]]:
    """All events after that number, page by page."""
    while True:
        page = api.get("/history", since=after, limit=PAGE, **query)
        yield from page["events"]
        if page["last"] == after:
            return
        after = page["last"]


def moment(text: str) -> tuple[int, float]:
    """(after which event, from which second since the epoch on)."""
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text), 0.0
    if (ago := times.span(text)) is not None:
        return 0, time.time() - ago
    if (at := times.absolute(text)) is not None:
        return 0, at.timestamp()
    raise argparse.ArgumentTypeError(
        f"cannot read {text[:40]!r} as a time: write 10m, 2h, 2026-11-23T18:00:00+00:00, or an event's number"
    )


def count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text)):
        raise argparse.ArgumentTypeError(f"cannot read {text[:20]!r} as a number of events: write 1 or more")
    return int(text)


def _line(event: Mapping[str, Any]) -> str:
    return (
        f"{event['at']}  {event['type']:<10}  {event['kind']} {event['name'] or event['object_id']}: {event['message']}"
    )


def _json(event: Mapping[str, Any]) -> str:
    return json.dumps(event)
