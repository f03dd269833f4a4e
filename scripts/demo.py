"""`make demo`: two teams of one organisation share 16 containers on a real Docker Engine, step by step.

Everything goes through the public APIs with clients that any user has: python-zunclient for the containers,
keystoneauth for the quota tree and the events. It ends with everything still running, and can be run again: then
it removes the containers that it made, by their label, and no others.

The data folder and the engine come from JEROBOAM_DATA and JEROBOAM_ENGINE__URL, as `make demo` sets them; the engine is
written into the data folder's jeroboam.toml, so that every later command finds it too.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack.config
from keystoneauth1.adapter import Adapter
from keystoneauth1.exceptions import ClientException
from rich.console import Console
from rich.status import Status
from rich.table import Table
from zunclient import client as zunclient
from zunclient.common.apiclient.exceptions import HttpError

from jeroboam.backends.busybox import import_busybox
from jeroboam.backends.docker import DockerBackend
from jeroboam.backends.errors import BackendError, Permanent
from jeroboam.cli import process
from jeroboam.files import private_folder, write_private
from jeroboam.settings import FILE

JEROBOAM = Path(sys.executable).with_name("jeroboam")
LIBRARY = Path(__file__).with_name("lib.sh")
IMAGE = "busybox:latest"
IMAGE_ID = "image.id"
# Process 1 has no default signal handlers: without the trap each stop would take its whole time-out.
COMMAND = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
LABEL = {"jeroboam-demo": "yes"}
"""By which a later run knows what an earlier one made."""
GRACE_SECONDS = 5
ROOM = {"org": 16, "team1": 8, "team2": 8}
"""Containers, by cloud; `jeroboam up` gives its example the same."""
WRITTEN = "# Written by `make demo`"
FIGURES = ("hard_limit", "used", "reserved", "allocated", "free", "borrowed", "lent", "deserved")
WAIT_SECONDS = 120.0

console = Console(highlight=False, soft_wrap=True)
started = time.monotonic()


class DemoFailed(Exception):
    """The demo cannot go on; the message is for whoever watches."""


def say(text: str) -> None:
    console.print(f"[dim]{time.monotonic() - started:6.1f} s[/dim]  {text}")


def title(text: str) -> None:
    console.print()
    console.rule(f"[bold]{text}", align="left")


@dataclass(frozen=True)
class Cloud:
    """One user of clouds.yaml, with clients for what the demo does."""

    name: str
    project_id: str | None
    containers: Any
    quota: Adapter
    public_url: str

    @classmethod
    def of(cls, name: str) -> "Cloud":
        session = openstack.config.get_cloud_region(cloud=name, app_name="jeroboam-demo").get_session()
        quota = Adapter(session, service_type="quota")
        containers = zunclient.Client("1", session=session, service_type="container").containers
        public_url = str(quota.get_endpoint()).removesuffix("/quota/v1")
        return cls(name, session.get_project_id(), containers, quota, public_url)

    def create(self, count: int, first: int = 1) -> list[str]:
        """Ids of `count` new containers; raises DemoFailed with the quota's answer where one is refused."""
        return [self._create(f"{self.name}-c{number:02}") for number in range(first, first + count)]

    def _create(self, name: str) -> str:
        try:
            made = self.containers.run(name=name, image=IMAGE, command=COMMAND, cpu="0.1", memory="16", labels=LABEL)
        except HttpError as error:
            raise DemoFailed(str(error)) from None
        return str(made.uuid)

    def running(self) -> list[Any]:
        return [c for c in self.containers.list() if c.status == "Running"]


def until(what: str, done: Callable[[], bool], progress: Callable[[], str]) -> None:
    """Waits for `done`, showing `progress` and the time; raises DemoFailed after two minutes."""
    begin = time.monotonic()
    with Status(what, console=console) as status:
        while not done():
            if time.monotonic() - begin > WAIT_SECONDS:
                raise DemoFailed(f"waited {WAIT_SECONDS:.0f} s in vain: {what}: {progress()}")
            status.update(f"{what}: {progress()} ({time.monotonic() - begin:.1f} s)")
            time.sleep(0.2)
    say(f"{what}: {progress()} in {time.monotonic() - begin:.1f} s")


# the steps


def write_settings(file: Path, url: str) -> None:
    """Its own file only: what somebody has written there is theirs."""
    if not file.exists() or file.read_text().startswith(WRITTEN):
        private_folder(file.parent)
        write_private(file, f'{WRITTEN}, whose engine this is.\n[engine]\nurl = "{url}"\n')


