"""What a backend can answer other than success: temporary and permanent failures are types."""


class BackendError(Exception):
    """The backend said no; the message is for people and begins with what could not be done."""


class Temporary(BackendError):
    """Trying again later may help: the engine does not answer, is busy, ran out of something."""


class StillRunning(Temporary):
    """A command has not ended in the time that it was given; the engine is well."""


class Permanent(BackendError):
    """Trying again will not help unless somebody changes something."""


class Missing(Permanent):
    """No such container, network, volume or exec."""


class NotOurs(Permanent):
    """A thing of that name exists, but without our labels: it is never touched."""


class ImageMissing(Permanent):
    """The image is not on the engine, and could not be had from its registry."""


class ImageDenied(Permanent):
    """The registry refuses these credentials, or asks for some."""


class WrongState(Permanent):
    """The container is not in a state that allows this (say, exec in a stopped one)."""


class Taken(Permanent):
    """A host port, an address or a subnet is in use by something else: another one has to be chosen."""


class PortTaken(Taken):
    """A host port is in use, by a container or by any process of the engine's machine.

    `host_port` is the one that the engine names; None where it names none.
    """

    def __init__(self, message: str, host_port: int | None = None) -> None:
        super().__init__(message)
        self.host_port = host_port


class NetworkMissing(Permanent):
    """A network that the container hangs on is gone: `ensure_network` and then `connect` mend it."""
