"""Options that several commands share, and the settings they make."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jeroboam.cli.errors import Refused

if TYPE_CHECKING:
    from jeroboam.settings import Settings

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        envvar="JEROBOAM_DATA",
        show_default=False,
        help="The folder that holds everything. \\[default: /var/lib/jeroboam for root, ~/.local/share/jeroboam]",
    ),
]
Host = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Address to listen on; beyond loopback only with TLS.")
]
Port = Annotated[int | None, typer.Option(metavar="PORT", min=1, max=65535, help="Port of the API. \\[default: 9517]")]
KeystonePort = Annotated[
    int | None, typer.Option(metavar="PORT", min=1, max=65535, help="Port of Keystone. \\[default: 9516]")
]
TlsCert = Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate (PEM, with its chain).")]
TlsKey = Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key (PEM).")]
Engine = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Docker Engine. \\[default: $DOCKER_HOST, or unix:///var/run/docker.sock]"),
]
Database = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where to remember everything: postgresql://user@host/name, its password in ~/.pgpass. "
        "\\[default: an SQLite file in the data folder]",
    ),
]


def _form(value: str) -> str:
    if value not in ("table", "json"):
        raise typer.BadParameter(f"cannot print as {value!r}: give -f table or -f json")
    return value


Format = Annotated[str, typer.Option("-f", "--format", metavar="table|json", callback=_form, help="How to print it.")]


def settings_from(
    data: Path | None,
    *,
    host: str | None = None,
    port: int | None = None,
    keystone_port: int | None = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    engine: str | None = None,
    database: str | None = None,
) -> "Settings":
    """The settings of `data` with what the command line says on top. Raises ValidationError, Refused (no TOML)."""
    from jeroboam.settings import load

    tls = [file.absolute() if file else None for file in (tls_cert, tls_key)]
    try:
        return load(
            data,
            api=_given(host=host, port=port, tls_cert=tls[0], tls_key=tls[1]),
            identity=_given(keystone_port=keystone_port),
            engine=_given(url=engine),
            database=database,
        )
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"cannot read jeroboam.toml in the data folder: {error}; mend it, or move it away") from None


def _given(**values: Any) -> dict[str, Any] | None:
    """None where nothing is given, so that the file and the environment have their say."""
    return {name: value for name, value in values.items() if value is not None} or None
