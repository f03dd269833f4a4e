"""The OpenAPI document tells the truth: generated requests, good and bad, get what it says and never a 5xx."""

import uuid
from dataclasses import dataclass, replace

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi

from jeroboam.api.app import TABLES
from jeroboam.store import volumes
from tests.api.cloud import ADMIN, LATEST, Cloud, User

CHECKS = [
    checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]
EXAMPLES = 8
ENDLESS = "/events/v1"
"""A stream that does not end by itself: tests/api/test_events.py has it."""
NEEDS_MORE = (
    *("/start", "/unpause", "/kill", "/execute", "/top", "/stats"),  # another state than the container's by then
    *("/rename", "/execute_resize", "/{request_id}"),  # an old version; a command or an action that was there
    *("/get_archive", "/put_archive", "/network_attach", "/network_detach"),  # names and archives that nobody guesses
    *("/dry-run", "/{ident}/reservations", "/apply"),  # resources that the cloud has, and a node's own name
)
"""Operations that take more than a real id to succeed: their own tests show them succeeding."""
OPERATIONS = [
    (entry.method, entry.path) for table in TABLES for entry in table.entries if entry.shown and entry.path != ENDLESS
]


@dataclass(frozen=True)
class Document:
    """The document, and real things to put into its paths: otherwise every answer is 404."""

    schema: schemathesis.schemas.BaseSchema
    admin: User
    container: str
    reservation: str

    def real(self, method: str, path: str) -> dict[str, str]:
        """The parameters of a path, of something that is there; what is to be deleted is made for it."""
        fresh = method == "DELETE"
        if "{reservation_id}" in path:
            return {"ident": "self", "reservation_id": self.reserve() if fresh else self.reservation}
        makers = {
            "/containers/": lambda: self.admin.create(f"c-{uuid.uuid4()}")["uuid"] if fresh else self.container,
            "/registries/": self.registry,
            "/volumes/": self.volume,
            "/hosts/": lambda: self.admin.ask("GET", "/container/v1/hosts").json()["hosts"][0]["uuid"],
            "/nodes/": lambda: "self",
            "/quotas/": lambda: self.admin.project_id,
        }
        return next(({"ident": make()} for part, make in makers.items() if f"{part}{{ident}}" in path), {})

    def reserve(self) -> str:
        made = self.admin.ask("POST", "/quota/v1/nodes/self/reservations", {"amounts": {"containers": 1}})
        return str(made.json()["reservation"]["id"])

    def registry(self) -> str:
        body = {"registry": {"name": f"r-{uuid.uuid4()}", "domain": "r.example"}}
        return str(self.admin.ask("POST", "/container/v1/registries", body).json()["registry"]["uuid"])

    def volume(self) -> str:
        with self.admin.cloud.database.write() as tx:
            return volumes.ensure(tx, str(self.admin.project_id), f"v-{uuid.uuid4()}").id


@pytest.fixture(scope="module")
def document(cloud: Cloud) -> Document:
    """With a caller who may everything, so that requests get past the door."""
    admin = cloud.user(
        cloud.project(limits={"containers": 10_000, "vcpus": 10**9, "memory": 10**9}), ADMIN, system=True
    )
    container = admin.run("web", command=["sleep", "inf"], interactive=True)["uuid"]
    document = Document(schemathesis.openapi.from_url(f"{cloud.url}/openapi.json"), admin, container, "")
    return replace(document, reservation=document.reserve())


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: value)
def test_the_document_is_true(document: Document, method: str, path: str, mode: GenerationMode) -> None:
    operation = document.schema[path][method]
    # In a query every wrong type is a right string once it is written: bodies alone can be wrong for certain.
    wanted = [*CHECKS, openapi.negative_data_rejection] if operation.body else CHECKS
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        # What can be wrong is in the path alone, and every word is a name that may not exist.
        return

    headers, statuses = {"X-Auth-Token": document.admin.token, **LATEST}, list[int]()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {**case.path_parameters, **document.real(method, path)}
        # A line that is longer than the server reads at all is answered before us.
        assume(len(str(case.query)) + len(case.formatted_path) < 4000)
        statuses.append(case.call_and_validate(headers=headers, checks=wanted, timeout=20).status_code)

    ask()
    if mode is GenerationMode.POSITIVE and not path.endswith(NEEDS_MORE):
        assert any(status < 300 for status in statuses), f"no answer was a success: {statuses}"
