"""URLs of databases: none that is wrong gives a traceback, and none shows a password."""

from pathlib import Path

import pytest

from jeroboam.model.errors import Unavailable
from jeroboam.settings import load
from jeroboam.store import urls
from jeroboam.store.database import Database
from jeroboam.store.server import unavailable

SECRETS = ("s3cr3t", "w0rd", "s3", "cr3t")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:s3cr3t@db.example/x", "postgresql://u:***@db.example/x"),
        ("postgresql://u@db.example/x?password=s3cr3t", "postgresql://u@db.example/x?password=..."),
        ("postgresql:///x?host=/run&user=u&sslpassword=s3cr3t", "postgresql:///x?host=%2Frun&sslpassword=...&user=..."),
        ("postgresql://u:s3cr3t%40w0rd@h:1/x?sslmode=require", "postgresql://u:***@h:1/x?sslmode=require"),
    ],
)
def test_no_secret_is_shown(url: str, shown: str, tmp_path: Path) -> None:
    assert urls.shown(urls.parsed(url)) == load(tmp_path, database=url).database_shown == shown
    assert urls.hides(urls.parsed(url))
    db = Database(url)
    assert repr(db) == f"Database({shown!r})"
    db.close()


def test_what_does_not_pass_is_not_said_to_pass() -> None:
    lasts = unavailable('connection failed: FATAL:  database "none" does not exist')
    assert "see that its URL is right and that it has been made" in str(lasts)
    assert "try again" not in str(lasts)


AT = 'connection to server at "::1", port 5432 failed:'
REFUSED = f"""connection failed: {AT} Connection refused
\tIs the server running on that host and accepting TCP/IP connections?
Multiple connection attempts failed. All failures were:
- host: 'localhost', port: '5432', hostaddr: '::1': connection failed: {AT} Connection refused
\tIs the server running on that host and accepting TCP/IP connections?
"""
WRONG = f'{AT} FATAL:  password authentication failed for user "u"'
UNKNOWN = "failed to resolve host 'x': [Errno -2] Name or service not known"
PASSES, LASTS = "try again in some seconds", "see that its URL is right and that it has been made"


@pytest.mark.parametrize(
    ("cause", "said", "help"),
    [
        (REFUSED, f"{AT} Connection refused", PASSES),
        (f"connection failed: {WRONG}\n{WRONG}\n", WRONG.replace("  ", " "), LASTS),
        (UNKNOWN, UNKNOWN, LASTS),
        ("FATAL:  sorry.\nDETAIL:  Too many.", "FATAL: sorry; DETAIL: Too many", PASSES),
        ("database is locked", "database is locked", PASSES),
    ],
)
def test_what_a_server_says_is_one_sentence(cause: str, said: str, help: str) -> None:
    assert str(unavailable(cause)) == f"cannot use the database: {said}; {help}, or see `jeroboam doctor`"


def test_a_server_that_is_not_there_is_said_once() -> None:
    database = Database("postgresql://u@127.0.0.1:1/x")
    with pytest.raises(Unavailable) as refused:
        database.ping()
    assert "port 1 failed: Connection refused; try again" in str(refused.value)
    database.close()


def test_what_hides_nothing_says_so() -> None:
    for url in ("sqlite:////srv/x.sqlite", "postgresql://u@db.example/x?sslmode=require", "postgresql:///x"):
        assert not urls.hides(urls.parsed(url)), url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3cr3t@w0rd@db.example/x",
        "postgresql://u:s3/cr3t:5432/x",
        "postgresql://u:s3cr3t@db.example:port/x",
        "s3cr3t",
        "mysql://u:s3cr3t@db.example/x?password=w0rd",
    ],
)
def test_what_is_no_url_of_ours_is_a_sentence_without_secrets(url: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot use") as refused:
        Database(url)
    assert not any(secret in str(refused.value) for secret in SECRETS)
    assert refused.value.__cause__ is None
    with pytest.raises(Unavailable, match="cannot use"):
        load(tmp_path, database=url).database_shown  # noqa: B018
