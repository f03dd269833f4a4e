"""Where the rooms are joined: what the API and the conductor are given. Imported late, since it brings everything."""

from contextlib import ExitStack
from dataclasses import dataclass

from fastapi import FastAPI

from jeroboam.api.app import create_app
from jeroboam.api.services import Services
from jeroboam.backends.docker import Deadlines, DockerBackend
from jeroboam.backends.errors import BackendError
from jeroboam.cli import example
from jeroboam.cli.engine_tls import engine_tls
from jeroboam.cli.errors import Refused
from jeroboam.conductor.main import Conductor
from jeroboam.conductor.secrets import SecretBox
from jeroboam.identity.keystone import Keystone
from jeroboam.identity.policy import Policy
from jeroboam.identity.projects import Projects
from jeroboam.identity.tokens import TokenValidator
from jeroboam.model.errors import Problem, Unavailable
from jeroboam.settings import POLICY, Settings
from jeroboam.store.database import Database

STOP_SECONDS = 5.0
"""How long the conductor may go on with the work in hand when everything stops."""


@dataclass(frozen=True)
class Base:
    """What both the API and the conductor stand on."""

    settings: Settings
    database: Database
    backend: DockerBackend
    secrets: SecretBox


def open_base(settings: Settings, stack: ExitStack) -> Base:
    """Opens and migrates the database, makes the backend. What is opened is closed by `stack`.

    Raises Unavailable, Refused where the engine's certificates are not there.
    """
    database = Database(settings.database_url)
    stack.callback(database.close)
    database.migrate()
    engine = settings.engine
    backend = DockerBackend(
        engine.name,
        engine.url,
        database.installation,
        tls=engine_tls(engine),
        deadlines=Deadlines(call=engine.deadline, pull=engine.pull_deadline),
    )
    stack.callback(backend.close)
    return Base(settings, database, backend, SecretBox.at(settings.data / "secrets.key"))


def start_conductor(base: Base, stack: ExitStack) -> None:
    """Starts it; `stack` stops it. Raises Unavailable where the engine is not the installation's."""
    conductor = Conductor(base.database, base.backend, base.settings, base.secrets)
    conductor.start()
    stack.callback(conductor.stop, STOP_SECONDS)


def make_services(base: Base, stack: ExitStack) -> Services:
    """What the API works with. Raises Refused where the operator's policy cannot be used."""
    settings = base.settings
    try:
        policy = Policy(settings.policy_file or settings.data / POLICY, optional=settings.policy_file is None)
    except ValueError as error:
        raise Refused(str(error)) from None
    keystone = Keystone(settings)
    stack.callback(keystone.close)
    return Services(
        settings=settings,
        database=base.database,
        backend=base.backend,
        tokens=TokenValidator(keystone, cache_seconds=settings.identity.cache_seconds),
        projects=Projects(keystone),
        policy=policy,
        secrets=base.secrets,
    )


def make_app(services: Services) -> FastAPI:
    return create_app(services)


def engine_says(base: Base) -> str | None:
    """Why the engine cannot be used now, None if it answers."""
    try:
        base.backend.ping()
    except (BackendError, Unavailable) as error:
        return str(error)
    return None


def set_example_limits(services: Services) -> str | None:
    """At the first start only; what there is to say about it. Nobody is kept waiting for an example."""
    try:
        if not example.set_limits(services):
            return None
    except Problem as error:
        return f"the example organisation has no limits yet: {error}"
    return "the example organisation has 16 containers, each of its teams 8 of them"
