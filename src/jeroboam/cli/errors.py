"""How commands end when they cannot do what they were asked: one sentence on stderr, and an exit status."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

FAILED, USAGE, UNCHECKED = 1, 2, 2
"""UNCHECKED: of commands whose 1 is an answer, where they have none."""


class Refused(Exception):
    """The command cannot be carried out; the message says why and what helps."""


@contextmanager
def sentences(failed: int = FAILED) -> Iterator[None]:
    """Turns what an operator can mend into a sentence on stderr: exit status `failed`, and 2 for bad settings."""
    from pydantic import ValidationError

    from jeroboam.model.errors import Problem

    try:
        yield
    except (Refused, Problem) as error:
        print(f"jeroboam: {error}", file=sys.stderr)
        raise typer.Exit(failed) from None
    except OSError as error:
        if error.filename is None:
            raise
        print(f"jeroboam: cannot use {error.filename}: {error.strerror}", file=sys.stderr)
        raise typer.Exit(failed) from None
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            where = ".".join(str(part) for part in problem["loc"])
            text = problem["msg"].removeprefix("Value error, ")
            print(f"jeroboam: {text}" + (f" ({where})" if where else ""), file=sys.stderr)
        raise typer.Exit(USAGE) from None
