"""The OpenAPI document tells the truth: generated requests, good and bad, get what it says and never a 5xx."""

from dataclasses import dataclass

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi

from jeroboam.api.app import TABLES
from tests.api.cloud import ADMIN, LATEST, Cloud

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
OPERATIONS = [
    (entry.method, entry.path) for table in TABLES for entry in table.entries if entry.shown and entry.path != ENDLESS
]


@dataclass(frozen=True)
class Document:
    schema: schemathesis.schemas.BaseSchema
    headers: dict[str, str]
    ident: str


@pytest.fixture(scope="module")
def document(cloud: Cloud) -> Document:
    """With a caller who may everything, so that requests get past the door."""
    admin = cloud.user(
        cloud.project(limits={"containers": 10_000, "vcpus": 10**9, "memory": 10**9}), ADMIN, system=True
    )
    uuid = admin.run("web", command=["sleep", "inf"], interactive=True)["uuid"]
    schema = schemathesis.openapi.from_url(f"{cloud.url}/openapi.json")
    return Document(schema, {"X-Auth-Token": admin.token, **LATEST}, uuid)


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: value)
def test_the_document_is_true(document: Document, method: str, path: str, mode: GenerationMode) -> None:
    operation = document.schema[path][method]
    # In a query every wrong type is a right string once it is written: bodies alone can be wrong for certain.
    wanted = [*CHECKS, openapi.negative_data_rejection] if operation.body else CHECKS
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        # What can be wrong is in the path alone, and every word is a name that may not exist.
        return

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
        if "/containers/" in path and mode is GenerationMode.POSITIVE and method != "DELETE":
            # One that exists: otherwise every answer is 404.
            case.path_parameters = {**case.path_parameters, "ident": document.ident}
        # A line that is longer than the server reads at all is answered before us.
        assume(len(str(case.query)) + len(case.formatted_path) < 4000)
        case.call_and_validate(headers=document.headers, checks=wanted, timeout=20)

    ask()
