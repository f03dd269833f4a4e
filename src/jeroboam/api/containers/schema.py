"""What a client sends about containers: Zun's fields up to 1.40, no others."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jeroboam.api.containers.fields import (
    Body,
    Count,
    Cpu,
    Flag,
    Hostname,
    Image,
    Memory,
    Name,
    Path,
    QueryFlag,
    Word,
    refuse_privileges,
)
from jeroboam.api.wording import form

ENVIRONMENT_KEY = form(r"^[^=\x00]+$", "is no name of a variable: it has to have a character, and no =")
FILE_LIMIT = 64 * 1024
"""Bytes of one injected file."""


class Mount(Body):
    """`source` names a volume of the project; `size` (GiB, not enforced) makes one that dies with the container;
    `type: bind` puts a file there whose base64 content is `source`."""

    type: Literal["volume", "bind"] = "volume"
    source: Annotated[str, Field(max_length=FILE_LIMIT * 2)] | None = None
    destination: Path
    size: (
        Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
        | Annotated[str, Field(pattern=form(r"^[1-9][0-9]{0,5}$", "has to be a whole number of GiB"))]
        | None
    ) = None


class Net(Body):
    """A network of the project, made when first needed; `none` for no network at all."""

    network: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    v4_fixed_ip: Annotated[str, Field(max_length=15)] | None = Field(None, alias="v4-fixed-ip")
    v6_fixed_ip: Annotated[str, Field(max_length=45)] | None = Field(None, alias="v6-fixed-ip")
    port: Annotated[str, Field(max_length=255)] | None = None


class HealthCheckBody(Body):
    """Times in seconds; 0 or none: the engine's default."""

    cmd: Annotated[str, Field(min_length=1, max_length=4096)]
    interval: Count | None = None
    timeout: Count | None = None
    retries: Count | None = None


class RestartBody(Body):
    Name: Literal["no", "on-failure", "always", "unless-stopped"]
    MaximumRetryCount: Count | None = None


class PortOptions(Body):
    """Zun leaves room for options of a port; there are none."""


class CreateContainer(Body):
    image: Image
    name: Name | None = None
    command: Annotated[list[Word], Field(max_length=4096)] | Word | None = Field(
        None, description="A list; below 1.20 a string that is split like a shell's"
    )
    entrypoint: Annotated[list[Word], Field(max_length=4096)] | None = None
    cpu: Cpu | None = None
    memory: Memory | None = None
    environment: dict[Annotated[str, Field(pattern=ENVIRONMENT_KEY)], Word] | None = None
    workdir: Path | Literal["/"] | None = None
    labels: dict[Annotated[str, Field(min_length=1, max_length=255)], Word] | None = None
    hostname: Hostname | None = None
    image_pull_policy: Literal["always", "ifnotpresent", "never", "Always", "IfNotPresent", "Never"] | None = None
    registry: Name | None = None
    restart_policy: RestartBody | None = None
    healthcheck: HealthCheckBody | None = None
    interactive: Flag | None = None
    tty: Flag | None = None
    auto_remove: Flag | None = None
    auto_heal: Flag | None = None
    privileged: Flag | None = Field(None, description="Only where the operator's policy allows it: by default nobody")
    runtime: Name | None = Field(None, description="As privileged")
    exposed_ports: (
        dict[
            Annotated[str, Field(pattern=form(r"^[0-9]{1,5}(/(tcp|udp))?$", "is no port: write 80, 80/tcp or 53/udp"))],
            PortOptions,
        ]
        | None
    ) = Field(None, description="Each is published on a host port out of the operator's range")
    mounts: Annotated[list[Mount], Field(max_length=64)] | None = None
    nets: Annotated[list[Net], Field(max_length=16)] | None = None
    hints: dict[str, Annotated[str, Field(max_length=4096)] | list[str]] | None = Field(
        None,
        description="shortage, priority, reservation, reclaimable, on_evict, link, publish, tmpfs, pids, resource.*",
    )
    # What Zun's client can ask for and is refused unless it asks for what is done anyway.
    image_driver: str | None = None
    security_groups: list[str] | None = None
    disk: int | str | None = None
    availability_zone: str | None = None
    host: str | None = None
    cpu_policy: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_privileges(cls, document: Any) -> Any:
        return refuse_privileges(document)