def start_server(data: Path, url: str) -> None:
    title("Starting Jeroboam: Keystone, API, conductor")
    running = process.find_running(data)
    if running is not None and running.engine != url:
        raise DemoFailed(
            f"the server that runs works with the engine at {running.engine}, the demo's is at {url}: stop it with "
            f"`{JEROBOAM} down --data {data}`, and run `make demo` again"
        )
    if subprocess.run([JEROBOAM, "up", "--detach"], check=False).returncode:
        raise DemoFailed("Jeroboam did not start: the lines above say why; `jeroboam doctor` says what is missing")
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(data / "clouds.yaml")


def provide_image(url: str, noted: Path) -> None:
    """Pulled where a registry can be reached, otherwise made from Debian's busybox-static.

    The id of one that was not there before goes into `noted`: `make clean` removes that one and no other.
    """
    backend = DockerBackend("demo", url, "demo")
    try:
        if backend.image_id(IMAGE):
            return say(f"the image {IMAGE} is on the engine")
        try:
            with Status(f"pulling {IMAGE}", console=console):
                backend.pull(IMAGE, None)
            say(f"pulled {IMAGE}")
        except BackendError:
            say(f"no registry can be reached: making {IMAGE} from Debian's busybox-static")
            make_image(url)
        noted.write_text(f"{backend.image_id(IMAGE)}\n")
    finally:
        backend.close()


def make_image(url: str) -> None:
    try:
        import_busybox(url, IMAGE)
    except Permanent:
        install = f". {LIBRARY} && install_missing busybox-static:/no/such/file"
        if subprocess.run(["bash", "-euo", "pipefail", "-c", install], check=False).returncode:
            raise DemoFailed(
                "there is no image to run: the lines above say why busybox-static was not installed"
            ) from None
        import_busybox(url, IMAGE)


def check_untouched(org: Cloud, teams: Sequence[Cloud]) -> None:
    """Before anything is removed or set: what somebody has made or set by hand is not the demo's to undo."""
    mine = [f"{c.name} of {team.name}" for team in teams for c in team.containers.list() if not of_demo(c)]
    changed = changed_by_hand(org.quota.get("/tree").json())
    if not mine and not changed:
        return
    found = [*changed, *([f"containers that the demo did not make: {', '.join(sorted(mine))}"] if mine else [])]
    raise DemoFailed(
        f"it needs the room of both teams, and finds {'; '.join(found)}. It has touched nothing: `make clean` first, "
        "which removes everything, or set that back by hand"
    )


def of_demo(container: Any) -> bool:
    return LABEL.items() <= (container.labels or {}).items()


def changed_by_hand(tree: dict[str, Any]) -> list[str]:
    """Limits that are neither the example's nor the demo's, which are the same; nothing is what there is before."""
    nodes = [tree, *tree["children"]]
    wanted = [(node, "containers", ROOM.get(node["name"], 0)) for node in nodes]
    wanted += [(node, resource, -1) for node in nodes for resource in ("vcpus", "memory")]
    return [
        f"a hard_limit of {is_now} {resource} at {node['name']}, which is not the demo's"
        for node, resource, limit in wanted
        if (is_now := node["hard_limit"].get(resource, 0)) not in (0, limit)
    ]


def clear(teams: Sequence[Cloud]) -> None:
    """What an earlier run left: the demo starts from nothing."""
    if not any(team.containers.list() for team in teams):
        return
    for team in teams:
        for container in team.containers.list():
            team.containers.delete(container.uuid, force=True)
    until(
        "the containers of the last run go",
        lambda: not any(team.containers.list() for team in teams),
        lambda: f"{sum(len(team.containers.list()) for team in teams)} left",
    )


def set_limits(system: Cloud, org: Cloud, teams: Sequence[Cloud]) -> None:
    """The organisation owns 16 containers; each team owns 8 of them, lends what it leaves idle, and may borrow."""
    unbounded = {"hard_limit": -1}
    room = {"containers": {"hard_limit": ROOM[org.name]}, "vcpus": unbounded, "memory": unbounded}
    patch(system, org, {"limits": room, "policy": {"grace_seconds": GRACE_SECONDS}})
    for team in teams:
        room["containers"] = {"hard_limit": ROOM[team.name], "lend_limit": None, "borrow_limit": None}
        patch(org, team, {"limits": room})
    say("the organisation owns 16 containers, each team 8 of them; what one leaves idle the other may borrow")


def patch(who: Cloud, whose: Cloud, change: dict[str, Any]) -> None:
    try:
        who.quota.patch(f"/nodes/{whose.project_id}", json=change)
    except ClientException as error:
        raise DemoFailed(str(error)) from None


def show_tree(org: Cloud) -> None:
    tree = org.quota.get("/tree").json()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("node")
    for figure in FIGURES:
        table.add_column(figure, justify="right")
    for indent, node in (("", tree), *(("  ", child) for child in tree["children"])):
        figures = [node[figure].get("containers", 0) for figure in FIGURES]
        table.add_row(indent + node["name"], *("∞" if value == -1 else str(value) for value in figures))
    console.print()
    console.print("[italic]containers[/italic]")  # a title of the table would be filled up with blanks
    console.print(table)
    console.print()


