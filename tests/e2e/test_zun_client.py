"""The unmodified python-zunclient as a library: what it calls works, and the engine shows that it happened."""

import io
import tarfile
import time
from typing import Any

import pytest
from zunclient.common.apiclient import exceptions

from tests.e2e.house import House
from tests.e2e.people import LASTING, SMALL, Person


def run(house: House, team1: Person, *command: str, **fields: Any) -> str:
    """The id of a container that runs."""
    made = team1.containers.run(image=house.image, command=list(command) or LASTING, **SMALL, **fields)
    house.until_status(team1, made.uuid, "Running")
    return str(made.uuid)


def test_a_container_from_creation_to_deletion(house: House, team1: Person) -> None:
    zun = team1.containers
    made = zun.create(name="life", image=house.image, command=LASTING, cpu="0.1", memory="32", labels={"a": "b"})
    assert (made.status, made.name, made.cpu, made.memory) == ("Creating", "life", 0.1, "32")
    house.until_status(team1, made.uuid, "Created")
    assert house.inspect(made.uuid)["State"]["Status"] == "created"

    zun.start("life")
    shown = house.until_status(team1, made.uuid, "Running")
    assert shown["status_detail"].startswith("Up ")
    assert shown["host"] == house.docker.info()["Name"]
    first = house.inspect(made.uuid)["State"]["StartedAt"]
    zun.pause("life")
    house.until_status(team1, made.uuid, "Paused")
    assert house.inspect(made.uuid)["State"]["Paused"] is True
    zun.unpause("life")
    house.until_status(team1, made.uuid, "Running")
    zun.restart("life", timeout=1)
    house.until_status(team1, made.uuid, "Running")
    assert house.inspect(made.uuid)["State"]["StartedAt"] > first
    zun.stop("life", timeout=1)
    shown = house.until_status(team1, made.uuid, "Stopped")
    assert shown["status_detail"].startswith("Exited(0) ")
    zun.start("life")
    house.until_status(team1, made.uuid, "Running")
    zun.kill("life", signal="SIGKILL")
    shown = house.until_status(team1, made.uuid, "Stopped")
    assert shown["exit_code"] == 137
    zun.start("life")
    house.until_status(team1, made.uuid, "Running")

    with pytest.raises(exceptions.Conflict, match="cannot delete container life: it is Running"):
        zun.delete("life")
    zun.delete("life", stop=True)
    house.until_gone(team1, made.uuid)
    assert not house.on_engine(ident=made.uuid)


def test_lists_are_filtered_paged_and_sorted(house: House, team1: Person) -> None:
    for name in ("b", "a", "c"):
        team1.containers.create(name=name, image=house.image, command=["true"], **SMALL)
    names = [c.name for c in team1.containers.list(sort_key="name", sort_dir="desc")]
    assert names == ["c", "b", "a"]
    assert [c.name for c in team1.containers.list(name="b")] == ["b"]
    first = team1.containers.list(limit=2, sort_key="name")
    assert [c.name for c in first] == ["a", "b"]
    rest = team1.containers.list(limit=2, sort_key="name", marker=first[-1].uuid)
    assert [c.name for c in rest] == ["c"]


def test_commands_are_run_inside(house: House, team1: Person) -> None:
    ident = run(house, team1, environment={"WHO": "me"}, workdir="/tmp")
    answer = team1.containers.execute(ident, command='"sh" "-c" "echo $WHO at $PWD; exit 3"', run=True)
    assert (answer["output"], answer["exit_code"]) == ("me at /tmp\n", 3)
    missing = team1.containers.execute(ident, command="nosuch", run=True)
    assert missing["exit_code"] in (126, 127)


def test_logs_by_stream_tail_and_time(house: House, team1: Person) -> None:
    script = "for i in 1 2 3; do echo out $i; done; echo err >&2; trap 'exit 0' TERM; sleep 1000 & wait"
    ident = run(house, team1, "sh", "-c", script)
    both = {"stdout": True, "stderr": True}
    house.until(lambda: "err" in team1.containers.logs(ident, **both), "it has written")
    logs = team1.containers.logs
    assert logs(ident, stdout=True, stderr=False) == "out 1\nout 2\nout 3\n"
    assert logs(ident, stdout=False, stderr=True) == "err\n"
    assert len(logs(ident, **both, tail="2").splitlines()) == 2
    at, text = logs(ident, stdout=False, stderr=True, timestamps=True).split(" ", 1)
    assert (text, at[:10]) == ("err\n", time.strftime("%Y-%m-%d", time.gmtime()))
    assert logs(ident, **both, since=str(int(time.time()) + 5)) == ""
    assert "out 1" in logs(ident, **both, since="2020-01-01 00:00:00")


def test_processes_and_figures(house: House, team1: Person) -> None:
    ident = run(house, team1)
    top = team1.containers.top
    house.until(lambda: any("sleep 100000" in row for row in top(ident)["Processes"]), "its process is shown")
    assert "PID" in top(ident)["Titles"]
    stats = team1.containers.stats(ident)
    assert stats["MEM LIMIT(MiB)"] == 16
    assert 0 < stats["MEM USAGE(MiB)"] <= 16


