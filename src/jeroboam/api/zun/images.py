"""Images are the engine's and the registries': there is nothing to list, and pulling is part of creating."""

from typing import Annotated, Any

from fastapi import Query, Response

from jeroboam.api.containers.documents import Document
from jeroboam.api.context import Ctx
from jeroboam.api.respond import json
from jeroboam.api.routing import Routes
from jeroboam.api.zun.infrastructure import Page

routes = Routes("/container/v1", "images")


class ImagesDocument(Document):
    images: list[dict[str, Any]]
    next: str | None


@routes.route("GET", "/images", rule="image:list", answers={200: ImagesDocument})
async def list_images(ctx: Ctx, query: Annotated[Page, Query()]) -> Response:
    """Those that were registered here by `image pull`: none, since nothing has to be."""
    return json({"images": [], "next": None})
