"""YAML with the line of everything in it, and without its traps: no aliases, no tags, no depths, nothing guessed.

What `on`, `1:30` or `010` mean is for whoever reads them to say: scalars stay text.
"""

import codecs
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAB = "a tab indents this line: use spaces"
_OPEN = {
    "did not find expected ',' or '}'": "bracket",
    "did not find expected ',' or ']'": "bracket",
    "found unexpected end of stream": "quote",
}
_FAULTS = {
    "did not find expected node content": "a value is missing, or a bracket is not closed",
    "did not find expected key": "this line is indented like nothing above it, or something follows a quote",
    "did not find expected '-' indicator": "this line is no item of the list above it: begin it with `- `",
    "did not find expected <document start>": "something follows the end of the document",
    "could not find expected ':'": "a colon is missing after a key",
    "mapping values are not allowed in this context": "a colon too many, or a line indented too far",
    "block sequence entries are not allowed in this context": "a list begins on a line of its own",
    "found a tab character where an indentation space is expected": _TAB,
    "found invalid Unicode character escape code": "an escape (\\u) stands for no letter",
    "found unknown escape character": "after a backslash in double quotes is something unknown: use single quotes",
}
"""The parser's words in people's."""
_SIGN = "a value that begins with {!r} has to be in quotes"
_CONTROL = "a control character (#x{:02x}) stands here; nothing but text can"


class BadFile(Exception):
    """Something in the file cannot be read; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass(slots=True)
class Text:
    """`bare`: written without quotes. `empty`: nothing is written, or null."""

    line: int
    text: str
    empty: bool = False
    bare: bool = False


@dataclass(slots=True)
class Items:
    line: int
    items: "list[Value]" = field(default_factory=list)


@dataclass(slots=True)
class Pairs:
    """`lines` are those of the keys."""

    line: int
    pairs: "dict[str, Value]" = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    key: "Text | None" = None


Value = Text | Items | Pairs


def content(file: str) -> bytes:
    """What is in `file` (-: standard input), at most one byte more than is taken, so that too much is seen.

    Raises OSError.
    """
    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(file).open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def read(content: bytes) -> Value:
    """The one document in `content`. Raises BadFile."""
    if len(content) > MAX_BYTES:
        raise BadFile(1, f"the file is larger than {MAX_BYTES >> 10} KiB")
    text = _text(content)
    try:
        return _build(iter(yaml.parse(text, Loader=_LOADER)))
    except yaml.MarkedYAMLError as error:
        line, fault = _fault(error, text.splitlines() or [""])
        form = "neither JSON nor YAML" if text.lstrip()[:1] in ("{", "[") else "no YAML"
        raise BadFile(line, f"this is {form}: {fault}") from None
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position]
        raise BadFile(before.count(b"\n") + 1, f"this is no YAML: {_CONTROL.format(error.character)}") from None
    except yaml.YAMLError as error:
        raise BadFile(1, f"this is no YAML: {error}".splitlines()[0]) from None


def _text(content: bytes) -> str:
    """UTF-8, or UTF-16 with its mark, as YAML may be. Raises BadFile."""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        told = "begins like UTF-16 and is none" if wide else f"has the byte {content[error.start]:02x} here"
        raise BadFile(line, f"this is no text: it {told}; write it in UTF-8") from None
    if content and not text:
        raise BadFile(1, "there is nothing in the file but the mark of its encoding")
    return text


def _fault(error: yaml.MarkedYAMLError, lines: list[str]) -> tuple[int, str]:
    """The line, which is one that is there, and what is wrong on it. Where all that follows is amiss because something
    is not closed, it is the line that opens it.
    """
    problem, line, opened = str(error.problem), _line(error.problem_mark), _line(error.context_mark)
    if problem in _OPEN:
        if not "".join(lines[line - 1 :])[_column(error.problem_mark) :].strip():
            return opened, f"the {_OPEN[problem]} that opens here is not closed"
        return line, f"a comma is missing here, or the bracket that line {opened} opens is not closed"
    if problem == "found character that cannot start any token":
        sign = lines[line - 1][_column(error.problem_mark) :][:1]
        return line, _TAB if sign == "\t" else _SIGN.format(sign)
    context = f"{error.context}: " if error.context else ""
    return min(line, len(lines)), _FAULTS.get(problem) or f"{context}{problem}"


def plain(value: Value) -> Any:
    """Mappings, lists and text without the lines; what is written bare as null, true or false is that.

    Numbers stay text: whoever reads them takes them exactly.
    """
    if isinstance(value, Pairs):
        return {key: plain(inner) for key, inner in value.pairs.items()}
    if isinstance(value, Items):
        return [plain(inner) for inner in value.items]
    if value.empty:
        return None
    return _BOOLEANS.get(value.text, value.text) if value.bare else value.text


def line_of(value: Value, where: Iterable[str | int]) -> int:
    """The line of what `where` (keys and indices, from the top) leads to, or of the last on the way that is there."""
    line = value.line
    for step in where:
        if isinstance(value, Pairs) and step in value.pairs:
            line, value = value.lines[str(step)], value.pairs[str(step)]
        elif isinstance(value, Items) and isinstance(step, int) and step < len(value.items):
            value = value.items[step]
            line = value.line
        else:
            break
    return line


def _line(mark: Any) -> int:
    return int(mark.line) + 1 if mark is not None else 1


def _column(mark: Any) -> int:
    return int(mark.column) if mark is not None else 0


def _build(events: Iterator[yaml.Event]) -> Value:
    """One pass with a stack: the parser's own recursion is never used."""
    top: Value | None = None
    stack: list[Items | Pairs] = []
    documents = 0
    for event in events:
        line = _line(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise BadFile(line, "a second document begins here; the file may hold one")
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            stack.pop()
        elif isinstance(event, yaml.NodeEvent):
            value = _value(event, line)
            if stack:
                _put(stack[-1], value)
            else:
                top = value
            if not isinstance(value, Text):
                stack.append(value)
                if len(stack) > MAX_DEPTH:
                    raise BadFile(line, f"this is nested more than {MAX_DEPTH} levels deep")
    if top is None:
        raise BadFile(1, "the file is empty")
    return top


def _value(event: yaml.NodeEvent, line: int) -> Value:
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise BadFile(line, "anchors (&) and aliases (*) are not taken here; write it out")
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise BadFile(line, f"tags ({tag[:40]}) are not taken here; leave it out")
    if isinstance(event, yaml.MappingStartEvent):
        return Pairs(line)
    if isinstance(event, yaml.SequenceStartEvent):
        return Items(line)
    assert isinstance(event, yaml.ScalarEvent)
    bare = event.style in (None, "")
    return Text(line, event.value, bare and event.value in ("", "~", "null"), bare)


def _put(parent: Items | Pairs, value: Value) -> None:
    if isinstance(parent, Items):
        parent.items.append(value)
    elif parent.key is not None:
        parent.pairs[parent.key.text] = value
        parent.key = None
    elif not isinstance(value, Text):
        raise BadFile(value.line, "a key has to be text")
    elif value.text in parent.pairs:
        raise BadFile(value.line, f"{value.text[:60]!r} stands here twice; it was on line {parent.lines[value.text]}")
    else:
        parent.key = value
        parent.lines[value.text] = value.line
