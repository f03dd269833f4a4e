"""From an image's name to its id: pull policies, credentials, and who may run what was pulled privately."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jeroboam.backends.base import Backend
from jeroboam.backends.data import Credentials, PullProgress
from jeroboam.backends.errors import ImageDenied, ImageMissing, Temporary
from jeroboam.conductor.bounds import Bound
from jeroboam.model.container import ContainerSpec, PullPolicy
from jeroboam.store import images as grants
from jeroboam.store.database import Database

Progress = Callable[[PullProgress], None]
PULLS_PER_PROJECT = 5


@dataclass(frozen=True, slots=True)
class _Pull:
    project_id: str
    private: bool


class Images:
    """What an engine holds is shared by all its projects; what a project may run of it is not.

    An image that was pulled with credentials is private: a project that has not pulled it itself must do so, with its
    own credentials, before it runs it, even where the engine has it already.
    """

    def __init__(self, database: Database, backend: Backend, most: int = 2 * PULLS_PER_PROJECT) -> None:
        """`most`: pulls at once, of all projects."""
        self._bound = Bound("pulls", PULLS_PER_PROJECT, most)
        self._database = database
        self._backend = backend
        self._lock = threading.Lock()
        self._pulls: dict[object, _Pull] = {}
        self._suspects: dict[str, frozenset[object]] = {}
        """By image: the private pulls that may have brought it, as it was first seen."""

    def resolve(
        self, project_id: str, spec: ContainerSpec, credentials: Credentials | None, progress: Progress | None = None
    ) -> str:
        """The id of the image to run. Raises ImageMissing, ImageDenied, Temporary."""
        present = None if spec.pull_policy is PullPolicy.ALWAYS else self._backend.image_id(spec.image)
        if present is not None and self._allowed(project_id, present):
            return present
        if spec.pull_policy is PullPolicy.NEVER:
            raise ImageMissing(
                f"cannot run {spec.image}: it is not on the engine and the pull policy is never: "
                "ask the operator to load it, or use --image-pull-policy ifnotpresent"
            )
        if _is_id(spec.image):
            raise ImageDenied(
                f"cannot run {spec.image}: an image that the project has not pulled cannot be named by id: "
                "use its repository name, with --registry for credentials"
            )
        with self._pulling(_Pull(project_id, private=credentials is not None), spec.image):
            return self._pull(project_id, spec.image, credentials, progress)

    def _pull(self, project_id: str, reference: str, credentials: Credentials | None, progress: Progress | None) -> str:
        """A public image stays public however it is pulled later: anybody could have had it."""
        image_id = self._backend.pull(reference, credentials, progress)
        with self._database.write() as tx:
            grants.record(tx, image_id, private=credentials is not None, project_id=project_id)
        return image_id

    @contextmanager
    def _pulling(self, pull: _Pull, reference: str) -> Iterator[None]:
        """While it lasts it holds a worker: slow registries keep those of their projects waiting, and nobody else."""
        key = object()
        with self._bound.hold(pull.project_id, f"pull {reference}"):
            with self._lock:
                self._pulls[key] = pull
            try:
                yield
            finally:
                with self._lock:
                    del self._pulls[key]

    def _allowed(self, project_id: str, image_id: str) -> bool:
        if not self._known(image_id):
            self._adopt(image_id)
        with self._database.read() as tx:
            return grants.allowed(tx, project_id, image_id)

    def _adopt(self, image_id: str) -> None:
        """An image that nobody has pulled through us is the operator's, and everybody's from its first use on.

        Unless a private pull that was under way when it was first seen turns out to have brought it.
        """
        with self._lock:
            private = frozenset(key for key, pull in self._pulls.items() if pull.private)
            suspects = self._suspects.setdefault(image_id, private)
            if self._known(image_id):
                del self._suspects[image_id]
                return
            if suspects & private:
                raise Temporary("cannot tell yet whose the image is: private ones are being pulled; it is tried again")
            del self._suspects[image_id]
            with self._database.write() as tx:
                grants.record(tx, image_id, private=False, project_id=None)

    def _known(self, image_id: str) -> bool:
        with self._database.read() as tx:
            return grants.known(tx, image_id) is not None


def _is_id(reference: str) -> bool:
    digest = reference.removeprefix("sha256:")
    return len(digest) == 64 and all(c in "0123456789abcdef" for c in digest)
