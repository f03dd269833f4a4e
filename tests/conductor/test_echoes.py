"""What is news and what is an echo, and clocks that do not agree."""

import pytest

from jeroboam.conductor.echoes import Echoes, skew


@pytest.mark.parametrize(
    ("there", "expected"), [(100.0, 0.0), (100.5, 0.0), (101.0, 0.0), (91.0, 10.0), (111.0, -10.0)]
)
def test_clocks_that_may_be_the_same_are(there: float, expected: float) -> None:
    assert skew(100.0, there, 101.0) == expected


def test_what_came_before_the_last_look_is_an_echo() -> None:
    echoes = Echoes()
    echoes.begin("o")
    assert not echoes.heard("o", 10.0), "judged when the work ends"
    assert not echoes.end("o", 11.0)
    assert [echoes.heard("o", at) for at in (10.5, 11.5)] == [False, True]
    echoes.begin("o")
    assert not echoes.heard("o", 13.0)
    assert echoes.end("o", 12.0), "something came after the look"
