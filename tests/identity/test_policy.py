"""The table of rules, row by row, and what an operator's file can change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jeroboam.identity.policy import Policy, over
from jeroboam.identity.rules import RULES
from jeroboam.identity.tokens import Caller
from jeroboam.model.errors import Forbidden

OWN = {"project_id": "team1", "ancestors": ["org", "default"]}
READER = frozenset({"reader"})
MEMBER = READER | {"member"}
MANAGER = MEMBER | {"manager"}
ADMIN = MANAGER | {"admin"}


def caller(
    project: str | None, roles: frozenset[str], *, domain: str | None = "default", system: bool = False
) -> Caller:
    return Caller("u", "user", project, project, domain, roles, system, 9e9)


CALLERS = {
    "reader": caller("team1", READER),
    "member": caller("team1", MEMBER),
    "manager": caller("team1", MANAGER),
    "stranger": caller("team2", MEMBER),
    "strange manager": caller("team2", MANAGER),
    "reader above": caller("org", READER),
    "member above": caller("org", MEMBER),
    "manager above": caller("org", MANAGER),
    "admin above": caller("org", ADMIN),
    "domain manager": caller(None, MANAGER),
    "domain reader": caller(None, READER),
    "other domain": caller(None, ADMIN, domain="elsewhere"),
    "no role": caller("team1", frozenset()),
    "unscoped": caller(None, frozenset(), domain=None),
    "system reader": caller(None, READER, domain=None, system=True),
    "system manager": caller(None, MANAGER, domain=None, system=True),
    "system admin": caller(None, ADMIN, domain=None, system=True),
    "cloud admin": caller("admin", ADMIN, system=True),
}
IN = {"reader", "member", "manager"}
WORKS = {"member", "manager"}
ABOVE = {"manager above", "admin above", "domain manager", "system admin", "cloud admin"}
SYSTEM = {"system reader", "system manager", "system admin", "cloud admin"}

TABLE: dict[str, set[str]] = {
    "container:get": IN | ABOVE | SYSTEM,
    "container:list": IN,
    "container:list_all_projects": SYSTEM,
    "container:create": WORKS,
    "container:create:privileged": set(),
    "container:create:host": set(),
    "container:update": WORKS,
    "container:delete": WORKS | ABOVE,
    "container:action": WORKS | ABOVE,
    "container:exec": WORKS,
    "container:logs": IN | ABOVE,
    "network:list": IN,
    "volume:list": IN,
    "volume:delete": WORKS,
    "registry:get": IN,
    "registry:create": WORKS,
    "registry:update": WORKS,
    "registry:delete": WORKS,
    "image:get": IN,
    "image:list": IN,
    "image:create": WORKS,
    "image:delete": WORKS,
    "host:list": SYSTEM,
    "service:list": SYSTEM,
    "quota:get": IN | ABOVE | SYSTEM,
    "quota:set": ABOVE,
    "quota:delete": ABOVE,
    "quota:reserve": {"manager"} | ABOVE,
    "quota:force": {"admin above", "system admin", "cloud admin"},
    "quota:claims": IN | ABOVE | SYSTEM,
    "events:list": IN | ABOVE | SYSTEM,
    "audit:list": {"manager"} | ABOVE | SYSTEM,
    "metrics": SYSTEM,
}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy()


def test_the_table_is_whole() -> None:
    assert TABLE.keys() == RULES.keys()


@pytest.mark.parametrize("rule", TABLE)
def test_who_may(policy: Policy, rule: str) -> None:
    assert {name for name, who in CALLERS.items() if policy.allows(who, rule, OWN)} == TABLE[rule]


def test_limits_of_a_domain_and_of_the_cloud_are_the_systems_admins(policy: Policy) -> None:
    for target in ({"project_id": "default", "ancestors": ["cloud"]}, {"project_id": "cloud", "ancestors": []}):
        allowed = {name for name, who in CALLERS.items() if policy.allows(who, "quota:set", target)}
        assert allowed == {"system admin", "cloud admin"}


def test_whom_to_ask_is_somebody_else(policy: Policy) -> None:
    """A reader of the project is not sent to a reader of the project."""
    target = {"project_id": "-", "ancestors": ["own", "org"]}
    with pytest.raises(Forbidden) as refused:
        policy.check(CALLERS["reader"], "quota:get", target, below=True)
    assert str(refused.value).startswith("cannot look below that project: the policy's rule 'quota:get'")
    assert str(refused.value).endswith(
        "ask a manager of that project or of one above it or a reader of the whole system"
    )


def test_what_is_absent_matches_nothing(policy: Policy) -> None:
    targets: list[dict[str, Any]] = [{}, {"project_id": None}, {"project_id": None, "ancestors": []}]
    for target in targets:
        assert not policy.allows(CALLERS["domain manager"], "container:create", target)
        assert not policy.allows(CALLERS["domain manager"], "quota:set", target)


def test_a_rule_that_does_not_exist_allows_nothing(policy: Policy) -> None:
    assert not policy.allows(CALLERS["cloud admin"], "container:everything", OWN)


def test_a_refusal_names_the_rule_and_the_roles(policy: Policy) -> None:
    with pytest.raises(Forbidden, match=r"'container:delete'.*roles reader; ask") as caught:
        policy.check(CALLERS["reader"], "container:delete", OWN)
    assert caught.value.detail == {"rule": "container:delete"}


@pytest.mark.parametrize(
    ("who", "ancestors", "role", "expected"),
    [
        ("manager above", ["org"], "manager", True),
        ("manager above", ["other"], "manager", False),
        ("manager above", [], "manager", False),
        ("manager above", ["org"], "admin", False),
        ("domain manager", ["org", "default"], "manager", True),
        ("manager", ["team1"], "manager", True),
        ("system manager", [], "manager", False),
        ("system reader", [], "reader", True),
        ("system admin", [], "manager", True),
        ("unscoped", ["None", ""], "reader", False),
    ],
)
def test_over(who: str, ancestors: list[str], role: str, expected: bool) -> None:
    assert over(CALLERS[who], ancestors, role) is expected


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "policy.yaml"
        path.write_text(text)
        return path

    return write


def test_an_operators_file_opens_what_is_closed_for_everybody(file: Callable[[str], Path]) -> None:
    policy = Policy(file('"container:create:privileged": "role:manager and rule:own"\n'))
    allowed = {name for name, who in CALLERS.items() if policy.allows(who, "container:create:privileged", OWN)}
    assert allowed == {"manager"}
    assert policy.allows(CALLERS["member"], "container:create", OWN)


def test_a_changed_file_counts_from_the_next_question_on(file: Callable[[str], Path]) -> None:
    policy = Policy(file('"container:create": "!"\n'))
    assert not policy.allows(CALLERS["member"], "container:create", OWN)
    file('"container:create": "rule:project_member"\n')
    assert policy.allows(CALLERS["member"], "container:create", OWN)
    file("[[[")
    assert policy.allows(CALLERS["member"], "container:create", OWN)


def test_an_optional_file_counts_as_soon_as_it_is_there_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    policy = Policy(path, optional=True)
    for text, allowed in ((None, True), ('"container:create": "!"\n', False), (None, True)):
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        assert policy.allows(CALLERS["member"], "container:create", OWN) == allowed


def test_a_file_that_is_named_must_be_there_at_start_and_its_last_words_hold(file: Callable[[str], Path]) -> None:
    path = file('"container:create": "!"\n')
    policy = Policy(path)
    path.unlink()
    assert not policy.allows(CALLERS["member"], "container:create", OWN)
    with pytest.raises(ValueError, match="cannot read"):
        Policy(path)


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("[[[", "cannot read"),
        ("- a\n- b\n", "must map"),
        ("a: {b: c}\n", "must map"),
        ('"container:creat": "@"\n', "no such rule as container:creat"),
        ('"container:get": "rule:no_such"\n', "refers to itself"),
        ('"container:get": "rule:container:get"\n', "refers to itself"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_start(file: Callable[[str], Path], text: str, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        Policy(file(text))


def test_a_check_that_cannot_be_read_allows_nothing(file: Callable[[str], Path]) -> None:
    policy = Policy(file('"container:get": "everybody please"\n'))
    assert not policy.allows(CALLERS["member"], "container:get", OWN)


def test_decisions_remembered_are_those_of_the_same_target(policy: Policy) -> None:
    targets: list[dict[str, Any]] = [OWN, {**OWN, "project_id": "team2"}, {**OWN, "ancestors": []}]
    expected = [True, False, True]
    for _ in range(2):
        assert [policy.allows(CALLERS["member"], "container:get", target) for target in targets] == expected


@pytest.mark.parametrize(
    ("rule", "help"),
    [
        ("quota:set", "ask a manager of a project or domain above it"),
        ("quota:force", "ask an admin of a project or domain above it, or of the system"),
        ("quota:reserve", "ask a manager of that project or a manager of a project or domain above it"),
        ("container:create", "ask a member of that project"),
        ("host:list", "ask a reader of the whole system"),
        ("container:create:host", "nobody may, unless the operator of this cloud allows it"),
    ],
)
def test_who_is_refused_is_told_whom_to_ask(rule: str, help: str) -> None:
    with pytest.raises(Forbidden) as refused:
        Policy().check(caller("team2", READER), rule, OWN)
    assert refused.value.message.endswith(f"; {help}")


def test_of_an_operators_own_rule_only_the_operator_knows(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text('"quota:set": "role:king"\n')
    with pytest.raises(Forbidden, match="the operator of this cloud has set the rule: ask there"):
        Policy(tmp_path / "policy.yaml").check(CALLERS["admin above"], "quota:set", OWN)
