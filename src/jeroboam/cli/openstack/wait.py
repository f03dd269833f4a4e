"""`openstack appcontainer wait`: until a container is as wanted, saying what it waits for."""

import argparse
import queue
import threading
import time
from collections.abc import Mapping
from typing import Any

from osc_lib import exceptions

from jeroboam.cli.openstack.base import Command
from jeroboam.cli.openstack.client import Refused, segment
from jeroboam.cli.openstack.sse import follow

STATES = ("Running", "Stopped", "Paused", "Created", "Error", "Deleted")
GONE: Mapping[str, Any] = {"status": "Deleted", "status_reason": None}
LOOK = 15.0
"""Seconds after which it is looked at even if no event came."""


class WaitForContainer(Command):
    """Wait until a container has a status, and say why it has not yet.

    It follows the event stream: nothing is polled while nothing happens. Exit status: 0 when the container is as
    wanted; 1 when it cannot get there (it failed, ended, or is gone) or the time is over. A status counts once the
    latest change of the container has been carried out.
    """

    EXAMPLES = """\
  openstack appcontainer run --name web busybox httpd -f
  openstack appcontainer wait web
  openstack appcontainer wait web --for Stopped --timeout 60
  openstack appcontainer delete web --force && openstack appcontainer wait web --for Deleted
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("container", metavar="CONTAINER", help="Container to wait for (name or id)")
        parser.add_argument(
            "--for",
            dest="wanted",
            metavar="STATUS",
            type=status,
            default="Running",
            help=f"One of {', '.join(STATES)} (default: Running)",
        )
        parser.add_argument(
            "--timeout", metavar="SECONDS", type=seconds, default=300.0, help="Give up after (default: 300)"
        )

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        began = time.monotonic()
        wanted, name = parsed_args.wanted, parsed_args.container
        shown = self._look(name)
        if shown is GONE and wanted != "Deleted":
            raise exceptions.CommandError(f"cannot wait for container {name}: there is none of that name or id")
        ident = shown.get("uuid", name)
        news = self._news(ident)
        said = None
        while True:
            said = self._say(name, shown, said)
            if settled(shown) and shown["status"] == wanted:
                return 0
            if hopeless(shown, wanted):
                raise exceptions.CommandError(f"cannot wait for {wanted}: container {name} is {told(shown)}")
            left = began + parsed_args.timeout - time.monotonic()
            if left <= 0:
                raise exceptions.CommandError(
                    f"cannot wait longer than {parsed_args.timeout:g} s for {wanted}: container {name} is {told(shown)}"
                )
            _next(news, min(left, LOOK))
            shown = self._look(ident)

    def _look(self, ident: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self.client.containers.get(f"/containers/{segment(ident)}")
        except Refused as error:
            if error.status == 404:
                return GONE
            raise
        return found

    def _say(self, name: str, shown: Mapping[str, Any], said: str | None) -> str:
        text = told(shown)
        if text != said:
            print(f"{name}: {text}", file=self.app.stdout, flush=True)
        return text

    def _news(self, ident: str) -> "queue.SimpleQueue[Exception | None]":
        """Something is in it whenever the container may have changed, at first when the stream is up."""
        news: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        api = self.client.events

        def read() -> None:
            try:
                for _ in follow(api, None, object=ident):
                    news.put(None)
            except Exception as error:
                news.put(error)

        threading.Thread(target=read, name="events", daemon=True).start()
        return news


def settled(shown: Mapping[str, Any]) -> bool:
    """Whether the status speaks of the latest change that was asked for."""
    return bool(shown.get("observed_generation", 0) >= shown.get("generation", 0))


def hopeless(shown: Mapping[str, Any], wanted: str) -> bool:
    """Gone is for ever; what has failed or ended stays so until somebody asks for something else."""
    if shown["status"] == "Deleted":
        return True
    return settled(shown) and shown["status"] in ("Error", "Stopped") and wanted not in ("Deleted", "Stopped")


def told(shown: Mapping[str, Any]) -> str:
    text = str(shown["status"])
    if text == "Stopped" and shown.get("exit_code") is not None:
        text += f" (exit code {shown['exit_code']})"
    return f"{text}: {shown['status_reason']}" if shown.get("status_reason") else text


def status(text: str) -> str:
    for state in STATES:
        if state.lower() == text.lower():
            return state
    raise argparse.ArgumentTypeError(f"cannot wait for {text[:40]!r}: there are {', '.join(STATES)}")


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86400 * 365:
        raise argparse.ArgumentTypeError(f"cannot read {text[:20]!r} as a time: write seconds, 0 or more")
    return value


def _next(news: "queue.SimpleQueue[Exception | None]", timeout: float) -> None:
    """Waits for news, and takes all there are. Raises what ended the stream."""
    try:
        item = news.get(timeout=timeout)
        while True:
            if item is not None:
                raise item
            item = news.get_nowait()
    except queue.Empty:
        return
