"""`jeroboam up`: one process with the API and a conductor, and Keystone as its child.

The order of starting follows what takes longest: Keystone loads while everything else is made.
"""

import os
import signal
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import FrameType

from jeroboam import logging as jeroboam_logging
from jeroboam.cli import collector, process
from jeroboam.cli.db import say_if_not_written
from jeroboam.cli.errors import Refused
from jeroboam.cli.listening import listen
from jeroboam.cli.process import Running
from jeroboam.cli.progress import Progress
from jeroboam.identity.embedded.layout import Layout
from jeroboam.identity.embedded.prepare import NotPrepared, prepare
from jeroboam.identity.embedded.supervisor import KeystoneFailed, Supervisor
from jeroboam.settings import Settings


class Told(BaseException):
    """A signal told us to end; it unwinds whatever goes on."""


def up(settings: Settings, progress: Progress, log: Path | None = None) -> None:
    """Runs until told to stop. Logs go to `log`, or to stderr. Raises Refused if it cannot start."""
    os.umask(0o077)
    collector.look_rarely()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _told)
    try:
        with ExitStack() as stack:
            stack.enter_context(process.alone(settings.data))
            jeroboam_logging.configure(settings.log_level, log)
            running = process.this_process(settings, log)
            process.write_running(settings.data, running)
            stack.callback(process.forget_running, settings.data)
            _run(settings, progress, running, stack)
    except Told:
        pass
    progress("stopped; containers go on running")


def _told(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGHUP:
        # A closed terminal is a polite end too, by whatever handles one at the moment.
        signal.raise_signal(signal.SIGTERM)
        return
    raise Told


def _run(settings: Settings, progress: Progress, running: Running, stack: ExitStack) -> None:
    # 1. What is most often in the way, before anything is started.
    bound = listen(settings)
    stack.callback(bound.close)
    # 2. Keystone, which takes longest.
    keystone = _start_keystone(settings, progress, stack)
    # 3. Everything of ours, while it loads.
    from jeroboam.cli import wiring
    from jeroboam.cli.serve import serve

    base = wiring.open_base(settings, stack)
    services = wiring.make_services(base, stack)
    app = wiring.make_app(services)
    why = wiring.engine_says(base)
    progress(f"the engine at {settings.engine.url} answers" if why is None else f"no engine yet: {why}")
    wiring.start_conductor(base, stack)
    if keystone is not None:
        _await(keystone, progress)
        said = wiring.set_example_limits(services)
        if said is not None:
            progress(said)

    # 4. Requests, until somebody tells us to stop.
    def listening() -> None:
        process.write_running(settings.data, replace(running, ready=True))
        progress(f"the API answers at {settings.public_url}")
        _say_how_to_go_on(settings, progress)
        progress.close()

    stack.callback(progress, "stopping")
    serve(app, settings, bound, listening)


def _start_keystone(settings: Settings, progress: Progress, stack: ExitStack) -> Supervisor | None:
    if settings.identity.auth_url:
        progress(f"using the Keystone at {settings.identity.auth_url}")
        return None
    keystone = Supervisor(settings)
    try:
        prepare(settings, progress)
        keystone.start()
    except (NotPrepared, KeystoneFailed) as error:
        raise Refused(str(error)) from None
    stack.callback(keystone.stop)
    progress("Keystone starts")
    return keystone


def _await(keystone: Supervisor, progress: Progress) -> None:
    try:
        keystone.wait_ready()
    except KeystoneFailed as error:
        raise Refused(str(error)) from None
    progress("Keystone answers")


def _say_how_to_go_on(settings: Settings, progress: Progress) -> None:
    progress.plain()
    if settings.identity.auth_url is None:
        progress.plain(f"  export OS_CLIENT_CONFIG_FILE={Layout(settings.data).clouds}")
        progress.plain("  openstack --os-cloud team1 appcontainer run --name hello busybox sleep 600")
        progress.plain("  openstack --os-cloud team1 appcontainer list")
    else:
        progress.plain("  openstack appcontainer list")
    progress.plain()
    say_if_not_written(settings, progress)
