"""Every conformance scenario is proved in tests/quota/scenarios or by a test, or its difference is told in a table."""

import re
from pathlib import Path

import pytest

from tests.quota.scenario_files import cases

ROOT = Path(__file__).parents[2]
KF = (*range(1, 13), *range(16, 24), *range(28, 33), 34, 35, 36)
NUMBERS = {
    "H": range(1, 12),
    "NQ": range(1, 14),
    "K": range(1, 8),
    "AV": (1, 2, 3, 4, 7, 9, 10, 11),
    "D": range(1, 12),
    "KF": KF,
    "FS": (1, 3, 4, 6, 7, 11, 12),
    "B": range(11, 16),
    "C": range(1, 18),
    "Y": range(1, 11),
    "W": range(1, 5),
    "R": range(1, 4),
    "X": range(1, 5),
    "L": (1, 3, 4, 5, 7, 9, 10, 11, 12),
}
ALL = [
    f"{letters}{number:02}" if letters == "KF" else f"{letters}{number}"
    for letters, numbers in NUMBERS.items()
    for number in numbers
]
SHARES = "tests/quota/test_shares.py"
TESTS = {
    "AV9": (SHARES, "test_av9_private_parts_hide_what_is_within_them"),
    **{f"D{n}": (SHARES, "test_dominant_share") for n in (1, 2, 3, 4, 5, 8)},
    "D7": (SHARES, "test_d7_weight_0_is_endless_above_its_own"),
    **{f"D{n}": (SHARES, "test_shares_of_a_leaf_and_of_the_node_above") for n in (9, 10, 11)},
    "L1": ("tests/store/test_conformance.py", "test_64_at_once_and_ten_slots"),
    "L3": ("tests/store/test_concurrency.py", "test_one_request_sent_many_times_at_once_is_one_claim"),
    "L4": ("tests/store/test_concurrency.py", "test_a_process_killed_in_the_middle_leaves_the_ledger_true"),
    "L5": ("tests/store/test_concurrency.py", "test_one_request_sent_many_times_at_once_is_one_claim"),
    "L7": ("tests/store/test_conformance.py", "test_a_limit_is_cut_while_others_borrow"),
    "L12": ("tests/quota/test_invariants.py", "the_state_is_sound"),
}
"""Those that are no scenario files: what they need is not in the notation."""


def found_in_scenarios() -> set[str]:
    return {name for case in cases() for name in re.findall(r"[A-Z]{1,2}\d+", case["id"])}


def table_of_differences() -> set[str]:
    table = (ROOT / "docs" / "quota-model.md").read_text().partition("## Where others' rules differ")[2]
    rows = [line.split("|")[1].partition(":")[0] for line in table.splitlines() if line.startswith("| ")]
    return {name for row in rows for name in re.findall(r"\b[A-Z]{1,2}\d+\b", row)}


def test_there_are_as_many_as_were_collected() -> None:
    assert len(set(ALL)) == 137


def test_each_is_proved_or_its_difference_is_told() -> None:
    assert set(ALL) - found_in_scenarios() - table_of_differences() - TESTS.keys() == set()


def test_nothing_is_told_of_scenarios_that_do_not_exist() -> None:
    assert (table_of_differences() | TESTS.keys()) - set(ALL) == set()


@pytest.mark.parametrize(("file", "name"), sorted(set(TESTS.values())))
def test_what_is_named_is_there(file: str, name: str) -> None:
    assert f"    def {name}(" in "    " + (ROOT / file).read_text().replace("\ndef ", "\n    def ")
