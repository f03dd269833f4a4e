"""Health, figures, version documents, and the OpenAPI document itself."""

import re
from concurrent.futures import ThreadPoolExecutor

import requests

from jeroboam.backends.errors import Temporary
from tests.api.cloud import Cloud, User
from tests.engine import wait_until


def test_health_needs_no_token(cloud: Cloud) -> None:
    assert cloud.http.get(f"{cloud.url}/healthz", timeout=5).json() == {"status": "ok"}
    ready = cloud.http.get(f"{cloud.url}/readyz", timeout=5)
    assert (ready.status_code, ready.json()["database"]) == (200, "ok")


def test_an_engine_that_is_away_does_not_make_it_unready(cloud: Cloud) -> None:
    cloud.engine.faults.fail("ping", Temporary("cannot reach the engine at /secret/path"))
    ready = cloud.http.get(f"{cloud.url}/readyz", timeout=5)
    assert (ready.status_code, ready.json()["engine"]) == (200, "does not answer")
    assert "secret" not in ready.text


def test_readiness_asked_often_while_the_engine_hangs_costs_others_nothing(cloud: Cloud, user: User) -> None:
    for _ in range(45):
        cloud.engine.faults.hang("ping")

    def ask(_: int) -> str:
        engine: str = requests.get(f"{cloud.url}/readyz", timeout=20).json()["engine"]
        return engine

    with ThreadPoolExecutor(45) as many:
        asked = [many.submit(ask, number) for number in range(45)]
        try:
            wait_until(lambda: any(one.done() for one in asked), "those beyond the bulkhead are answered")
            assert user.ask("GET", "/container/v1/containers", timeout=5).status_code == 200
        finally:
            cloud.engine.faults.heal()
        assert {one.result() for one in asked} == {"ok", "does not answer"}


def test_metrics_are_open_here_and_closed_through_a_proxy(cloud: Cloud, user: User) -> None:
    user.create("web")
    text = cloud.http.get(f"{cloud.url}/metrics", timeout=5).text
    created = re.search(
        r'jeroboam_requests_total\{method="POST",route="/container/v1/containers",status="202"\} (\d+)', text
    )
    assert created
    assert re.search(r'jeroboam_objects\{phase="Creating"\} [1-9]', text)
    assert str(user.project_id) not in text
    assert user.token not in text
    proxied = cloud.http.get(f"{cloud.url}/metrics", headers={"X-Forwarded-For": "192.0.2.1"}, timeout=5)
    assert proxied.status_code == 401
    assert user.ask("GET", "/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403
    assert cloud.admin().ask("GET", "/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200


def test_unknown_paths_do_not_grow_the_metrics(cloud: Cloud) -> None:
    for number in range(3):
        assert cloud.http.get(f"{cloud.url}/nonsense-{number}", timeout=5).status_code == 404
    assert "nonsense" not in cloud.http.get(f"{cloud.url}/metrics", timeout=5).text


def test_version_documents(cloud: Cloud) -> None:
    for path in ("/", "/container", "/container/"):
        (version,) = cloud.http.get(cloud.url + path, timeout=5).json()["versions"]
        assert (version["id"], version["status"]) == ("v1", "CURRENT")
        assert (version["min_version"], version["max_version"]) == ("1.1", "1.40")
    for path in ("/container/v1", "/container/v1/"):
        assert cloud.http.get(cloud.url + path, timeout=5).json()["id"] == "v1"


def test_a_method_that_is_not_there_says_which_are(cloud: Cloud, user: User) -> None:
    answer = user.ask("PUT", "/container/v1/containers")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) >= {"GET"}


def test_one_document_for_everything(cloud: Cloud) -> None:
    document = cloud.http.get(f"{cloud.url}/openapi.json", timeout=10).json()
    assert {"/container/v1/containers", "/quota/v1/nodes/{ident}", "/events/v1", "/healthz"} <= set(document["paths"])
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["x-access-rule"], path
            assert "422" not in operation["responses"]
            assert "x-target" not in operation
    ids = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]
    assert len(set(ids)) == len(ids)
