"""History as a step function: figures hold until the next change. What an hour of it comes to, exactly.

Times are seconds since the epoch on whole minutes; totals are unit-minutes, integers, so that nothing is ever rounded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jeroboam.quota.sample import Figures

MINUTE, HOUR = 60.0, 3600.0
"""Seconds."""

Change = tuple[float, Figures]
"""From that time on the figures are these."""


@dataclass(frozen=True, slots=True)
class Span:
    """Some minutes of one node and resource. `total / minutes` is the mean, weighted by time; `most` the greatest."""

    minutes: int
    total: Figures
    most: Figures


def floor(at: float, step: float) -> float:
    """The beginning of the minute or hour that `at` lies in."""
    return at // step * step


def moment(figures: Figures) -> Span:
    """A single minute."""
    return Span(1, figures, figures)


def hours(before: Figures, changes: Sequence[Change], start: float, end: float) -> Iterator[tuple[float, Span]]:
    """The hour that begins at `start`, and each one after it that differs from the one before it, up to `end`.

    `before` holds at `start`; `changes` are later, in order, before `end`. `start` is on the hour; where `end` is not,
    the last hour is a part of one.
    """
    beginnings = {floor(at, HOUR) for at, _ in changes}
    # An hour of change differs from its neighbours on both sides.
    told = sorted({start} | beginnings | {at + HOUR for at in beginnings})
    current, last, position = before, None, 0
    for beginning in told:
        stop = min(beginning + HOUR, end)
        if beginning >= stop:
            break
        inside: list[Change] = []
        while position < len(changes) and changes[position][0] < stop:
            inside.append(changes[position])
            position += 1
        span = _span(current, inside, beginning, stop)
        if span != last:
            yield beginning, span
        last = span
        if inside:
            current = inside[-1][1]


def _span(before: Figures, changes: Sequence[Change], start: float, stop: float) -> Span:
    """One stretch of time: each of its values with the minutes that it held."""
    held: list[tuple[int, Figures]] = []
    since, current = start, before
    for at, figures in (*changes, (stop, before)):
        if at > since:
            held.append((round((at - since) / MINUTE), current))
        since, current = at, figures
    columns = list(zip(*(figures for _, figures in held), strict=True))
    minutes = [lasted for lasted, _ in held]
    total = (sum(m * value for m, value in zip(minutes, column, strict=True)) for column in columns)
    return Span(sum(minutes), Figures(*total), Figures(*map(max, columns)))


def alike(one: Span, other: Span) -> bool:
    """Whether they have the same mean and the same greatest, however long they are."""
    means = zip(one.total, other.total, strict=True)
    return one.most == other.most and all(a * other.minutes == b * one.minutes for a, b in means)
