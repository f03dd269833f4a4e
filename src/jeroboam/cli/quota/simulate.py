"""`jeroboam quota simulate`: a file in, what would become of it out. The pure engine and a YAML parser, no more."""

import json
import re
import sys

from jeroboam.cli.marked import BadFile, Value, content, line_of, plain, read
from jeroboam.cli.progress import Ticker
from jeroboam.quota.forms import BadForm
from jeroboam.quota.simulator.simulate import Simulation

_PAIR = re.compile(rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


class Unusable(Exception):
    """The file cannot be simulated; the message says where and why."""


def simulate(file: str, pretty: bool) -> None:
    """Prints the outcome as JSON, or drawn. Raises Unusable."""
    document = _document(file)
    ticker = Ticker()
    try:
        simulation = Simulation(plain(document), lambda step, steps: ticker(f"step {step} of {steps}"))
        answer = simulation.run()
    except BadForm as error:
        raise Unusable(f"cannot simulate {file}: {BadFile(line_of(document, error.where), error.problem)}") from None
    finally:
        ticker.close()
    for where, notice in simulation.start.notices:
        print(f"jeroboam: {file}: line {line_of(document, where)}: {notice}", file=sys.stderr)
    if pretty:
        from jeroboam.cli.quota.pretty import show

        show(answer, [action for step in simulation.start.steps for action in step], simulation.clock)
    else:
        print(json.dumps(answer, indent=2))


def _document(file: str) -> Value:
    try:
        written = content(file)
    except OSError as error:
        raise Unusable(f"cannot read {file}: {error.strerror or error}") from None
    except ValueError:
        raise Unusable(f"cannot read {file!r}: no file can have that name") from None
    try:
        return read(_PAIR.sub(_letter, written) if written.lstrip().startswith(b"{") else written)
    except BadFile as error:
        raise Unusable(f"cannot simulate {file}: {error}") from None


def _letter(found: re.Match[bytes]) -> bytes:
    """JSON may write a letter as two escapes, which YAML does not know; an escaped backslash stays what it is."""
    if found[0] == rb"\\":
        return found[0]
    return str(json.loads(b'"' + found[0] + b'"')).encode()
