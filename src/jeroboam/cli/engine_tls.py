"""The certificates by which we and an engine on another machine know each other."""

from docker.errors import TLSParameterError
from docker.tls import TLSConfig

from jeroboam.cli.errors import Refused
from jeroboam.settings import Engine


def engine_tls(engine: Engine) -> TLSConfig | None:
    """None where the settings name no certificate. Raises Refused for files that are not there."""
    if engine.tls_ca is None:
        return None
    ours = (str(engine.tls_cert), str(engine.tls_key)) if engine.tls_cert else None
    try:
        return TLSConfig(client_cert=ours, ca_cert=str(engine.tls_ca), verify=True)
    except TLSParameterError:
        named = ", ".join(str(file) for file in (engine.tls_ca, engine.tls_cert, engine.tls_key) if file)
        raise Refused(f"cannot use the engine's certificates: see that these files are there: {named}") from None
