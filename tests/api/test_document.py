"""The OpenAPI document tells the truth: generated requests, good and bad, get what it says and never a 5xx."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi

from tests.api.cloud import LATEST, Cloud

CHECKS = [
    checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
    openapi.negative_data_rejection,
    openapi.ignored_auth,
    openapi.unsupported_method,
]


@pytest.fixture(scope="module")
def document(cloud: Cloud) -> Iterator[schemathesis.schemas.BaseSchema]:
    admin = cloud.user(cloud.project(), ("reader", "member", "manager"))
    admin.run("web", command=["sleep", "inf"], interactive=True)
    schema = schemathesis.openapi.from_url(f"{cloud.url}/openapi.json")
    schema.config.update(base_url=cloud.url)
    schema.token = admin.token  # type: ignore[attr-defined]
    yield schema


schema = schemathesis.pytest.from_fixture("document")


@schema.exclude(path="/events/v1").parametrize()
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
def test_the_document_is_true(case: schemathesis.Case, document: schemathesis.schemas.BaseSchema) -> None:
    headers = {"X-Auth-Token": document.token, **LATEST}  # type: ignore[attr-defined]
    case.call_and_validate(headers=headers, checks=CHECKS, timeout=20)
