"""`jeroboam db`: what an installation remembers moves to another database, or from one engine to the next."""

from contextlib import ExitStack

from jeroboam.cli import process
from jeroboam.cli.errors import Refused
from jeroboam.cli.progress import Progress
from jeroboam.cli.words import count
from jeroboam.settings import FILE, Settings


def copy(settings: Settings, url: str) -> None:
    """Raises Refused (something runs on the data folder, nothing is there), Unavailable, Conflict (not empty)."""
    from jeroboam.store import copying
    from jeroboam.store.database import Database

    must_exist(settings, "copy the database")
    progress = Progress()
    with ExitStack() as stack:
        stack.enter_context(process.nobody_else(settings.data))
        source = Database(settings.database_url)
        stack.callback(source.close)
        target = Database(url)
        stack.callback(target.close)
        if repr(source) == repr(target):
            raise Refused("cannot copy a database to itself: give another with --to")
        progress(f"from {source.shown} to {target.shown}")
        for database in (source, target):
            database.migrate()
        copying.copy(source, target, lambda table, rows: progress(f"  {table}: {count(rows, 'row')}"))
    progress("copied; every counter adds up. The old database is as it was; to start again on the new one, write")
    _say_line(settings, url, progress)


def forget_engine(settings: Settings) -> None:
    """Raises Refused while something runs on the data folder, Unavailable."""
    from jeroboam.store import engine
    from jeroboam.store.database import Database

    must_exist(settings, "forget the engine")
    with ExitStack() as stack:
        stack.enter_context(process.nobody_else(settings.data))
        database = Database(settings.database_url)
        stack.callback(database.close)
        database.migrate()
        with database.write() as tx:
            engine.forget(tx)
    Progress()("forgotten; the next conductor that starts makes the containers on the engine that it is given")


def must_exist(settings: Settings, do: str) -> None:
    """Raises Refused where there is no file to `do` that with: SQLite would make an empty one."""
    file = settings.database_file
    if file is not None and not file.is_file():
        raise Refused(
            f"cannot {do}: there is no database {file}; give its folder with --data, or the database with --database"
        )


def say_if_not_written(settings: Settings, progress: Progress) -> None:
    """Where the database was given on the command line only: others would go on with the old one, or make one."""
    if settings.database is None or settings.database_is_written:
        return
    progress.plain(
        "No other command knows this database (backup, quota verify, the next start). So that they do, write"
    )
    _say_line(settings, settings.database, progress)


def _say_line(settings: Settings, url: str, progress: Progress) -> None:
    from jeroboam.store import urls

    parsed = urls.parsed(url)
    shown, hides = urls.shown(parsed), urls.hides(parsed)
    progress.plain(f'    database = "{shown}"')
    hidden = ", with what is hidden here. A password is better in ~/.pgpass" if hides else ""
    progress.plain(f"at the top of {settings.data / FILE}{hidden}.")
