"""May this caller do this to that object? oslo.policy with the roles reader, member, manager, admin.

What stands in a target comes from the database, never from the request.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from oslo_config import cfg
from oslo_policy import policy

from jeroboam.identity.rules import BASE, RULES
from jeroboam.identity.tokens import Caller
from jeroboam.model.errors import Forbidden, Unavailable


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
    """The rules in force: the defaults and what an operator's file says otherwise. The file is read again on change."""

    def __init__(self, policy_file: Path | None = None) -> None:
        """Raises ValueError if the file cannot be read, is no YAML, or names a rule that does not exist."""
        conf = cfg.ConfigOpts()
        conf([], project="jeroboam", default_config_files=[], default_config_dirs=[])
        self._file = policy_file
        self._enforcer = policy.Enforcer(conf, policy_file=str(policy_file or ""))
        conf.set_override("policy_dirs", [], group="oslo_policy")
        for name, (check, description) in {**BASE, **RULES}.items():
            self._enforcer.register_default(policy.RuleDefault(name, check, description))
        if policy_file is not None:
            _check_file(policy_file)
        self._enforcer.load_rules(force_reload=True)
        # Without a file there is nothing to look at again before every decision.
        self._enforcer.use_conf = policy_file is not None

    def allows(self, caller: Caller, rule: str, target: Mapping[str, Any] | None = None) -> bool:
        """Whether `rule` allows it; a rule that does not exist allows nothing. Raises Unavailable (broken file)."""
        try:
            return bool(self._enforcer.enforce(rule, dict(target or {}), _credentials(caller)))
        except (ValueError, OSError, cfg.Error) as error:
            raise Unavailable(f"cannot read the policy {self._file}: {error}; mend the file") from error

    def check(self, caller: Caller, rule: str, target: Mapping[str, Any] | None = None) -> None:
        """Raises Forbidden unless `rule` allows it."""
        if not self.allows(caller, rule, target):
            what = RULES[rule][1].rstrip(".") if rule in RULES else rule
            raise Forbidden(
                f"cannot do this: the policy's rule {rule!r} ({what[:1].lower()}{what[1:]}) does not allow it "
                f"with the roles {', '.join(sorted(caller.roles)) or 'none'}; ask a manager of your project",
                rule=rule,
            )


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


def _check_file(file: Path) -> None:
    try:
        named = policy.parse_file_contents(file.read_text())
    except OSError as error:
        raise ValueError(f"cannot read the policy {file}: {error.strerror}") from error
    if not isinstance(named, dict):
        raise ValueError(f"cannot use the policy {file}: it must map names of rules to checks")
    unknown = sorted(name for name in named if name not in RULES and name not in BASE and ":" in str(name))
    if unknown:
        raise ValueError(f"cannot use the policy {file}: no such rule as {', '.join(unknown)}; see docs/operations.md")
