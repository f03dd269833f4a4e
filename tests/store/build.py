"""Small builders: the tests say what matters to them and get the rest."""

import uuid
from typing import Any

from jeroboam.model import container
from jeroboam.model.container import ContainerSpec, ContainerStatus
from jeroboam.model.events import Event, EventType
from jeroboam.model.objects import Object

Container = Object[ContainerSpec, ContainerStatus]


def an_object(name: str = "web", project: str = "p1", at: float = 1.0, **changes: Any) -> Container:
    fields: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "kind": container.KIND,
        "project_id": project,
        "user_id": "u1",
        "name": name,
        "generation": 1,
        "observed_generation": 0,
        "spec": ContainerSpec(image="busybox"),
        "status": ContainerStatus(),
        "created_at": at,
        "updated_at": at,
        **changes,
    }
    return Object(**fields)


def an_event(project: str = "p1", at: float = 1.0, **changes: Any) -> Event:
    fields: dict[str, Any] = {
        "type": EventType.CREATED,
        "kind": container.KIND,
        "object_id": "o1",
        "project_id": project,
        "at": at,
        **changes,
    }
    return Event(**fields)
