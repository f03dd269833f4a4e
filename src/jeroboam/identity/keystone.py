"""The one connection to Keystone, as our own service user. Every call has a deadline.

The service user needs the role `reader` on the system and nothing else: it can check tokens and read projects.
"""

import base64
import hashlib
import re
import ssl
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any

import requests
from keystoneauth1 import exceptions as ksa
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from requests.adapters import HTTPAdapter

from jeroboam.model.errors import NotFound, Problem, Unavailable
from jeroboam.settings import Settings

DEADLINE = 5.0
"""Seconds that a caller waits for Keystone, all told."""
THREADS = 8
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


class Pinned(HTTPAdapter):
    """Accepts one certificate, whoever signed it: our own Keystone is reached by address, not by name."""

    def __init__(self, fingerprint: str, **kwargs: Any) -> None:
        self._fingerprint = fingerprint
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        return super().init_poolmanager(*args, assert_fingerprint=self._fingerprint, **kwargs)


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate of a PEM file, in hex. Raises ValueError if there is none."""
    found = _CERTIFICATE.search(certificate.read_bytes())
    if found is None:
        raise ValueError(f"cannot find a certificate in {certificate}: it must be a PEM file")
    return hashlib.sha256(base64.b64decode(found.group(1))).hexdigest()


def service_password(settings: Settings) -> str:
    """The password of our service user. Raises Unavailable if the file is not there."""
    file = settings.identity.password_file or settings.data / "keystone" / "service.password"
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Unavailable(
            f"cannot read the password of Keystone's user {settings.identity.username!r} from {file}: "
            f"{error.strerror}; set identity.password_file, or run `jeroboam up` first"
        ) from error


def service_session(settings: Settings, deadline: float = DEADLINE) -> Session:
    """A keystoneauth session as our service user, system-scoped unless the settings name a project."""
    identity = settings.identity
    scope: dict[str, Any] = {"system_scope": "all"}
    if identity.project_name:
        scope = {"project_name": identity.project_name, "project_domain_name": identity.project_domain_name}
    auth = v3.Password(
        auth_url=settings.identity_internal_url,
        username=identity.username,
        password=service_password(settings),
        user_domain_name=identity.user_domain_name,
        include_catalog=False,
        **scope,
    )
    transport = requests.Session()
    transport.trust_env = False  # a proxy from the environment has no business between us and Keystone
    verify: bool | str = str(identity.cafile) if identity.cafile else True
    adapter = HTTPAdapter(pool_maxsize=THREADS)
    if identity.auth_url is None and settings.api.tls_cert:
        adapter, verify = Pinned(fingerprint(settings.api.tls_cert), pool_maxsize=THREADS), False
    elif verify is True:
        verify = ssl.get_default_verify_paths().cafile or True
    transport.mount("https://", adapter)
    transport.mount("http://", HTTPAdapter(pool_maxsize=THREADS))
    return Session(auth=auth, session=transport, timeout=deadline, verify=verify)


class Keystone:
    """Keystone's API v3 as our service user. Thread-safe; a hung Keystone holds at most THREADS threads."""

    def __init__(self, settings: Settings, deadline: float = DEADLINE) -> None:
        self._settings = settings
        self._deadline = deadline
        self._session: Session | None = None
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="keystone")

    def get(self, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """The JSON of GET /v3`path`. Raises NotFound, Unavailable."""
        return self.wait(self.submit(path, headers))

    def submit(self, path: str, headers: dict[str, str] | None = None) -> "Future[dict[str, Any]]":
        """The same without waiting."""
        return self._pool.submit(self._get, path, headers)

    def wait(self, answer: "Future[dict[str, Any]]") -> dict[str, Any]:
        """What `submit` promised, within the deadline."""
        try:
            return answer.result(self._deadline)
        except (Late, CancelledError):  # cancelled: by another who waited for the same answer, and began earlier
            answer.cancel()
            raise Unavailable(
                f"cannot reach Keystone: no answer within {self._deadline:g} s; try again, or see `jeroboam doctor`"
            ) from None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _get(self, path: str, headers: dict[str, str] | None) -> dict[str, Any]:
        if self._session is None:
            self._session = service_session(self._settings, self._deadline)
        url = self._settings.identity_internal_url + path
        try:
            # log=False: keystoneauth would write the headers, and with them tokens, at debug level.
            response = self._session.get(url, headers=headers or {}, log=False)
            body = response.json()
        except ksa.NotFound:
            raise NotFound("cannot find that in Keystone") from None
        except ksa.Unauthorized:
            raise Unavailable(
                "cannot ask Keystone: it refuses our service user; check identity.username and password_file"
            ) from None
        except ksa.Forbidden:
            raise Unavailable(
                "cannot ask Keystone: our service user lacks the role `reader` on the system "
                "(openstack role add --user jeroboam --system all reader)"
            ) from None
        except Problem:
            raise
        except (ksa.ClientException, requests.RequestException, ValueError) as error:
            raise Unavailable(
                f"cannot reach Keystone: {type(error).__name__}; try again, or see `jeroboam doctor`"
            ) from None
        if not isinstance(body, dict):
            raise Unavailable("cannot understand Keystone's answer: it is no JSON object; check identity.auth_url")
        return body