class UpdateContainer(Body):
    cpu: Cpu | None = None
    memory: Memory | None = None
    name: Name | None = None
    auto_heal: Flag | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_privileges(cls, document: Any) -> Any:
        return refuse_privileges(document)


class PutArchiveBody(Body):
    data: str = Field(description="A tar, base64 from 1.25 on")


class CreateQuery(Body):
    run: QueryFlag = False


class AllProjects(Body):
    all_projects: QueryFlag = False


class Listing(AllProjects):
    name: str | None = None
    image: str | None = None
    project_id: str | None = None
    user_id: str | None = None
    memory: str | None = None
    host: str | None = None
    task_state: str | None = None
    status: str | None = None
    auto_remove: QueryFlag | None = None
    marker: Annotated[str, Field(max_length=36)] | None = None
    limit: Annotated[int, Field(ge=1, le=2**31)] | None = None
    sort_key: Literal["id", "uuid", "name", "image", "status", "host", "created_at", "updated_at"] = "created_at"
    sort_dir: Literal["asc", "desc"] = "asc"


class Timeout(Body):
    timeout: Annotated[int, Field(ge=0, le=300, description="Seconds from the signal to the kill")] = 10


class DeleteQuery(AllProjects):
    force: QueryFlag = False
    stop: QueryFlag = False


class RenameQuery(Body):
    name: Name


class LogsQuery(Body):
    stdout: QueryFlag = True
    stderr: QueryFlag = True
    timestamps: QueryFlag = False
    tail: Annotated[str, Field(pattern=form(r"^(all|[0-9]{1,9})$", "has to be a number of lines, or all"))] = "all"
    since: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="Seconds since the epoch, or a date and time (UTC unless it says otherwise)"
    )


class ExecuteQuery(Body):
    command: Annotated[str, Field(min_length=1, max_length=65536)]
    run: QueryFlag = True
    interactive: QueryFlag = False


class SizeQuery(Body):
    w: Annotated[int, Field(ge=1, le=10000)]
    h: Annotated[int, Field(ge=1, le=10000)]


class ExecSizeQuery(SizeQuery):
    exec_id: Annotated[
        str, Field(pattern=form(r"^[a-f0-9]{64}$", "has to be the id of an execution: 64 hexadecimal digits"))
    ]


class KillQuery(Body):
    signal: (
        Annotated[str, Field(pattern=form(r"^[A-Za-z0-9+-]{1,16}$", "has to be a signal: TERM, SIGHUP, 9"))] | None
    ) = None


# ps runs on the host, and the engine believes the column that is titled PID: whoever renames one (rss=PID), or puts
# a column of several words before it, is shown others' processes. So: plain flags, and formats that begin with pid.
_PS_WORD = r"(-?[A-NP-Za-np-z]{1,12}|-?[A-NP-Za-np-z]{0,12}o ?pid(,[a-z_]{1,16}){0,20})"


_PS = form(
    rf"^(None|{_PS_WORD}( {_PS_WORD}){{0,9}})?$",
    "has to be plain flags of ps (aux, -ef), or a format that begins with pid (-o pid,comm)",
)


class TopQuery(Body):
    ps_args: Annotated[str, Field(pattern=_PS, max_length=200)] | None = None


class ArchiveQuery(Body):
    path: Annotated[str, Field(min_length=1, max_length=4096)]


class RebuildQuery(Body):
    image: Image | None = None
    image_driver: str | None = None


class NetworkQuery(Body):
    network: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    port: str | None = None
    fixed_ip: Annotated[str, Field(max_length=45)] | None = None
