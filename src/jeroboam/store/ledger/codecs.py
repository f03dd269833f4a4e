"""How the engine's values stand in the ledger's columns: weights, policies, child defaults, reasons."""

from fractions import Fraction
from functools import lru_cache
from typing import Any

import orjson
from pydantic import TypeAdapter

from jeroboam.quota.policy import INHERIT, Policy
from jeroboam.quota.reasons import Help, Reason
from jeroboam.quota.tree import Amounts, Limit

_policy = TypeAdapter(Policy)
_defaults = TypeAdapter(dict[str, Limit])


def write_policy(policy: Policy) -> str | None:
    return None if policy == INHERIT else _policy.dump_json(policy, exclude_none=True).decode()


@lru_cache(maxsize=1024)
def read_policy(text: str | None) -> Policy:
    # INHERIT itself: the engine passes over it by identity.
    return INHERIT if text is None else _policy.validate_json(text)


def write_defaults(defaults: dict[str, Limit] | None) -> str | None:
    return None if defaults is None else _defaults.dump_json(defaults).decode()


def read_defaults(text: str | None) -> dict[str, Limit] | None:
    return None if text is None else _defaults.validate_json(text)


def write_amounts(amounts: Amounts) -> str:
    return orjson.dumps(amounts).decode()


def read_amounts(text: str) -> Amounts:
    amounts: Amounts = orjson.loads(text)
    return amounts


read_weight = lru_cache(maxsize=1024)(Fraction)


def write_reason(reason: object, sentence: str) -> str | None:
    if not isinstance(reason, Reason):
        return None
    return orjson.dumps({**reason.as_dict(), "sentence": sentence}).decode()


def read_reason(text: str | None) -> Reason | None:
    if text is None:
        return None
    given: dict[str, Any] = orjson.loads(text)
    helps = tuple(
        Help(
            one["code"],
            one["node"],
            one["figures"],
            one["at"],
            one.get("amounts", {}),
            tuple(one.get("nodes", ())),
            one.get("reservation"),
        )
        for one in given["helps"]
    )
    what = (given["code"], given["node"], given["resource"], given["figures"], given["rule"], helps)
    return Reason(*what, given.get("decides"), given.get("reservation"), given.get("never", False), given.get("about"))
