"""Tokens against a real Keystone: who is recognised, what is remembered, what is not."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jeroboam.identity.keystone import Keystone
from jeroboam.identity.tokens import Caller, TokenValidator, caller_from
from jeroboam.model.errors import Unauthenticated, Unavailable
from jeroboam.settings import Settings, load
from tests.engine import wait_until
from tests.identity.proxy import CountingProxy
from tests.keystone import RunningKeystone, free_port

pytestmark = pytest.mark.keystone


class Clock:
    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def proxy(keystone: RunningKeystone) -> Iterator[CountingProxy]:
    with CountingProxy(keystone.settings.identity.keystone_port) as proxy:
        yield proxy


@pytest.fixture
def behind(keystone: RunningKeystone, proxy: CountingProxy) -> Settings:
    """Settings that reach the real Keystone through the proxy."""
    return load(
        keystone.settings.data,
        identity={
            "auth_url": f"http://127.0.0.1:{proxy.port}/v3",
            "password_file": keystone.settings.data / "keystone" / "service.password",
        },
    )


@pytest.fixture
def client(behind: Settings) -> Iterator[Keystone]:
    client = Keystone(behind)
    yield client
    client.close()


def test_a_project_token_tells_user_project_and_expanded_roles(keystone: RunningKeystone, client: Keystone) -> None:
    caller = TokenValidator(client).validate(keystone.token("team1"))
    assert (caller.user_name, caller.project_name, caller.domain_id) == ("team1", "team1", "default")
    assert caller.roles == {"member", "reader"}
    assert not caller.system
    assert caller.scope_id == caller.project_id


def test_manager_holds_member_and_reader(keystone: RunningKeystone, client: Keystone) -> None:
    caller = TokenValidator(client).validate(keystone.token("org"))
    assert caller.roles == {"manager", "member", "reader"}


@pytest.mark.parametrize("cloud", ["jeroboam-admin", "jeroboam-system"])
def test_the_admin_is_the_systems(keystone: RunningKeystone, client: Keystone, cloud: str) -> None:
    caller = TokenValidator(client).validate(keystone.token(cloud))
    assert caller.system
    assert "admin" in caller.roles
    assert (caller.project_id is None) == (cloud == "jeroboam-system")


def test_a_domain_token_is_scoped_to_its_domain(keystone: RunningKeystone, client: Keystone) -> None:
    admin = keystone.token("jeroboam-admin")
    users = keystone.request("GET", "/users?name=team2", admin).json()["users"]
    roles = keystone.request("GET", "/roles?name=manager", admin).json()["roles"]
    grant = f"/domains/default/users/{users[0]['id']}/roles/{roles[0]['id']}"
    assert keystone.request("PUT", grant, admin).status_code == 204
    try:
        auth = keystone.clouds["team2"]["auth"]
        password = {"user": {"id": users[0]["id"], "password": auth["password"]}}
        body = {"identity": {"methods": ["password"], "password": password}, "scope": {"domain": {"id": "default"}}}
        answer = keystone.request("POST", "/auth/tokens", "", json={"auth": body})
        caller = TokenValidator(client).validate(answer.headers["X-Subject-Token"])
        assert (caller.project_id, caller.scope_id) == (None, "default")
        assert "manager" in caller.roles
    finally:
        keystone.request("DELETE", grant, admin)


def test_a_known_token_is_not_asked_about_again(
    keystone: RunningKeystone, client: Keystone, proxy: CountingProxy
) -> None:
    validator, token = TokenValidator(client), keystone.token("team1")
    assert validator.cached(token) is None
    first = validator.validate(token)
    asked = proxy.count("GET /v3/auth/tokens")
    assert validator.validate(token) is first
    assert validator.cached(token) is first
    assert proxy.count("GET /v3/auth/tokens") == asked == 1


def test_a_token_in_use_is_asked_about_again_before_its_minute_is_over(
    keystone: RunningKeystone, client: Keystone, proxy: CountingProxy
) -> None:
    clock = Clock()
    validator, token = TokenValidator(client, monotonic=clock), keystone.token("team1")
    validator.validate(token)
    clock.now = 29.0
    assert validator.cached(token) is not None
    assert proxy.count("GET /v3/auth/tokens") == 1
    clock.now = 31.0
    assert validator.cached(token) is not None
    wait_until(lambda: proxy.count("GET /v3/auth/tokens") == 2, "Keystone is asked again")
    clock.now = 61.0
    wait_until(lambda: validator.cached(token) is not None, "the second answer is remembered")


def test_a_revoked_token_in_use_is_found_out_before_its_minute_is_over(
    keystone: RunningKeystone, client: Keystone
) -> None:
    clock = Clock()
    validator, token = TokenValidator(client, monotonic=clock), keystone.token("team1")
    validator.validate(token)
    assert keystone.request("DELETE", "/auth/tokens", token, headers={"X-Subject-Token": token}).status_code == 204
    clock.now = 31.0
    wait_until(lambda: validator.cached(token) is None, "the token is refused")


def test_many_who_ask_at_once_cost_one_question(
    keystone: RunningKeystone, client: Keystone, proxy: CountingProxy
) -> None:
    validator, token = TokenValidator(client), keystone.token("team1")
    gate = threading.Barrier(16)

    def ask(_: int) -> Caller:
        gate.wait()
        return validator.validate(token)

    with ThreadPoolExecutor(16) as pool:
        callers = list(pool.map(ask, range(16)))
    assert len(set(callers)) == 1
    assert proxy.count("GET /v3/auth/tokens") == 1


def test_a_revoked_token_is_believed_for_a_minute_at_most(keystone: RunningKeystone, client: Keystone) -> None:
    clock = Clock()
    validator, token = TokenValidator(client, cache_seconds=3600, monotonic=clock), keystone.token("team1")
    validator.validate(token)
    assert keystone.request("DELETE", "/auth/tokens", token, headers={"X-Subject-Token": token}).status_code == 204
    clock.now = 59.9
    assert validator.cached(token) is not None
    clock.now = 60.0
    assert validator.cached(token) is None
    with pytest.raises(Unauthenticated):
        validator.validate(token)


def test_nothing_is_believed_past_its_expiry(keystone: RunningKeystone, client: Keystone) -> None:
    wall = Clock()
    validator, token = TokenValidator(client, clock=wall), keystone.token("team1")
    wall.now = validator.validate(token).expires_at
    assert validator.cached(token) is None
    with pytest.raises(Unauthenticated):
        validator.validate(token)


def test_refusals_are_not_remembered(client: Keystone, proxy: CountingProxy) -> None:
    validator = TokenValidator(client)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            validator.validate("gAAAAA-no-such-token")
    assert proxy.count("GET /v3/auth/tokens") == 2


@pytest.mark.parametrize("token", ["", "x" * 8193, "a b", "tab\t", "nul\0", "ümlaut", "\udcff", "line\r\nX-Other: 1"])
def test_what_can_be_no_token_is_not_sent_to_keystone(client: Keystone, proxy: CountingProxy, token: str) -> None:
    with pytest.raises(Unauthenticated):
        TokenValidator(client).validate(token)
    assert TokenValidator(client).cached(token) is None
    assert proxy.count("") == 0


def test_memory_is_bounded_and_the_oldest_goes_first(keystone: RunningKeystone, client: Keystone) -> None:
    validator = TokenValidator(client, capacity=2)
    tokens = [keystone.token(cloud) for cloud in ("team1", "team2", "org")]
    for token in tokens[:2]:
        validator.validate(token)
    assert validator.cached(tokens[0]) is not None
    validator.validate(tokens[2])
    assert [validator.cached(token) is not None for token in tokens] == [True, False, True]


def test_tokens_are_not_kept(keystone: RunningKeystone, client: Keystone) -> None:
    validator, token = TokenValidator(client), keystone.token("team1")
    validator.validate(token)
    assert token not in repr(vars(validator))


def test_a_keystone_that_is_not_there_is_unavailable_and_not_remembered(keystone: RunningKeystone) -> None:
    settings = load(keystone.settings.data, identity={"keystone_port": free_port()})
    client = Keystone(settings)
    with pytest.raises(Unavailable, match="cannot reach Keystone"):
        TokenValidator(client).validate(keystone.token("team1"))
    client.close()


def test_a_keystone_that_hangs_is_given_up(keystone: RunningKeystone, behind: Settings, proxy: CountingProxy) -> None:
    client = Keystone(behind, deadline=0.5)
    validator, token = TokenValidator(client), keystone.token("team1")
    with proxy.hanging(), pytest.raises(Unavailable, match=r"cannot reach Keystone"):
        validator.validate(token)
    assert TokenValidator(Keystone(behind)).validate(token).user_name == "team1"
    client.close()


def test_a_refused_service_user_is_our_fault_and_not_the_callers(
    keystone: RunningKeystone, behind: Settings, tmp_path: Path
) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("wrong\n")
    identity = behind.identity.model_copy(update={"password_file": wrong})
    with pytest.raises(Unavailable, match="service user"):
        TokenValidator(Keystone(behind.model_copy(update={"identity": identity}))).validate(keystone.token("team1"))


@pytest.mark.parametrize(
    "body",
    [{}, {"token": None}, {"token": {}}, {"token": {"user": {"id": "u", "name": "n"}, "expires_at": "soon"}}],
)
def test_an_answer_of_another_form_is_not_believed(body: dict[str, object]) -> None:
    with pytest.raises(Unavailable):
        caller_from(body)
