"""Images of a Docker Engine: which are there, and fetching one from its registry."""

import time
from collections.abc import Callable
from typing import Any

import requests
from docker import auth, errors
from docker.utils import parse_repository_tag

from jeroboam.backends.data import Credentials, PullProgress
from jeroboam.backends.docker.owned import Owned
from jeroboam.backends.docker.streams import ResponseStream, json_lines
from jeroboam.backends.docker.wire import segment
from jeroboam.backends.errors import BackendError, ImageDenied, ImageMissing, Missing, Permanent, Temporary

Progress = Callable[[PullProgress], None]

# A registry that hides what it has says the same for "no such image" and "not for you".
_DENIED = ("denied", "unauthorized", "no basic auth credentials", "authentication required", "incorrect username")
_MISSING = ("manifest unknown", "manifest for", "no such image", "name unknown", "repository name not known",
            "invalid reference", "no matching manifest", "repository does not exist")  # fmt: skip


class Images(Owned):
    def image_id(self, reference: str) -> str | None:
        try:
            found = self._wire.json("GET", f"/images/{_path(reference)}/json", f"look at image {reference}")
        except (ImageMissing, Missing):
            return None
        return str(found["Id"])

    def pull(self, reference: str, credentials: Credentials | None, progress: Progress | None = None) -> str:
        doing = f"pull image {reference}"
        repository, tag = parse_repository_tag(reference)
        response = self._begin_pull(repository, tag or "latest", credentials, doing)
        chunks = ResponseStream(response, lambda error: self._wire.unreachable(doing, error))
        try:
            self._follow_pull(chunks, progress, doing)
        except ValueError:
            raise Temporary(f"cannot {doing}: the engine broke off in the middle of a line") from None
        finally:
            chunks.close()
        found = self.image_id(reference)
        if found is None:
            raise ImageMissing(f"cannot {doing}: the engine fetched it and does not find it; was it removed meanwhile?")
        return found

    def _begin_pull(self, repository: str, tag: str, credentials: Credentials | None, doing: str) -> requests.Response:
        # Always sent, so that the engine never falls back on the passwords of whoever runs it.
        header = {"X-Registry-Auth": _auth_header(repository, credentials, doing)}
        params = {"fromImage": repository, "tag": tag}
        silence = self._wire.deadlines.pull_silence
        try:
            return self._wire.call(
                "POST", "/images/create", doing, params=params, headers=header, timeout=silence, stream=True
            )
        except BackendError as error:
            raise _pull_error(str(error), error) from None

    def _follow_pull(self, chunks: ResponseStream, progress: Progress | None, doing: str) -> None:
        until = time.monotonic() + self._wire.deadlines.pull
        for line in json_lines(chunks):
            if "error" in line:
                words = f"cannot {doing}: {line['error']}"
                raise _pull_error(words, Temporary(words))
            if progress is not None:
                progress(_progress(line))
            if time.monotonic() > until:
                raise Temporary(f"cannot {doing}: it takes more than {self._wire.deadlines.pull:.0f} seconds")


def _path(reference: str) -> str:
    return "/".join(segment(part) for part in reference.split("/"))


def _progress(line: dict[str, Any]) -> PullProgress:
    detail = line.get("progressDetail") or {}
    return PullProgress(
        layer=line.get("id", ""),
        status=line.get("status", ""),
        current=detail.get("current") or 0,
        total=detail.get("total") or 0,
    )


def _auth_header(repository: str, credentials: Credentials | None, doing: str) -> str:
    """What the engine shows to the registry. Raises ImageDenied where the password is another registry's."""
    if credentials is None:
        return auth.encode_header({}).decode()
    try:
        registry, _ = auth.resolve_repository_name(repository)
    except errors.InvalidRepository as error:
        raise ImageMissing(f"cannot {doing}: {error}") from None
    # A password goes to the registry that it is for, and to no other.
    if auth.convert_to_hostname(credentials.registry) not in _names_of(registry):
        raise ImageDenied(f"cannot {doing}: the credentials are for {credentials.registry}, not for {registry}")
    return auth.encode_header(
        {"username": credentials.username, "password": credentials.password, "serveraddress": registry}
    ).decode()


def _names_of(registry: str) -> tuple[str, ...]:
    if registry == auth.INDEX_NAME:
        return (registry, f"index.{registry}", f"registry-1.{registry}")
    return (registry,)


def _pull_error(words: str, otherwise: BackendError) -> BackendError:
    said = words.lower()
    if any(phrase in said for phrase in _DENIED):
        return ImageDenied(f"{words}; give credentials that the registry takes, or see that the image exists")
    if any(phrase in said for phrase in _MISSING) or isinstance(otherwise, Missing | ImageMissing):
        return ImageMissing(f"{words}; see that the name and the tag are right")
    if isinstance(otherwise, Temporary | Permanent):
        return otherwise
    return Temporary(words)
