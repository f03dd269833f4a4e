"""A Keystone that does not answer is 503 for everybody who waits for it, however many share one question."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jeroboam.identity.keystone import THREADS, Keystone
from jeroboam.identity.tokens import TokenValidator
from jeroboam.model.errors import Problem, Unavailable
from jeroboam.settings import load


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[Keystone]:
    """Connections are taken, and nothing ever comes."""
    password = tmp_path / "password"
    password.write_text("secret\n")
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        identity = {"auth_url": f"http://127.0.0.1:{server.getsockname()[1]}/v3", "password_file": password}
        client = Keystone(load(tmp_path, identity=identity), deadline=0.2)
        yield client
        client.close()


def test_one_who_waits_for_an_answer_that_another_gave_up_is_told_the_same(hung: Keystone) -> None:
    answer: Future[dict[str, Any]] = Future()
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot reach Keystone"):
            hung.wait(answer)
    assert answer.cancelled()


def test_all_who_share_questions_are_told_that_it_is_unavailable(hung: Keystone) -> None:
    """More questions than threads, so that some are given up before they are asked; each by two callers."""
    validator, tokens = TokenValidator(hung), [f"token-{n // 2}" for n in range(4 * THREADS)]

    def outcome(token: str) -> type[BaseException]:
        try:
            validator.validate(token)
        except Problem as refused:
            return type(refused)
        raise AssertionError("a Keystone that hangs has answered")

    with ThreadPoolExecutor(len(tokens)) as callers:
        assert set(callers.map(outcome, tokens)) == {Unavailable}
