"""What the fake engine's processes do: a few commands of a shell, one step after the other. Pure.

Understood, alone or within `sh -c '...; ...'`: `echo WORDS [>&2]`, `sleep SECONDS|inf`, `exit N`, `true`, `false`,
`cat FILE`, `trap '... exit N' TERM`, `exec COMMAND`, `while ...` (runs for ever). A command that begins with `no-such`
does not exist. Any other one runs for ever, and exits with 0 when asked politely.
"""

import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

KILLED = 137
"""128 and the signal's number, as a shell counts."""

Read = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Say:
    data: bytes
    stream: str = "stdout"


@dataclass(frozen=True, slots=True)
class Sleep:
    seconds: float


@dataclass(frozen=True, slots=True)
class Exit:
    code: int


Step = Say | Sleep | Exit


@dataclass(frozen=True, slots=True)
class Program:
    """`on_term` is the exit code after a polite signal; None for a process 1 that does not hear it."""

    steps: tuple[Step, ...]
    on_term: int | None


def exists(argv: Sequence[str]) -> bool:
    return not argv or not argv[0].startswith("no-such")


def program(argv: Sequence[str], read: Read, *, stdin: bool = False) -> Program:
    """What `argv` does; `read` gives the content of a file in the container, None where there is none."""
    if not argv or (argv[0] in ("sh", "cat") and len(argv) == 1):
        # A shell without input reads its end at once.
        return Program((Sleep(math.inf) if stdin else Exit(0),), None)
    statements = list(_statements(argv[2])) if tuple(argv[:2]) == ("sh", "-c") and len(argv) > 2 else [list(argv)]
    steps: list[Step] = []
    on_term: int | None = None
    code = 0
    for words in statements:
        if words[0] == "trap":
            on_term = _trapped(words[1])
            continue
        step, code, polite = _step(words[1:] if words[0] == "exec" else words, read)
        on_term = 0 if polite else on_term
        if step is not None:
            steps.append(step)
        if isinstance(step, Exit) or step == Sleep(math.inf):
            return Program(tuple(steps), on_term)
    return Program((*steps, Exit(code)), on_term)


def _step(words: list[str], read: Read) -> tuple[Step | None, int, bool]:
    """The step, the code it would end with if it were the last, and whether it heeds a polite signal."""
    name, *arguments = words
    match name:
        case "echo":
            return _echo(arguments), 0, False
        case "sleep":
            return Sleep(float(arguments[0])), 0, False
        case "exit":
            return Exit(int(arguments[0]) if arguments else 0), 0, False
        case "true" | ":":
            return None, 0, False
        case "false":
            return None, 1, False
        case "while" | "cat" if name == "while" or not arguments:
            return Sleep(math.inf), 0, False
        case "cat":
            content = read(arguments[0])
            missing = f"cat: can't open '{arguments[0]}': No such file or directory\n".encode()
            return (Say(missing, "stderr"), 1, False) if content is None else (Say(content), 0, False)
        case _:
            return Sleep(math.inf), 0, True


def _echo(arguments: list[str]) -> Say:
    to_stderr = ">&2" in arguments
    text = " ".join(word for word in arguments if word != ">&2")
    return Say(f"{text}\n".encode(), "stderr" if to_stderr else "stdout")


def _statements(script: str) -> Iterator[list[str]]:
    """The words of each statement; a `;` within quotes parts nothing."""
    lexer = shlex.shlex(script.replace("\n", ";"), posix=True, punctuation_chars=";")
    lexer.whitespace_split = True
    statement: list[str] = []
    for word in [*lexer, ";"]:
        if word != ";":
            statement.append(word)
        elif statement:
            yield statement
            statement = []


def _trapped(handler: str) -> int:
    last = [words for words in _statements(handler)][-1:]
    return int(last[0][1]) if last and last[0][0] == "exit" and len(last[0]) > 1 else 0