def last_event(org: Cloud) -> int:
    return int(history(org, 0)["last"])


def history(org: Cloud, since: int) -> dict[str, Any]:
    """Everything that happened below the organisation after event number `since`."""
    found: list[Any] = []
    while True:
        url = f"{org.public_url}/events/v1/history"
        page = org.quota.get(url, params={"since": since, "below": "true", "limit": 1000}).json()
        found += page["events"]
        if not page["events"]:
            return {"events": found, "last": since}
        since = page["last"]


def tell(org: Cloud, since: int) -> None:
    """Who had to go, for whom, and why: in the words of the events."""
    for event in history(org, since)["events"]:
        if event["type"] in ("evicting", "evicted"):
            claimant = event["data"].get("managers", {}).get("claimant", {}).get("project_name", "?")
            say(f"  {event['name']}: {event['message']} [dim](for {claimant})[/dim]")


def scene_idle(team1: Cloud, org: Cloud) -> None:
    title("1. team1 starts 4 containers")
    ids = team1.create(4)
    until(
        "team1's containers start", lambda: len(team1.running()) == len(ids), lambda: f"{len(team1.running())} of 4 run"
    )
    show_tree(org)


def scene_borrow(team2: Cloud, org: Cloud) -> None:
    title("2. team2 asks for 12: its own 8, and 4 that team1 leaves idle")
    ids = team2.create(12)
    until(
        "team2's containers start",
        lambda: len(team2.running()) == len(ids),
        lambda: f"{len(team2.running())} of 12 run",
    )
    show_tree(org)


def scene_reclaim(team1: Cloud, team2: Cloud, org: Cloud) -> None:
    title(f"3. team1 asks for 4 more: team2 gives them back ({GRACE_SECONDS} s of grace)")
    since = last_event(org)
    ids = team1.create(4, first=5)
    waiting = team1.containers.get(ids[0])
    say(f"{waiting.name} is {waiting.status}: {waiting.status_reason}")
    until("team1's containers start", lambda: len(team1.running()) == 8, lambda: f"{len(team1.running())} of 8 run")
    tell(org, since)
    stopped = [c for c in team2.containers.list() if c.status == "Stopped"]
    if len(stopped) != 4 or len(team2.running()) != 8:
        raise DemoFailed(f"team2 should have 8 running and 4 stopped: {len(team2.running())} and {len(stopped)}")
    say(f"{stopped[0].name} is {stopped[0].status}: {stopped[0].status_reason}")
    show_tree(org)


def scene_refusal(team1: Cloud, org: Cloud) -> None:
    title("4. team1 asks for one more: everything else is team2's own")
    try:
        team1.create(1, first=9)
    except DemoFailed as refusal:
        return say(f"refused: {refusal}")
    raise DemoFailed("the ninth container of team1 should have been refused")


def how_to_go_on(data: Path) -> None:
    title("Everything goes on running. By hand from here:")
    bin_folder = Path(sys.executable).parent
    for line in (
        f"export PATH={bin_folder}:$PATH OS_CLIENT_CONFIG_FILE={data / 'clouds.yaml'}",
        f"export JEROBOAM_DATA={data}    # for jeroboam status, doctor, quota verify, down, up",
        "openstack --os-cloud team1 appcontainer list",
        "openstack --os-cloud org quota tree show",
        "openstack --os-cloud team2 appcontainer show team2-c12",
        "openstack --os-cloud team1 appcontainer exec team1-c01 hostname",
        "openstack --os-cloud team1 appcontainer delete --force team1-c08",
        "openstack --os-cloud team2 appcontainer start team2-c12    # borrows what team1 left",
        "jeroboam down         # stops the server; jeroboam up --detach starts it again; make clean removes everything",
    ):
        console.print(f"  {line}", soft_wrap=True)


def main() -> None:
    data = Path(os.environ["JEROBOAM_DATA"]).absolute()
    url = os.environ["JEROBOAM_ENGINE__URL"]
    write_settings(data / FILE, url)
    start_server(data, url)
    provide_image(url, data.parent / IMAGE_ID)
    system, org, team1, team2 = (Cloud.of(name) for name in ("jeroboam-system", "org", "team1", "team2"))
    check_untouched(org, (team1, team2))
    clear((team1, team2))
    set_limits(system, org, (team1, team2))
    show_tree(org)
    scene_idle(team1, org)
    scene_borrow(team2, org)
    scene_reclaim(team1, team2, org)
    scene_refusal(team1, org)
    how_to_go_on(data)


if __name__ == "__main__":
    try:
        main()
    except (DemoFailed, BackendError) as failure:
        console.print(f"[red]the demo cannot go on:[/red] {failure}")
        sys.exit(1)
