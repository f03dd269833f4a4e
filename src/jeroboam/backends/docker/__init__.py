"""One Docker Engine as a backend.

The docker SDK's session carries the calls (unix socket, TCP, TLS, pool). Its methods are left alone: they take no
deadline of their own per call, ask the engine twice where once will do, and read proxies and registry passwords from
the configuration of whoever runs this process.
"""

from jeroboam.backends.docker.backend import DockerBackend
from jeroboam.backends.docker.wire import Deadlines

__all__ = ["Deadlines", "DockerBackend"]
