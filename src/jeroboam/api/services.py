"""What the API is given to work with: made by whoever starts it, the same for every request."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from jeroboam.api.cores import Cores
from jeroboam.backends.base import Backend
from jeroboam.conductor.secrets import SecretBox
from jeroboam.identity.policy import Policy
from jeroboam.identity.projects import Place
from jeroboam.identity.tokens import Caller
from jeroboam.settings import Settings
from jeroboam.store.admissions import Admissions
from jeroboam.store.database import Database


class Tokens(Protocol):
    """Who stands behind a token. Both raise Unauthenticated; `validate` may block, and raise Unavailable."""

    def cached(self, token: str) -> Caller | None: ...
    def validate(self, token: str) -> Caller: ...


class ProjectTree(Protocol):
    """Where a project hangs: itself, its parents, its domain. Both raise NotFound, Unavailable."""

    def path(self, project_id: str) -> Sequence[Place]: ...
    def find(self, name_or_id: str) -> Place: ...


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    backend: Backend
    tokens: Tokens
    projects: ProjectTree
    policy: Policy
    secrets: SecretBox
    clock: Callable[[], float] = time.time

    @cached_property
    def admissions(self) -> Admissions:
        """Requests of this process that come at once share a commit."""
        return Admissions(self.database)

    @cached_property
    def cores(self) -> Cores:
        return Cores(self.backend)
