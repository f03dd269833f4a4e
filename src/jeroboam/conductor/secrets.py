"""Credentials of private registries: stored encrypted under a key of the data folder, opened only to pull."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from jeroboam.backends.data import Credentials
from jeroboam.files import write_private_bytes
from jeroboam.model.errors import Conflict, NotFound
from jeroboam.store import registries
from jeroboam.store.database import Database


class SecretBox:
    """Encrypts what the database must not hold in the clear."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    @classmethod
    def at(cls, path: Path) -> "SecretBox":
        """The box whose key lies at `path`; made there (0600, whole or not at all) if there is none."""
        if not path.exists():
            made = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
            write_private_bytes(made, Fernet.generate_key())
            # Unlike a rename a link never replaces: of two processes that start at once both take the first key.
            with suppress(FileExistsError):
                os.link(made, path)
            made.unlink()
        return cls(path.read_bytes())

    def seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Raises Conflict where the key is another than it was sealed with."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise Conflict(
                "cannot open the stored credentials: the key in the data folder is not the one they were stored with; "
                "store them again"
            ) from None


class CredentialStore:
    """The credentials that a project stored, by the registry's id."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    def of(self, project_id: str, registry_id: str | None) -> Credentials | None:
        """None where the container names no registry. Raises Conflict where the registry was deleted since."""
        if registry_id is None:
            return None
        try:
            with self._database.read() as tx:
                row = registries.get(tx, registry_id, project_id)
        except NotFound:
            raise Conflict(
                "cannot pull: the stored credentials that the container names were deleted; create it again"
            ) from None
        if not row.username:
            return None
        return Credentials(row.domain, row.username, self._box.open(row.secret))