def test_a_new_name_resolves_on_the_network(house: House, team1: Person) -> None:
    named = run(house, team1, name="before")
    other = run(house, team1)
    team1.containers.update(named, name="after")
    shown = house.until_status(team1, named, "Running")
    address = shown["addresses"]["default"][0]["addr"]
    house.until(lambda: address in house.exec(other, "ping", "-c1", "-W1", "after"), "the new name resolves")
    (network,) = house.inspect(named)["NetworkSettings"]["Networks"].values()
    assert "before" not in network["Aliases"]


def test_cpu_and_memory_change_while_it_runs(house: House, team1: Person) -> None:
    ident = run(house, team1)
    team1.containers.update(ident, cpu=0.25, memory="48")
    shown = house.until_status(team1, ident, "Running")
    assert (shown["cpu"], shown["memory"]) == (0.25, "48")
    limits = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null"
    assert house.exec(ident, "sh", "-c", limits).split() == [str(48 << 20)]
    share = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us || cut -d' ' -f1 /sys/fs/cgroup/cpu.max"
    assert house.exec(ident, "sh", "-c", f"({share}) 2>/dev/null").split() == ["25000"]
    used = team1.quota("GET", "/nodes/self")["used"]
    assert (used["vcpus"], used["memory"]) == (250, 48)


def test_files_go_in_and_come_out(house: House, team1: Person) -> None:
    ident = run(house, team1)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("note.txt")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    team1.containers.put_archive(ident, "/tmp", packed.getvalue())
    assert house.exec(ident, "cat", "/tmp/note.txt") == "hello"
    house.exec(ident, "sh", "-c", "echo more >> /tmp/note.txt")
    answer = team1.containers.get_archive(ident, "/tmp/note.txt")
    with tarfile.open(fileobj=io.BytesIO(answer["data"])) as tar:
        found = tar.extractfile("note.txt")
        assert found is not None
        assert found.read() == b"hellomore\n"
    assert (answer["stat"]["name"], answer["stat"]["size"]) == ("note.txt", 10)
    with pytest.raises(exceptions.ClientException, match="cannot"):
        team1.containers.get_archive(ident, "/nosuch")


def test_a_rebuilt_container_is_a_new_one_of_the_same_definition(house: House, team1: Person) -> None:
    ident = run(house, team1, name="built")
    house.exec(ident, "touch", "/tmp/here")
    before = house.inspect(ident)["Id"]
    team1.containers.rebuild("built")
    house.until_status(team1, ident, "Running")
    assert house.inspect(ident)["Id"] != before
    assert "here" not in house.exec(ident, "ls", "/tmp")


def test_networks_are_joined_and_left(house: House, team1: Person) -> None:
    ident = run(house, team1, nets=[{"network": "front"}])
    team1.containers.network_attach(ident, network="back")
    shown = house.until_status(team1, ident, "Running")
    house.until(lambda: set(team1.show(ident)["addresses"]) == {"front", "back"}, "it is on both networks")
    assert len(team1.containers.network_list(ident)) == 2
    assert {a["addr"] for a in shown["addresses"]["front"]} < {
        n["IPAddress"] for n in house.inspect(ident)["NetworkSettings"]["Networks"].values()
    }
    team1.containers.network_detach(ident, network="front")
    house.until(lambda: set(team1.show(ident)["addresses"]) == {"back"}, "it has left the first")
    assert len(house.inspect(ident)["NetworkSettings"]["Networks"]) == 1


def test_who_did_what_is_listed(house: House, team1: Person) -> None:
    ident = run(house, team1)
    team1.containers.stop(ident, timeout=1)
    house.until_status(team1, ident, "Stopped")
    listed = team1.zun.actions.list(ident)
    assert sorted(action.action for action in listed) == ["create", "stop"]
    stop = next(action for action in listed if action.action == "stop")
    assert team1.zun.actions.get(ident, stop.request_id).user_id == team1.user_id


def test_what_there_is_around_the_containers(house: House, team1: Person) -> None:
    admin = house.people.admin
    (host,) = admin.zun.hosts.list()
    info = house.docker.info()
    assert (host.hostname, host.cpus) == (info["Name"], info["NCPU"])
    assert {s.state for s in admin.zun.services.list()} == {"up"}
    with pytest.raises(exceptions.Forbidden, match="cannot"):
        team1.zun.hosts.list()
    assert [z.availability_zone for z in team1.zun.availability_zones.list()] == ["nova"]
    made = team1.zun.registries.create(name="ours", domain="registry.example", username="me", password="secret")
    assert [(r.name, r.domain, r.username) for r in team1.zun.registries.list()] == [("ours", "registry.example", "me")]
    shown = team1.zun.registries.get(made._info["registry"]["uuid"])
    assert "secret" not in f"{made._info} {shown._info}"
