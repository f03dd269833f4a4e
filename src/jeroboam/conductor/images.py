"""From an image's name to its id: pull policies, credentials, and who may run what was pulled privately."""

from collections.abc import Callable

from jeroboam.backends.base import Backend, Credentials, PullProgress
from jeroboam.backends.errors import ImageDenied, ImageMissing
from jeroboam.model.container import ContainerSpec, PullPolicy
from jeroboam.store import images as grants
from jeroboam.store.database import Database

Progress = Callable[[PullProgress], None]


class Images:
    """What an engine holds is shared by all its projects; what a project may run of it is not.

    An image that was pulled with credentials is private: a project that has not pulled it itself must do so, with its
    own credentials, before it runs it, even where the engine has it already.
    """

    def __init__(self, database: Database, backend: Backend) -> None:
        self._database = database
        self._backend = backend

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
        image_id = self._backend.pull(spec.image, credentials, progress)
        self._record(project_id, image_id, private=credentials is not None)
        return image_id

    def _allowed(self, project_id: str, image_id: str) -> bool:
        with self._database.read() as tx:
            return grants.allowed(tx, project_id, image_id)

    def _record(self, project_id: str, image_id: str, *, private: bool) -> None:
        """A public image stays public however it is pulled later: anybody could have had it."""
        with self._database.write() as tx:
            grants.record(tx, image_id, private=private, project_id=project_id)


def _is_id(reference: str) -> bool:
    digest = reference.removeprefix("sha256:")
    return len(digest) == 64 and all(c in "0123456789abcdef" for c in digest)
