"""Names and labels: the grammar for what people choose, and the deterministic names of what we make from it.

One file, because adopting after a crash and never touching what is not ours both hang on these names.
"""

import re
import uuid

from jeroboam.model.errors import Malformed

LABEL_PREFIX = "io.jeroboam."
LABEL_INSTALLATION = LABEL_PREFIX + "installation"
LABEL_OBJECT = LABEL_PREFIX + "object"
LABEL_PROJECT = LABEL_PREFIX + "project"
LABEL_NAME = LABEL_PREFIX + "name"
LABEL_DEFINITION = LABEL_PREFIX + "definition"
"""Digest of the definition that a container was made from: other than today's means that it must be made again."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}", re.ASCII)
_RESOURCE = re.compile(r"[a-z][a-z0-9_.-]{0,62}", re.ASCII)


def check_name(text: str, what: str = "name") -> str:
    """`text` if it is a legal name: 1 to 255 of A-Z a-z 0-9 _ . - and no sign in front. Raises Malformed."""
    if not _NAME.fullmatch(text):
        raise Malformed(
            f"cannot use {text[:40]!r} as a {what}: 1 to 255 letters, digits, '_', '.' or '-', a letter or digit first"
        )
    return text


def check_resource(text: str) -> str:
    """`text` if it is a legal name of a quota resource (lower-case). Raises Malformed."""
    if not _RESOURCE.fullmatch(text):
        raise Malformed(f"cannot use {text[:40]!r} as a resource: 1 to 63 lower-case letters, digits, '_', '.' or '-'")
    return text


def is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def container_name(installation: str, object_id: str) -> str:
    """What the engine calls the container of an object: the same at every try, so that a retry finds the first."""
    return f"jeroboam-{installation}-{object_id}"


def network_name(installation: str, network_id: str) -> str:
    return f"jeroboam-{installation}-net-{network_id}"


def volume_name(installation: str, volume_id: str) -> str:
    return f"jeroboam-{installation}-vol-{volume_id}"
