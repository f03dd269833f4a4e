"""`jeroboam api` and `jeroboam conductor`: the parts of `jeroboam up`, each alone."""

import os
import signal
import sys
import threading
from contextlib import ExitStack

from jeroboam import logging as jeroboam_logging
from jeroboam.cli import collector, process
from jeroboam.cli.listening import listen
from jeroboam.cli.progress import Progress
from jeroboam.settings import Settings


def run_api(settings: Settings) -> None:
    """Serves until told to stop. Raises Refused."""
    from jeroboam.cli import wiring
    from jeroboam.cli.serve import serve

    progress = Progress()
    # uvicorn ends politely and then passes the signal on: by then there is nothing left to do.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with _part(settings) as stack:
        bound = listen(settings)
        stack.callback(bound.close)
        base = wiring.open_base(settings, stack)
        app = wiring.make_app(wiring.make_services(base, stack))
        serve(app, settings, bound, lambda: progress(f"the API answers at {settings.public_url}"))


def run_conductor(settings: Settings) -> None:
    """Works until told to stop."""
    from jeroboam.cli import wiring

    told = threading.Event()
    progress = Progress()
    with _part(settings) as stack:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told.set())
        base = wiring.open_base(settings, stack)
        wiring.start_conductor(base, stack)
        progress(f"the conductor works on {settings.engine.url}")
        told.wait()
        progress("stopping")


def _part(settings: Settings) -> ExitStack:
    os.umask(0o077)
    collector.look_rarely()
    stack = ExitStack()
    stack.enter_context(process.beside_others(settings.data))
    jeroboam_logging.configure(settings.log_level)
    return stack
