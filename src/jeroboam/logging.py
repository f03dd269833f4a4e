"""Logs: one line of JSON per event (or a readable one on a terminal), request ids bound, secrets taken out.

Code logs through `structlog.get_logger(__name__)`; what libraries say through the standard library ends up here too.
"""

import logging
import logging.handlers
import os
import re
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

MAX_BYTES = 10 << 20
FILES = 4
HIDDEN = "***"
_SECRET_KEY = re.compile(r"pass(word|wd|phrase)|secret|token|authorization|cookie|api[-_]?key|private[-_]?key", re.I)
_SECRET_TEXT = re.compile(
    r"gAAAA[\w-]{16,}={0,2}"  # Fernet: Keystone's tokens, and whatever we seal
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"  # user:password@ in a URL
    r"|(?<=assword[=:])\s*[^\s,;&\"']+"
    r"|(?<=oken[=:])\s*[^\s,;&\"']+"
)
_DEPTH = 6


def configure(level: str, file: Path | None = None) -> None:
    """Logs from `level` (debug, info, warning, error) on go to `file`, kept 0600 and bounded, or to stderr."""
    sink: logging.Handler = PrivateFile(file) if file is not None else logging.StreamHandler(sys.stderr)
    readable = file is None and sys.stderr.isatty()
    number = logging.getLevelNamesMapping()[level.upper()]
    # Plain tracebacks: the handsome ones show local variables, and what is in those is nobody's business.
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = console if readable else structlog.processors.JSONRenderer(_json)
    traceback: list[Any] = [] if readable else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *traceback,
            redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *names: Lines(sink),
        cache_logger_on_first_use=True,
    )
    # Nobody reads these of a record, and looking them up takes longer than writing the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.addHandler(FromLibraries())
    root.setLevel(number)
    # At info these tell of every request and connection; ours are told once, by the API.
    for chatty in ("urllib3", "docker", "keystoneauth", "uvicorn.access", "uvicorn.error", "alembic", "stevedore"):
        logging.getLogger(chatty).setLevel(max(number, logging.WARNING))


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A processor of structlog: what is secret by its name or by its looks becomes ***."""
    return {key: _clean(key, value, 0) for key, value in event.items()}


def _clean(key: str, value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return HIDDEN if _SECRET_KEY.search(key) else _SECRET_TEXT.sub(HIDDEN, value)
    if depth >= _DEPTH:
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(inner): _clean(str(inner), item, depth + 1) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(key, item, depth + 1) for item in value]
    if isinstance(value, bytes):
        return _clean(key, value.decode(errors="replace"), depth)
    return value


def _json(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=lambda value: _clean("", repr(value), 0)).decode()


class Lines:
    """What structlog hands its finished lines to."""

    def __init__(self, sink: logging.Handler) -> None:
        self._sink = sink

    def msg(self, message: str) -> None:
        self._sink.handle(logging.makeLogRecord({"msg": message}))

    log = debug = info = warning = warn = error = critical = fatal = exception = msg


class FromLibraries(logging.Handler):
    """Hands the standard library's log records to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            logger = structlog.get_logger(record.name)
            logger.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)
        except Exception:
            self.handleError(record)


class PrivateFile(logging.handlers.RotatingFileHandler):
    """0600 from the first byte, MAX_BYTES at most, FILES of them."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(file, maxBytes=MAX_BYTES, backupCount=FILES - 1, encoding="utf-8", errors="backslashreplace")

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        raw = os.fdopen(os.open(self.baseFilename, flags, 0o600), "ab")
        return TextIOWrapper(raw, encoding=self.encoding, errors=self.errors, line_buffering=True)
