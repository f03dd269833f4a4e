"""The `jeroboam` command: options and help. What a command does stands in its own module, imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from jeroboam.cli import options
from jeroboam.cli.errors import sentences
from jeroboam.cli.quota import commands as quota

app = typer.Typer(
    name="jeroboam",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""The container cloud for organisations whose teams share machines.

    Operators use this command; everybody else uses [bold]openstack appcontainer[/] and [bold]openstack quota tree[/].

    [bold]First steps[/]

      jeroboam doctor                 is everything there?
      jeroboam up --detach            start; it says how to go on
      jeroboam status                 what runs
      jeroboam down                   stop; containers go on running
    """,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed

        typer.echo(f"jeroboam {installed('jeroboam')}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass


app.add_typer(quota.app, name="quota")

db = typer.Typer(no_args_is_help=True, help="The database: where everything is remembered.")
app.add_typer(db, name="db")


@app.command()
def up(
    data: options.Data = None,
    host: options.Host = None,
    port: options.Port = None,
    keystone_port: options.KeystonePort = None,
    tls_cert: options.TlsCert = None,
    tls_key: options.TlsKey = None,
    engine: options.Engine = None,
    database: options.Database = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background; return when ready.")] = False,
    progress_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start everything: Keystone, the API, a conductor. Ctrl-C stops it.

    The first start makes the data folder, and in it clouds.yaml with an admin and two teams.

    Examples:

      jeroboam up
      jeroboam up --detach --data /srv/jeroboam
      jeroboam up --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
      jeroboam up --database postgresql://jeroboam@db.example/jeroboam
    """
    with sentences():
        settings = options.settings_from(
            data,
            host=host,
            port=port,
            keystone_port=keystone_port,
            tls_cert=tls_cert,
            tls_key=tls_key,
            engine=engine,
            database=database,
        )
        if detach:
            from jeroboam.cli import detach as background

            given = {
                "--host": host,
                "--port": port,
                "--keystone-port": keystone_port,
                "--tls-cert": tls_cert.absolute() if tls_cert else None,
                "--tls-key": tls_key.absolute() if tls_key else None,
                "--engine": engine,
            }
            arguments = [f"--data={settings.data}"]
            arguments += [f"{name}={value}" for name, value in given.items() if value is not None]
            # A URL may hold a password, and arguments are for everybody to see.
            background.detach(settings, arguments, {"JEROBOAM_DATABASE": database} if database else {})
            return
        from jeroboam.cli import detach as background
        from jeroboam.cli.progress import Progress
        from jeroboam.cli.up import up as run

        if progress_fd is None:
            run(settings, Progress())
        else:
            run(settings, Progress(open(progress_fd, "w")), background.log_file(settings))  # noqa: SIM115, PTH123


@app.command()
def down(data: options.Data = None) -> None:
    """Stop what `jeroboam up` started. Containers go on running, and the next start finds them again."""
    from jeroboam.cli.detach import down as end
    from jeroboam.settings import default_data

    with sentences():
        end((data or default_data()).absolute())


@app.command()
def status(data: options.Data = None, form: options.Format = "table") -> None:
    """Show whether it runs, where, since when, and whether its parts answer: API, Keystone, database, engine.

    Exit status: 0 it runs, API and Keystone answer; 1 otherwise. An engine that is away is shown, and waited for.
    """
    from jeroboam.cli.status import status as show
    from jeroboam.settings import default_data

    with sentences():
        if not show((data or default_data()).absolute(), form):
            raise typer.Exit(1)


@app.command()
def api(
    data: options.Data = None,
    host: options.Host = None,
    port: options.Port = None,
    tls_cert: options.TlsCert = None,
    tls_key: options.TlsKey = None,
    engine: options.Engine = None,
    database: options.Database = None,
) -> None:
    """Run the API alone, beside a conductor and a Keystone that run elsewhere."""
    with sentences():
        from jeroboam.cli.parts import run_api

        run_api(
            options.settings_from(
                data, host=host, port=port, tls_cert=tls_cert, tls_key=tls_key, engine=engine, database=database
            ),
        )


@app.command()
def conductor(data: options.Data = None, engine: options.Engine = None, database: options.Database = None) -> None:
    """Run a conductor alone. As many as you like may run on one database, all of them with one engine."""
    with sentences():
        from jeroboam.cli.parts import run_conductor

        run_conductor(options.settings_from(data, engine=engine, database=database))


@app.command()
def doctor(
    data: options.Data = None,
    host: options.Host = None,
    port: options.Port = None,
    keystone_port: options.KeystonePort = None,
    engine: options.Engine = None,
    database: options.Database = None,
    form: options.Format = "table",
) -> None:
    """Say what is missing on this machine and how to mend it. Changes nothing.

    Exit status: 0 nothing is wrong, 1 something is.
    """
    with sentences():
        from jeroboam.cli.doctor import doctor as examine

        settings = options.settings_from(
            data, host=host, port=port, keystone_port=keystone_port, engine=engine, database=database
        )
        if not examine(settings, engine is not None, form):
            raise typer.Exit(1)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write, say jeroboam.tar.gz.")],
    data: options.Data = None,
    database: options.Database = None,
) -> None:
    """Write databases, keys, configuration and clouds.yaml to FILE (0600), also while it runs.

    FILE holds every secret: keep it as safe as the data folder. Volumes and images are the engine's and not in it.
    """
    with sentences():
        from jeroboam.cli.backup import backup as save

        save(options.settings_from(data, database=database), file)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive of `jeroboam backup`.")],
    data: options.Data = None,
    force: Annotated[bool, typer.Option("--force", help="Even where there are data: they are moved aside.")] = False,
) -> None:
    """Put back what `jeroboam backup` wrote, into an empty data folder. Refuses while anything runs on it."""
    with sentences():
        from jeroboam.cli.restore import restore as put_back
        from jeroboam.settings import default_data

        put_back((data or default_data()).absolute(), file, force)


@db.command("copy")
def copy_database(
    to: Annotated[str, typer.Option(metavar="URL", help="An empty database: postgresql://user@host/name, or sqlite.")],
    data: options.Data = None,
    database: options.Database = None,
) -> None:
    """Copy everything to another database: from SQLite to PostgreSQL, or back.

    All or nothing; afterwards every counter is recomputed. Refuses while anything runs on the data folder.

    Examples:

      createdb jeroboam
      jeroboam db copy --to postgresql://jeroboam@db.example/jeroboam
    """
    with sentences():
        from jeroboam.cli.db import copy

        copy(options.settings_from(data, database=database), to)


@db.command("forget-engine")
def forget_engine(data: options.Data = None, database: options.Database = None) -> None:
    """Forget which engine the containers are on, after it was replaced. The next one that starts is remembered.

    Refuses while anything runs on the data folder; stop the conductors of other machines too.
    """
    with sentences():
        from jeroboam.cli.db import forget_engine as forget

        forget(options.settings_from(data, database=database))


@app.command()
def version(form: options.Format = "table") -> None:
    """Show the versions of Jeroboam and of what it stands on."""
    from jeroboam.cli.status import versions

    versions(form)
