"""The HTTP server around the API: uvicorn, on a socket that is bound already (listening.py)."""

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn

from jeroboam.cli import collector
from jeroboam.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

GRACE_SECONDS = 3
"""How long requests under way may take when everything stops; event streams are cut then."""
BACKLOG = 1024


class Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listening()


def serve(app: "ASGIApp", settings: Settings, bound: socket.socket, listening: Callable[[], None]) -> None:
    """Serves until SIGTERM or SIGINT, then ends within GRACE_SECONDS and passes the signal on."""
    cert, key = settings.api.tls_cert, settings.api.tls_key
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=str(cert) if cert else None,
        ssl_keyfile=str(key) if key else None,
    )
    collector.spare_loaded()
    Server(config, listening).run(sockets=[bound])
