"""What answers look like, for the OpenAPI document; the answers themselves are plain dicts (view.py)."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Link(Document):
    href: str
    rel: str


class AddressDocument(Document):
    addr: str
    version: int
    port: str | None
    subnet_id: str | None
    preserve_on_delete: bool


class ConditionDocument(Document):
    type: str
    status: bool
    reason: str
    message: str
    since: str
    deadline: str | None


class PublishedPortDocument(Document):
    port: int
    protocol: str
    host_ip: str
    host_port: int


class MountDocument(Document):
    type: str
    source: str | None
    destination: str


class RestartDocument(Document):
    Name: str
    MaximumRetryCount: str


class HealthDocument(Document):
    test: str
    interval: int
    timeout: int
    retries: int


class ContainerDocument(Document):
    """Zun's fields of 1.40, and from `generation` on ours."""

    uuid: str
    name: str
    project_id: str
    user_id: str
    image: str
    status: str
    status_reason: str | None
    status_detail: str
    task_state: str | None
    cpu: float
    memory: str
    command: list[str]
    entrypoint: list[str]
    environment: dict[str, str]
    workdir: str | None
    hostname: str | None
    labels: dict[str, str]
    addresses: dict[str, list[AddressDocument]]
    ports: list[int]
    host: str | None
    availability_zone: str
    restart_policy: RestartDocument
    healthcheck: HealthDocument | None
    image_pull_policy: str
    image_driver: str
    interactive: bool
    tty: bool
    auto_remove: bool
    auto_heal: bool
    privileged: bool
    registry_id: str | None
    security_groups: list[str] | None
    runtime: str | None
    disk: int | None
    cpu_policy: str
    created_at: str
    updated_at: str
    links: list[Link]
    generation: int
    observed_generation: int
    conditions: list[ConditionDocument]
    published_ports: list[PublishedPortDocument]
    mounts: list[MountDocument]
    hints: dict[str, str | list[str]]
    image_id: str | None
    evicted_by: str | None
    """The project that took its capacity back: by name for those who may know it."""
    exit_code: int | None
    health: str | None


class ContainersDocument(Document):
    containers: list[ContainerDocument]
    next: str | None


class ExecDocument(Document):
    output: str | None
    exit_code: int | None
    exec_id: str | None
    token: str | None
    proxy_url: str | None


class TopDocument(Document):
    Titles: list[str]
    Processes: list[list[str]]


class ArchiveDocument(Document):
    data: str
    stat: dict[str, Any]


class FixedIp(Document):
    subnet_id: str | None
    version: int
    ip_address: str


class ContainerNetwork(BaseModel):
    """From 1.18 on with `fixed_ips`; below, one row for each address."""

    net_id: str
    port_id: str | None


class ContainerNetworksDocument(Document):
    networks: list[ContainerNetwork]


class ActionDocument(BaseModel):
    action: str
    container_uuid: str
    request_id: str
    user_id: str
    project_id: str
    start_time: str
    finish_time: str | None
    message: str | None


class ActionsDocument(Document):
    containerActions: list[ActionDocument]
