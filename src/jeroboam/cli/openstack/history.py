"""`openstack quota history show`: who used whose capacity, and when."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from jeroboam.cli.openstack import chart
from jeroboam.cli.openstack.amounts import human
from jeroboam.cli.openstack.base import Lister, Rows
from jeroboam.cli.openstack.client import Api, segment
from jeroboam.cli.openstack.projects import PROJECT, on_project
from jeroboam.cli.openstack.times import past
from jeroboam.cli.openstack.tree import check_known, levels

WORDS = ("used", "borrowed", "lent", "waited")
PEOPLE = ("project", "resource", "figure", "least", "most", "last", "chart")
PROGRAMS = ("project", "project_id", "resource", "at", *WORDS, *(f"{word}_max" for word in WORDS))
WIDTH = 60
"""Characters of a drawing: one a minute of the last hour."""
_API = "/quota/v1"
_STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}


class ShowHistory(Lister):
    """Draw what a project used, borrowed, lent and waited for over time.

    One line for each figure that was ever more than nothing, time from left to right; `used` and `waited` count the
    projects below too. All lines of a resource have one scale: the highest block is the most of any of them. There
    are minutes for a day and hours for 92 days; an hour is drawn as the most in it.

    `most` is the greatest at any minute. By minute `least` and `last` are figures too; by hour they are means: the
    least mean of an hour, and the mean of the last hour (rounded here).

    With -f json, yaml, csv or value there is one row for each minute or hour, in base units (vcpus in thousandths,
    memory in MiB): the mean of that time, which by minute is the figure itself, and the most (used_max, ...).
    """

    EXAMPLES = """\
  openstack quota history show
  openstack quota history show org --depth 1 --resource containers --since 4h
  openstack quota history show --since 30d
  openstack quota history show --since 2026-11-23T08:00:00Z --until 2026-11-23T18:00:00Z --step hour
  openstack quota history show org --depth 1 --since 7d -f csv > chart.csv
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("project", metavar="PROJECT", nargs="?", help=PROJECT)
        parser.add_argument("--since", metavar="WHEN", type=past, help="A time, or so long ago: 30m, 2h, 7d (1h)")
        parser.add_argument("--until", metavar="WHEN", type=past, help="A time, or so long ago (now)")
        parser.add_argument("--step", choices=tuple(_STEPS), help="Default: by hour what begins over a day ago")
        parser.add_argument("--resource", metavar="RESOURCE", help="Only this resource (containers, vcpus, ...)")
        parser.add_argument(
            "--depth", metavar="N", type=levels, default=0, help="The projects up to N levels below too (managers)"
        )

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        wanted = {name: getattr(parsed_args, name) for name in ("since", "until", "step", "resource", "depth")}
        api = self.client.quota
        answer = on_project(
            self.client, parsed_args.project, lambda project: whole(api, f"/nodes/{segment(project)}/history", wanted)
        )
        if parsed_args.resource is not None and not answer["series"]:
            self._check_known(parsed_args)
        times = moments(answer)
        if parsed_args.formatter != "table":
            return PROGRAMS, list(_points(answer, times))
        self.legend = _legend(answer, times)
        return PEOPLE, list(_lines(answer, times, chart.ramp()))

    def _check_known(self, parsed_args: argparse.Namespace) -> None:
        api = self.client.quota
        node = on_project(self.client, parsed_args.project, lambda project: api.get(f"/nodes/{segment(project)}"))
        check_known([node], parsed_args.resource)

    def produce_output(self, parsed_args: argparse.Namespace, column_names: Any, data: Any) -> int:
        status = int(super().produce_output(parsed_args, column_names, data))
        if parsed_args.formatter == "table":
            print(self.legend, file=self.app.stdout)
        return status


def whole(api: Api, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
    """All pages of it as one answer."""
    answer: dict[str, Any] = api.get(path, **query)
    page = answer
    while page["next"]:
        page = api.get(page["next"].removeprefix(_API))
        answer["series"] += page["series"]
    return answer


def moments(answer: Mapping[str, Any]) -> list[datetime]:
    """The beginning of each minute or hour that the answer speaks of: none from before there was any history."""
    step, until = _STEPS[answer["step"]], _until(answer)
    at = min((datetime.fromisoformat(one["points"][0]["at"]) for one in answer["series"]), default=until)
    found = []
    while at < until:
        found.append(at)
        at += step
    return found


def held(points: Sequence[Mapping[str, Any]], times: Sequence[datetime]) -> Iterator[Mapping[str, Any]]:
    """The point that holds at each of the times; the first one holds from the first of them."""
    position = 0
    following = [datetime.fromisoformat(point["at"]) for point in points[1:]]
    for at in times:
        while position < len(following) and following[position] <= at:
            position += 1
        yield points[position]


def _points(answer: Mapping[str, Any], times: Sequence[datetime]) -> Iterator[list[Any]]:
    for one in answer["series"]:
        whose = [one["node_name"], one["node"], one["resource"]]
        for at, point in zip(times, held(one["points"], times), strict=True):
            yield [*whose, at.astimezone(UTC).isoformat(timespec="seconds"), *(point[name] for name in PROGRAMS[4:])]


def _lines(answer: Mapping[str, Any], times: Sequence[datetime], ramp: str) -> Iterator[list[Any]]:
    highest: dict[str, int] = {}
    for one in answer["series"]:
        top = max(point[f"{word}_max"] for point in one["points"] for word in WORDS)
        highest[one["resource"]] = max(top, highest.get(one["resource"], 0))
    for one in answer["series"]:
        project, resource = one["node_name"], one["resource"]
        points = list(held(one["points"], times))
        drawn = {word: [point[f"{word}_max"] for point in points] for word in WORDS}
        for word, values in drawn.items():
            if any(values):
                least = min(point[word] for point in points)
                said = [human(resource, round(units)) for units in (least, max(values), points[-1][word])]
                yield [project, resource, word, *said, chart.line(values, highest[resource], WIDTH, ramp)]


def _legend(answer: Mapping[str, Any], times: Sequence[datetime]) -> str:
    """What the drawings go from and to."""
    if not times:
        return "Nothing was used, borrowed, lent or waited for in that time, as far as is known."
    began, ended = (at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") for at in (times[0], _until(answer)))
    each = len(times) * _STEPS[answer["step"]] / min(WIDTH, len(times))
    return f"From {began} to {ended} UTC, a character is {round(each / timedelta(minutes=1), 1):g} min."


def _until(answer: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(answer["until"])
