"""What Zun's client can ask for and is not done: each answers 400 with what to do instead, and never 404 or 5xx."""

from fastapi import Response

from jeroboam.api.context import Ctx
from jeroboam.api.routing import ANYBODY, Routes
from jeroboam.model.errors import Unsupported

routes = Routes("/container/v1", "unsupported")

_SECURITY_GROUPS = "use security groups: each project's networks are closed to others; publish ports with --expose-port"
_IMAGES = "manage images by themselves: create pulls what it needs (--image-pull-policy, --registry)"
_CAPSULES = "run capsules: create containers, and link them by name on the project's network (--hint link=<container>)"
_SERVICES = "change services: they belong to the process that runs them; stop it with `jeroboam down`"
_CLASSES = "use quota classes: limits stand at the nodes of the quota tree (/quota/v1)"

REFUSED: tuple[tuple[str, str, str], ...] = (
    ("POST", "/containers/{ident}/commit", "commit a container to an image: build the image and push it to a registry"),
    ("POST", "/containers/{ident}/add_security_group", _SECURITY_GROUPS),
    ("POST", "/containers/{ident}/remove_security_group", _SECURITY_GROUPS),
    ("POST", "/images", _IMAGES),
    ("GET", "/images/{ident}", _IMAGES),
    ("DELETE", "/images/{ident}", _IMAGES),
    ("GET", "/images/{ident}/search", _IMAGES),
    ("GET", "/capsules", _CAPSULES),
    ("POST", "/capsules", _CAPSULES),
    ("GET", "/capsules/{ident}", _CAPSULES),
    ("DELETE", "/capsules/{ident}", _CAPSULES),
    ("DELETE", "/services", _SERVICES),
    ("PUT", "/services/enable", _SERVICES),
    ("PUT", "/services/disable", _SERVICES),
    ("PUT", "/services/force_down", _SERVICES),
    ("GET", "/quota_classes/{ident}", _CLASSES),
    ("PUT", "/quota_classes/{ident}", _CLASSES),
    ("GET", "/quotas/{ident}/defaults", "show default quotas: see child_defaults of the parent (/quota/v1)"),
    ("DELETE", "/quotas/{ident}", "delete a quota: set the limits of the node to 0 (/quota/v1, or `quota update`)"),
    ("POST", "/networks", "create networks by themselves: name one when creating a container (--net network=<name>)"),
    ("DELETE", "/networks/{ident}", "delete networks: one that no container names is given back by itself"),
)


def _refuse(method: str, path: str, what: str) -> None:
    async def refuse(ctx: Ctx) -> Response:
        raise Unsupported(f"cannot {what}")

    # The document lists what is done; docs/zun-compatibility.md has the table of these.
    routes.route(method, path, rule=ANYBODY, answers={200: None}, shown=False)(refuse)


for _method, _path, _what in REFUSED:
    _refuse(_method, _path, _what)
