"""The HTTP server around the API: uvicorn, told where to listen before it takes the first request."""

import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn

from jeroboam.cli import collector
from jeroboam.cli.errors import Refused
from jeroboam.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

GRACE_SECONDS = 3
"""How long requests under way may take when everything stops; event streams are cut then."""
BACKLOG = 1024


def listen(settings: Settings) -> socket.socket:
    """The socket of the API, bound. Raises Refused if the port is taken, or the certificate cannot be used."""
    _check_certificate(settings)
    host, port = settings.api.host, settings.api.port
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Refused(f"cannot listen on {host}:{port}: {error.strerror}; give another port with --port") from None
    return bound


def _check_certificate(settings: Settings) -> None:
    cert, key = settings.api.tls_cert, settings.api.tls_key
    if cert is None or key is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise Refused(
            f"cannot use the certificate {cert} with the key {key}: {error.strerror or error}; "
            "give PEM files that belong together, the key without a passphrase"
        ) from None


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
