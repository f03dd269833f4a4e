"""What is wrong with a request is a sentence: none of pydantic's words, nothing of what was sent."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from jeroboam.api.containers.schema import CreateContainer
from jeroboam.api.quota.schema import AuditQuery, PolicyBody, ReserveBody, UpdateNode
from jeroboam.api.wording import sentence

WRONG: list[tuple[type[BaseModel], dict[str, Any], str]] = [
    (CreateContainer, {}, "image is missing"),
    (CreateContainer, {"memory": "-5"}, "memory has to be MiB, or a number with k, m or g: 512, 1.5g"),
    (CreateContainer, {"memory": 0}, "memory has to be 1 or more"),
    (CreateContainer, {"cpu": -1.0}, "cpu has to be 0.01 or more"),
    (CreateContainer, {"cpu": 1e9}, "cpu has to be 1000000 at most"),
    (CreateContainer, {"cpu": "abc"}, "cpu has to be a number of CPUs: 0.5, or 500m"),
    (CreateContainer, {"cpu": []}, "cpu has to be a whole number or a number or text"),
    (
        CreateContainer,
        {"name": "bad name!"},
        "name has to begin with a letter or digit, and have none but letters, digits, _, . and -",
    ),
    (CreateContainer, {"tty": "maybe"}, "tty cannot be used: write true or false"),
    (CreateContainer, {"colour": "red"}, "colour is not known here"),
    (CreateContainer, {"command": [1]}, "command.0 has to be text; command has to be text"),
    (CreateContainer, {"environment": {"A=": "x"}}, "environment.A= is no name of a variable"),
    (
        CreateContainer,
        {"restart_policy": {"Name": "x"}},
        "restart_policy.Name has to be 'no', 'on-failure', 'always' or 'unless-stopped'",
    ),
    (AuditQuery, {"limit": 0}, "limit has to be 1 or more"),
    (PolicyBody, {"grace_seconds": -3}, "grace_seconds has to be 0 or more"),
    (UpdateNode, {"weight": "x"}, "weight has to be a whole number or a fraction: 3, 3/2"),
    (ReserveBody, {"amounts": {}}, "amounts has to have 1 or more entries"),
    (ReserveBody, {"amounts": {"A": 1}}, "amounts.A is no name of a resource"),
    (ReserveBody, {"amounts": {"int": -1}}, "amounts.int has to be 0 or more"),
    (CreateContainer, {"labels": {"int": 1}}, "labels.int has to be text"),
    (CreateContainer, {"labels": {"none": []}}, "labels.none has to be text"),
    (CreateContainer, {"environment": {"str": []}}, "environment.str has to be text"),
    (CreateContainer, {"a": 1, "b": 1, "c": 1, "d": 1}, "(and 2 more)"),
]


@pytest.mark.parametrize(("kind", "sent", "said"), WRONG, ids=[str(sent) for _, sent, _ in WRONG])
def test_what_a_field_has_to_be_is_said(kind: type[BaseModel], sent: dict[str, Any], said: str) -> None:
    image = {"image": "busybox"} if kind is CreateContainer and sent and "a" not in sent else {}
    with pytest.raises(ValidationError) as wrong:
        kind.model_validate({**image, **sent})
    told = sentence([{**error, "loc": ("body", *error["loc"])} for error in wrong.value.errors()], {**image, **sent})
    assert told.startswith("cannot read the request: ")
    assert said in told
    assert not any(word in told for word in ("Input", "constrained", "pattern", "valid"))
