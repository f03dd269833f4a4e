"""The socket of the API, bound before anything else is started: what is in the way is said at once.

Apart from the server (serve.py), because Keystone waits while that is loaded.
"""

import socket
import ssl

from jeroboam.cli.errors import Refused
from jeroboam.settings import Settings


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
