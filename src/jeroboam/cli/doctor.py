"""`jeroboam doctor`: says what is missing and how to mend it. Changes nothing."""

from dataclasses import asdict

from jeroboam.cli.checks import Result, all_checks
from jeroboam.cli.tables import show
from jeroboam.settings import Settings


def doctor(settings: Settings, engine_given: bool, form: str) -> bool:
    """Prints every check; True if none failed."""
    found = list(all_checks(settings, engine_given))
    show([{**asdict(check), "result": check.result.value} for check in found], form)
    return all(check.result is not Result.FAILED for check in found)
