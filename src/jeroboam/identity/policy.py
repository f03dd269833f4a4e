"""May this caller do this to that object? oslo.policy with the roles reader, member, manager, admin.

What stands in a target comes from the database, never from the request.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import structlog
from oslo_config import cfg
from oslo_policy import policy

from jeroboam.identity.rules import BASE, RULES, WHO, WHO_BELOW
from jeroboam.identity.tokens import Caller
from jeroboam.model.errors import Forbidden

MEMORY = 4096
"""Decisions remembered at most."""
log = structlog.get_logger(__name__)


def over(caller: Caller, ancestors: Collection[str], role: str) -> bool:
    """Whether the caller holds `role` on one of `ancestors` (ids of projects and domains), or on the system.

    The system's power over others is its admin's: a system-scoped manager or member has none, a reader may read.
    """
    if role not in caller.roles:
        return False
    if caller.system:
        return role == "reader" or "admin" in caller.roles
    return caller.scope_id is not None and caller.scope_id in ancestors


@policy.register("over")
class Over(policy.Check):
    """`over:manager` in a rule: see `over`."""

    def __call__(self, target: Any, creds: Any, enforcer: Any, current_rule: str | None = None) -> bool:
        return over(creds["caller"], target.get("ancestors", ()), self.match)


class Policy:
    """The rules in force: the defaults and what an operator's file says otherwise.

    The file is read again when it changes; one that cannot be used is logged, and the last good rules stay in force.
    """

    def __init__(self, policy_file: Path | None = None, *, optional: bool = False) -> None:
        """`optional`: the file may come and go; as long as it is not there, the defaults hold.

        Raises ValueError if the file cannot be read, is no YAML, or names a rule that does not exist.
        """
        self._file = policy_file
        self._optional = optional
        self._changed = _changed(policy_file)
        self._rules = self._read()

    def allows(self, caller: Caller, rule: str, target: Mapping[str, Any] | None = None) -> bool:
        """Whether `rule` allows it; a rule that does not exist allows nothing."""
        if self._file is not None:
            self._reload_if_changed()
        return self._rules.allow(caller, rule, target or {})

    def check(self, caller: Caller, rule: str, target: Mapping[str, Any] | None = None, *, below: bool = False) -> None:
        """Raises Forbidden unless `rule` allows it. `below`: it is about all that is below what the caller named."""
        if not self.allows(caller, rule, target):
            what = RULES[rule][1].rstrip(".") if rule in RULES else rule
            asked, who = ("look below that project", WHO_BELOW) if below else ("do this", WHO)
            raise Forbidden(
                f"cannot {asked}: the policy's rule {rule!r} ({what[:1].lower()}{what[1:]}) does not allow it "
                f"with the roles {', '.join(sorted(caller.roles)) or 'none'}; {self._rules.who_may(rule, who)}",
                rule=rule,
            )

    def _read(self) -> "_Rules":
        absent = self._optional and _changed(self._file) is None
        return _Rules(None if absent else self._file)

    def _reload_if_changed(self) -> None:
        changed = _changed(self._file)
        if changed == self._changed:
            return
        self._changed = changed
        try:
            self._rules = self._read()
        except ValueError as error:
            log.error("policy_unusable", error=str(error))


class _Rules:
    """One reading of the rules, with the decisions made by it: oslo.policy takes 0.1 ms for what never changes."""

    def __init__(self, policy_file: Path | None) -> None:
        named = _read(policy_file) if policy_file is not None else {}
        defaults = {name: check for name, (check, _) in {**BASE, **RULES}.items()}
        rules = policy.Rules.from_dict({**defaults, **named})
        conf = cfg.ConfigOpts()
        conf([], project="jeroboam", default_config_files=[], default_config_dirs=[])
        self._enforcer = policy.Enforcer(conf, rules=rules, use_conf=False)
        if not self._enforcer.check_rules():
            raise ValueError(
                f"cannot use the policy {policy_file}: a rule refers to itself or to one that is not there"
            )
        # A check over HTTP may answer otherwise the next time: then nothing is remembered.
        self._remember = not any("http:" in check or "https:" in check for check in named.values())
        self._decided: dict[Any, bool] = {}
        self._named = named.keys()

    def who_may(self, rule: str, who: Mapping[str, str]) -> str:
        """What would help who is refused. Where the operator has written rules of their own, only they know."""
        if not self._named.isdisjoint({rule, *BASE}):
            return "the operator of this cloud has set the rule: ask there"
        admitted = [who[check] for check in RULES[rule][0].split(" or ") if check in who] if rule in RULES else []
        return f"ask {' or '.join(admitted)}" if admitted else "nobody may, unless the operator of this cloud allows it"

    def allow(self, caller: Caller, rule: str, target: Mapping[str, Any]) -> bool:
        plain = {key: tuple(value) if isinstance(value, list | set) else value for key, value in target.items()}
        key = (caller, rule, tuple(plain.items()))
        decided = self._decided.get(key) if self._remember else None
        if decided is None:
            decided = bool(self._enforcer.enforce(rule, plain, _credentials(caller)))
            if len(self._decided) >= MEMORY:
                self._decided.clear()
            self._decided[key] = decided
        return decided


def _changed(file: Path | None) -> tuple[int, int] | None:
    try:
        stat = file.stat() if file is not None else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size) if stat is not None else None


def _credentials(caller: Caller) -> dict[str, Any]:
    """What rules see of the caller. What is None is left out: a rule would match it with an absent target."""
    seen: dict[str, Any] = {
        "user_id": caller.user_id,
        "project_id": caller.project_id,
        "domain_id": caller.domain_id,
        "roles": list(caller.roles),
        "system_scope": "all" if caller.system else None,
        "caller": caller,
    }
    return {key: value for key, value in seen.items() if value is not None}


def _read(file: Path) -> dict[str, str]:
    try:
        named = policy.parse_file_contents(file.read_text())
    except OSError as error:
        raise ValueError(f"cannot read the policy {file}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"cannot read the policy {file}: {error}") from error
    if not isinstance(named, dict) or not all(isinstance(check, str) for check in named.values()):
        raise ValueError(f"cannot use the policy {file}: it must map names of rules to checks")
    unknown = sorted(name for name in named if name not in RULES and name not in BASE and ":" in str(name))
    if unknown:
        raise ValueError(f"cannot use the policy {file}: no such rule as {', '.join(unknown)}; see docs/operations.md")
    return named
