"""Every setting, with its default and its reason.

They stand in `jeroboam.toml` in the data folder, or as JEROBOAM_* in the environment.
Nested settings are written `[engine] url = ...` in the file and `JEROBOAM_ENGINE__URL` in the environment.
"""

import os
import socket
import tomllib
from ipaddress import IPv4Network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

FILE = "jeroboam.toml"
POLICY = "policy.yaml"


def default_data() -> Path:
    """The data folder of somebody who named none: /var/lib/jeroboam for root, the XDG data folder for others."""
    if "JEROBOAM_DATA" in os.environ:
        return Path(os.environ["JEROBOAM_DATA"])
    if os.geteuid() == 0:
        return Path("/var/lib/jeroboam")
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "jeroboam"


class Engine(BaseModel):
    """The Docker Engine of the embedded default."""

    name: str = "local"
    url: str = Field(default_factory=lambda: os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    tls_ca: Path | None = None
    """What the certificate of an engine at a tcp:// URL is checked with; then all goes over TLS."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    """By which it knows us."""
    deadline: float = 30.0
    """Seconds that an ordinary call may take."""
    pull_deadline: float = 900.0
    workers: int = 40
    """Objects worked on at once, half of them of one project: with 20 it has as much of the engine as it can get."""

    @model_validator(mode="after")
    def _whole_tls(self) -> Self:
        if bool(self.tls_cert) != bool(self.tls_key) or (self.tls_cert and not self.tls_ca):
            raise ValueError("engine.tls_cert and engine.tls_key go together, and with engine.tls_ca")
        return self


class Capacity(BaseModel):
    """How the machine's size becomes the root of the quota tree."""

    cpu_ratio: float = Field(default=4.0, gt=0)
    memory_ratio: float = Field(default=0.9, gt=0)


class Containers(BaseModel):
    """What a request that names none gets, and the most that it can ask for."""

    vcpus: int = 250
    """Thousandths."""
    memory: int = 256
    """MiB."""
    pids: int = 512
    log_max_mib: int = 10
    log_files: int = 3
    archive_max_mib: int = 64


class Network(BaseModel):
    range: IPv4Network = IPv4Network("10.212.0.0/14")
    """Docker's own pools end near 30 networks: ours come from here, one `prefix` each."""
    prefix: int = 24
    publish_address: str = "127.0.0.1"
    publish_ports: tuple[int, int] = (20000, 29999)
    networks_per_project: int = Field(default=16, ge=1)
    """What comes out of a range that all share: no project can use it up."""
    ports_per_project: int = Field(default=500, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.range.prefixlen <= self.prefix <= 29:
            raise ValueError("network.prefix must lie between the range's own and 29")
        low, high = self.publish_ports
        if not 1 <= low <= high <= 65535:
            raise ValueError("network.publish_ports must be two ports, the lower first")
        return self


class Identity(BaseModel):
    """Keystone: run by `jeroboam up`, or the operator's own when `auth_url` is set."""

    auth_url: str | None = None
    username: str = "jeroboam"
    password_file: Path | None = None
    project_name: str | None = None
    """None: the service user's token is scoped to the system, where the role `reader` is all that it needs."""
    user_domain_name: str = "Default"
    project_domain_name: str = "Default"
    cafile: Path | None = None
    region: str = "RegionOne"
    keystone_port: int = 9516
    cache_seconds: float = Field(default=60.0, le=60.0)
    """How long a token is believed without asking again: a revoked one works no longer than this."""

    @field_validator("auth_url")
    @classmethod
    def _version_3(cls, value: str | None) -> str | None:
        """Operators know it with and without the version."""
        if value is None:
            return None
        plain = value.rstrip("/")
        return plain if plain.endswith("/v3") else plain + "/v3"


class Api(BaseModel):
    host: str = "127.0.0.1"
    port: int = 9517
    public_url: str | None = None
    """What the service catalogue says; by default made of host and port."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    max_body: int = 1 << 20
    """Bytes of a JSON body; archives have their own limit (containers.archive_max_mib)."""

    @property
    def loopback(self) -> bool:
        return self.host in ("127.0.0.1", "::1", "localhost")

    tls_ca: Path | None = None
    """What clients are told to trust; by default the certificate itself where it is signed by itself."""

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert else "http"

    @property
    def wildcard(self) -> bool:
        return self.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound

    @property
    def public_host(self) -> str:
        """The name or address that clients are told, with the brackets of an IPv6 address."""
        if self.public_url:
            named = urlsplit(self.public_url).hostname or self.host
        else:
            named = socket.getfqdn() if self.wildcard else self.host
        return f"[{named}]" if ":" in named else named

    @model_validator(mode="after")
    def _tls_beyond_loopback(self) -> Self:
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("api.tls_cert and api.tls_key go together")
        if not self.loopback and not self.tls_cert:
            raise ValueError(
                f"cannot bind to {self.host} without TLS: give api.tls_cert and api.tls_key, or bind to 127.0.0.1"
            )
        return self


class Conductor(BaseModel):
    lease_seconds: float = 60.0
    poll_seconds: float = 1.0
    """How often to look for work that nobody woke us for."""
    resync_seconds: float = 600.0
    """How often an object at rest is looked at all the same."""
    backoff_first: float = 1.0
    backoff_cap: float = 120.0
    orphan_grace: float = 60.0
    """Seconds that containers, networks and objects' own volumes with our label but no row are left alone."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="JEROBOAM_", env_nested_delimiter="__", extra="ignore")

    data: Path = Field(default_factory=default_data)
    database: str | None = None
    """SQLAlchemy URL; by default SQLite in the data folder."""
    engine: Engine = Engine()
    capacity: Capacity = Capacity()
    containers: Containers = Containers()
    network: Network = Network()
    identity: Identity = Identity()
    api: Api = Api()
    conductor: Conductor = Conductor()
    policy_file: Path | None = None
    """An operator's oslo.policy file; by default `policy.yaml` in the data folder, if it is there."""
    log_level: str = "info"

    @field_validator("database")
    @classmethod
    def _whole_path(cls, value: str | None) -> str | None:
        kind, _, file = (value or "").partition(":///")
        if kind.partition("+")[0] == "sqlite" and not file.startswith("/"):
            raise ValueError(
                "cannot use an SQLite database at a path that begins somewhere else for each command: "
                "give sqlite:////path/of/file, with four slashes"
            )
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.lower() not in ("debug", "info", "warning", "error"):
            raise ValueError("log_level is one of debug, info, warning, error")
        return value.lower()

    @property
    def policy(self) -> Path | None:
        """The operator's rules, None where the defaults (jeroboam/identity/rules.py) are all there is."""
        found = self.data / POLICY
        return self.policy_file or (found if found.exists() else None)

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data / 'jeroboam.sqlite'}"

    @property
    def database_file(self) -> Path | None:
        """The file of an SQLite database; None where a server keeps it."""
        kind, _, file = self.database_url.partition(":///")
        return Path(file.partition("?")[0]) if kind.partition("+")[0] == "sqlite" else None

    @property
    def database_is_written(self) -> bool:
        """Whether commands that are given no database find this one by themselves."""
        file = self.data / FILE
        written = tomllib.loads(file.read_text()).get("database") if file.exists() else None
        return written == self.database

    @property
    def database_shown(self) -> str:
        """The URL without what is secret in it. Raises Unavailable if it is none."""
        from jeroboam.store import urls  # late: most who need the settings show no URL

        return urls.shown(urls.parsed(self.database_url))

    @property
    def identity_url(self) -> str:
        if self.identity.auth_url:
            return self.identity.auth_url
        return f"{self.api.scheme}://{self.api.public_host}:{self.identity.keystone_port}/v3"

    @property
    def identity_internal_url(self) -> str:
        """Keystone as we reach it ourselves: our own by the address that it listens on, whatever its public name."""
        if self.identity.auth_url:
            return self.identity.auth_url
        host = "127.0.0.1" if self.api.wildcard else self.api.host
        return f"{self.api.scheme}://{f'[{host}]' if ':' in host else host}:{self.identity.keystone_port}/v3"

    @property
    def public_url(self) -> str:
        return self.api.public_url or f"{self.api.scheme}://{self.api.public_host}:{self.api.port}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        data = Path(init_settings().get("data") or default_data())
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, data / FILE)


def load(data: Path | None = None, **overrides: object) -> Settings:
    """The settings of a data folder: what is given here, then the environment, then its file, then the defaults."""
    given = {key: value for key, value in overrides.items() if value is not None}
    return Settings(data=(data or default_data()).absolute(), **given)  # type: ignore[arg-type]
