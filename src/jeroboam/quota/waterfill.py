"""Divide an amount by weight, nobody above what it wants, in whole units that sum up exactly."""

from collections.abc import Sequence
from fractions import Fraction

ONE = Fraction(1)


def waterfill(total: int, claims: Sequence[tuple[int, Fraction]], leftovers: bool = False) -> list[int]:
    """Parts of `total` for (most, weight) claims: proportional to weight, at most `most` each, summing up to
    min(total, all mosts). Rounded by largest remainder, ties by place.

    Who has weight 0 gets nothing, or (`leftovers`) what the others leave, in equal parts.
    """
    parts = _fill(total, [(most if weight > 0 else 0, weight or ONE) for most, weight in claims])
    if leftovers:
        light = _fill(total - sum(parts), [(0 if weight > 0 else most, ONE) for most, weight in claims])
        parts = [a + b for a, b in zip(parts, light, strict=True)]
    return parts


def _fill(total: int, claims: list[tuple[int, Fraction]]) -> list[int]:
    """As waterfill, all weights above 0."""
    exact = [Fraction(0)] * len(claims)
    rest, weights = Fraction(max(0, total)), sum((w for _, w in claims), Fraction(0))
    # Whoever is satisfied at the lowest level comes first; the level only rises.
    for i in sorted(range(len(claims)), key=lambda i: claims[i][0] / claims[i][1]):
        most, weight = claims[i]
        exact[i] = min(Fraction(most), rest * weight / weights)
        rest -= exact[i]
        weights -= weight
    return round_largest(exact)


def round_largest(exact: Sequence[Fraction]) -> list[int]:
    """Whole parts with the same (rounded) sum: what is left over goes to the largest remainders."""
    parts = [int(e) for e in exact]
    left = int(sum(exact, Fraction(0))) - sum(parts)
    for i in sorted(range(len(exact)), key=lambda i: parts[i] - exact[i])[:left]:
        parts[i] += 1
    return parts


def split(total: int, sizes: Sequence[int]) -> list[int]:
    """Parts of `total` in proportion to `sizes`, none above its size when total <= sum(sizes)."""
    whole = sum(sizes)
    if whole <= 0 or total <= 0:
        return [0] * len(sizes)
    return round_largest([Fraction(min(total, whole) * size, whole) for size in sizes])
