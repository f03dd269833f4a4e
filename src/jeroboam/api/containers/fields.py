"""Types of single fields that come from outside, with their grammar: shared by bodies and queries."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt

from jeroboam.api.wording import form
from jeroboam.model.errors import Forbidden
from jeroboam.model.quantities import MAX

TRUE = ("True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes")
FALSE = ("False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no")

_Word = Literal[
    "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes",
    "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no",
]  # fmt: skip


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in TRUE + FALSE:
        return value in TRUE
    raise ValueError("write true or false")


Flag = Annotated[bool, BeforeValidator(_flag, json_schema_input_type=bool | _Word)]
"""A boolean of a body; OpenStack's clients may send it as a word."""
QueryFlag = Annotated[bool, BeforeValidator(_flag, json_schema_input_type=_Word)]
"""A boolean of a query, in any of the words that OpenStack's clients use."""

_LETTERS = "has to begin with a letter or digit, and have none but letters, digits"

Cpu = Annotated[
    Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    | Annotated[StrictFloat, Field(ge=0.01, le=1_000_000)]
    | Annotated[str, Field(pattern=form(r"^[0-9]{1,7}(\.[0-9]{1,9})?m?$", "has to be a number of CPUs: 0.5, or 500m"))],
    Field(description='vCPUs: 0.5, or "0.5", or "500m"; rounded up to thousandths'),
]
Memory = Annotated[
    Annotated[StrictInt, Field(ge=1, le=MAX)]
    | Annotated[
        str,
        Field(
            pattern=form(
                r"^[0-9]{1,15}(\.[0-9]{1,6})?[kmgKMG]?$", "has to be MiB, or a number with k, m or g: 512, 1.5g"
            )
        ),
    ],
    Field(description='MiB, or a number with k, m or g: 512, "512", "1.5g"'),
]
Name = Annotated[
    str, Field(min_length=1, max_length=255, pattern=form(r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", f"{_LETTERS}, _, . and -"))
]
Image = Annotated[
    str,
    Field(
        min_length=1,
        max_length=255,
        pattern=form(r"^[a-zA-Z0-9][a-zA-Z0-9_./:@+-]*$", f"{_LETTERS}, and _ . / : @ + -"),
    ),
]
Hostname = Annotated[
    str,
    Field(
        min_length=1,
        max_length=63,
        pattern=form(
            r"^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$", f"{_LETTERS}, . and -, ending with a letter or digit"
        ),
    ),
]
Path = Annotated[
    str, Field(min_length=2, max_length=4096, pattern=form(r"^/[^\x00]*$", "has to be a whole path: /srv/data"))
]
Word = Annotated[str, Field(max_length=131072)]

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)


def whole(value: Any) -> Any:
    """Lets a string of digits pass for a number, as Zun does, and nothing else."""
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


Count = Annotated[StrictInt, BeforeValidator(whole, json_schema_input_type=int | str), Field(ge=0, le=1_000_000)]

PRIVILEGES: Mapping[str, str] = {
    "cap_add": "added capabilities",
    "capabilities": "added capabilities",
    "devices": "devices of the host",
    "device_cgroup_rules": "devices of the host",
    "security_opt": "security options",
    "security_options": "security options",
    "sysctls": "kernel settings",
    "cgroup_parent": "a cgroup of its own choice",
    "network_mode": "the host's network",
    "pid_mode": "the host's processes",
    "pid": "the host's processes",
    "ipc_mode": "the host's shared memory",
    "ipc": "the host's shared memory",
    "uts_mode": "the host's name",
    "userns_mode": "the host's users",
    "userns": "the host's users",
    "binds": "files of the host",
    "volumes_from": "volumes of other containers",
}


class Body(BaseModel):
    """A body: what it does not know is refused, and asking for power over the host by its own words."""

    model_config = ConfigDict(extra="forbid")


def refuse_privileges(document: Any) -> Any:
    """Raises Forbidden where a field of Docker's asks for more than a tenant has."""
    if isinstance(document, dict):
        for key in document.keys() & PRIVILEGES.keys():
            raise Forbidden(
                f"cannot give a container {PRIVILEGES[key]} ({key}): no tenant may have that here; leave it out"
            )
    return document
