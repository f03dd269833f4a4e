"""Jeroboam's HTTP API, over the session of the `openstack` command."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from keystoneauth1 import exceptions as ksa
from osc_lib import exceptions
from requests.exceptions import RequestException

CONNECT, READ = 10.0, 90.0
"""Seconds. The longest that the server may take is a write that waits for its turn."""
_QUOTA, _EVENTS = "/quota/v1", "/events/v1"


class Refused(exceptions.CommandError):
    """The server said no: `status` is HTTP's, `code` Jeroboam's (stable), `data` its figures."""

    def __init__(self, sentence: str, status: int, code: str = "", data: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.data = data or {}


class Unreachable(exceptions.CommandError):
    """Nobody answers, or the line broke."""


class Api:
    """One of the APIs. Paths begin with a slash; answers are parsed JSON, None where there is no body."""

    def __init__(self, session: Any, url: str) -> None:
        self._session = session
        self.url = url.rstrip("/")

    def get(self, path: str, **query: Any) -> Any:
        return self._ask("GET", path, query)

    def post(self, path: str, document: Any, **query: Any) -> Any:
        return self._ask("POST", path, query, json=document)

    def patch(self, path: str, document: Any) -> Any:
        return self._ask("PATCH", path, {}, json=document)

    def delete(self, path: str) -> Any:
        return self._ask("DELETE", path, {})

    @contextmanager
    def stream(self, path: str, silence: float, headers: Mapping[str, str], **query: Any) -> Iterator[Iterator[bytes]]:
        """Lines of an answer that does not end. Raises Refused, or Unreachable after `silence` seconds of none."""
        answer = self._send("GET", path, query, headers=dict(headers), stream=True, timeout=(CONNECT, silence))
        try:
            # No chunk size: whatever has come is handed on at once. As bytes: str.splitlines knows too many line ends.
            yield answer.iter_lines(chunk_size=None)
        except RequestException as error:
            raise Unreachable(f"cannot go on reading from {self.url}: {error}") from error
        finally:
            answer.close()

    def _ask(self, method: str, path: str, query: Mapping[str, Any], **options: Any) -> Any:
        answer = self._send(method, path, query, timeout=(CONNECT, READ), **options)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise exceptions.CommandError(f"cannot understand what {self.url} answers: it is no JSON") from None

    def _send(self, method: str, path: str, query: Mapping[str, Any], **options: Any) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        try:
            answer = self._session.request(f"{self.url}{path}", method, params=given, raise_exc=False, **options)
        except (ksa.ConnectFailure, ksa.SSLError, RequestException) as error:
            raise Unreachable(f"cannot reach Jeroboam at {self.url}: {error}") from error
        if answer.status_code >= 400:
            raise refused(answer)
        return answer


class Client:
    """`manager` is the `openstack` command's; endpoints are looked up when first used."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    @property
    def quota(self) -> Api:
        return Api(self._manager.session, self._endpoint("quota"))

    @property
    def containers(self) -> Api:
        return Api(self._manager.session, self._endpoint("container"))

    @property
    def events(self) -> Api:
        """It has no entry in the catalogue: it is beside the quota API."""
        return Api(self._manager.session, self._endpoint("quota").removesuffix(_QUOTA) + _EVENTS)

    @property
    def roles(self) -> Sequence[str]:
        """Names of the token's roles; none where it is not Keystone's."""
        access = self._manager.auth_ref
        return access.role_names if access is not None else ()

    def identity(self, path: str, **query: str) -> Mapping[str, Any]:
        """What Keystone answers to GET /v3`path`; nothing where it does not let this caller ask, or cannot be asked."""
        from openstack.exceptions import SDKException

        try:
            answer = self._manager.sdk_connection.identity.get(path, params=query, timeout=(CONNECT, READ))
            body = answer.json() if answer.status_code == 200 else {}
        except (ksa.ClientException, SDKException, RequestException, ValueError):
            return {}
        return body if isinstance(body, dict) else {}

    def _endpoint(self, service_type: str) -> str:
        manager = self._manager
        try:
            url = manager.get_endpoint_for_service_type(
                service_type, region_name=manager.region_name, interface=manager.interface
            )
        except ksa.EndpointNotFound:
            url = None
        if not url:
            raise exceptions.CommandError(
                f"cannot find Jeroboam: the catalogue has no service of type {service_type!r} for this region and "
                "interface; see `openstack catalog list`"
            )
        return str(url).rstrip("/")


def segment(text: str) -> str:
    """One part of a path, whatever stands in it."""
    return quote(text, safe="")


def refused(answer: Any) -> Refused:
    """What the server said, in its own words; those of HTTP where it is a stranger's answer."""
    try:
        body = answer.json()
        sentence, code, data = body["message"], body.get("code", ""), body.get("data")
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused(f"cannot do this: {answer.url} answers {answer.status_code} {answer.reason}", answer.status_code)
    return Refused(str(sentence), answer.status_code, str(code), data if isinstance(data, dict) else None)
