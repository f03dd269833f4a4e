"""What Docker can do, a tenant can ask for: and the engine shows that it was done."""

import base64
from typing import Any

import pytest

from tests.e2e.house import House
from tests.e2e.people import Person

SLEEP = "trap 'exit 0' TERM; sleep 100000 & wait"


def test_command_entrypoint_environment_and_place(house: House, team1: Person) -> None:
    made = house.make(
        team1,
        entrypoint=["sh", "-c"],
        command=[f"echo $GREETING $(hostname) $PWD; {SLEEP}"],
        environment={"GREETING": "hello"},
        workdir="/var",
        hostname="box",
        labels={"stage": "test"},
    )
    there = house.inspect(made["uuid"])["Id"]
    assert house.until(lambda: house.docker.logs(there).decode(), "it has written") == "hello box /var\n"
    labels = house.inspect(made["uuid"])["Config"]["Labels"]
    assert labels["stage"] == "test"
    assert labels["io.jeroboam.project"] == team1.project_id


def test_what_every_container_gets_unasked(house: House, team1: Person) -> None:
    answer = team1.zun_api("POST", "/containers?run=true", {"image": house.image, "command": ["sh", "-c", SLEEP]})
    made = house.until_status(team1, answer.json()["uuid"], "Running")
    limits = house.inspect(made["uuid"])["HostConfig"]
    assert limits["Memory"] == int(made["memory"]) << 20 == 256 << 20
    assert limits["NanoCpus"] == 250_000_000
    assert limits["PidsLimit"] == 512
    assert "no-new-privileges" in str(limits["SecurityOpt"])
    assert limits["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
    assert limits["IpcMode"] == "private"
    assert not any(limits[power] for power in ("Privileged", "CapAdd", "Devices", "Binds", "PidMode", "VolumesFrom"))
    assert house.exec(made["uuid"], "grep", "NoNewPrivs", "/proc/1/status").split() == ["NoNewPrivs:", "1"]


def test_a_restart_policy_restarts(house: House, team1: Person) -> None:
    made = team1.create(
        image=house.image,
        command=["sh", "-c", "sleep 0.2; exit 1"],
        restart_policy={"Name": "on-failure", "MaximumRetryCount": "2"},
    ).json()
    shown = house.until_status(team1, made["uuid"], "Stopped")
    assert shown["exit_code"] == 1
    assert house.inspect(made["uuid"])["RestartCount"] == 2


def test_a_health_check_is_watched(house: House, team1: Person) -> None:
    check = {"cmd": "test -e /tmp/ok", "interval": 1, "retries": 1, "timeout": 5}
    made = house.make(team1, command=["sh", "-c", f"touch /tmp/ok; {SLEEP}"], healthcheck=check)
    house.until(lambda: team1.show(made["uuid"])["health"] == "healthy", "it is healthy")
    assert "(healthy)" in team1.show(made["uuid"])["status_detail"]
    house.exec(made["uuid"], "rm", "/tmp/ok")
    house.until(lambda: team1.show(made["uuid"])["health"] == "unhealthy", "it is not")


def test_what_is_to_be_removed_at_its_end_is(house: House, team1: Person) -> None:
    made = team1.create(image=house.image, command=["true"], auto_remove=True).json()
    house.until_gone(team1, made["uuid"])
    assert not house.on_engine(ident=made["uuid"])
    assert team1.quota("GET", "/nodes/self")["used"]["containers"] == 0


def test_published_ports_answer(house: House, team1: Person) -> None:
    serve = ["sh", "-c", "mkdir /w; echo page > /w/index.html; exec httpd -f -p 80 -h /w"]
    first, second = (house.make(team1, command=serve, exposed_ports={"80/tcp": {}}) for _ in range(2))
    ports = [c["published_ports"][0] for c in (first, second)]
    assert {p["host_ip"] for p in ports} == {"127.0.0.1"}
    assert len({p["host_port"] for p in ports} & set(house.server.published)) == 2
    for port in ports:
        assert "page" in fetch(house, port["host_port"])
    wanted = next(p for p in house.server.published if p not in {p["host_port"] for p in ports})
    third = house.make(team1, command=serve, hints={"publish": f"{wanted}:80"})
    assert third["published_ports"][0]["host_port"] == wanted
    status, text = team1.refusal(image=house.image, hints={"publish": f"{wanted}:80"})
    assert (status, str(wanted) in text) == (409, True)


def fetch(house: House, port: int) -> str:
    def ask() -> str | None:
        try:
            with house.engine.connect("127.0.0.1", port) as sock:
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return b"".join(iter(lambda: sock.recv(4096), b"")).decode() or None
        except OSError:
            return None

    return house.until(ask, f"port {port} answers")


def test_a_named_volume_is_shared_and_outlives_its_containers(house: House, team1: Person) -> None:
    mounts = [{"source": "shared", "destination": "/data"}]
    one, two = (house.make(team1, mounts=mounts) for _ in range(2))
    house.exec(one["uuid"], "sh", "-c", "echo kept > /data/file")
    assert house.exec(two["uuid"], "cat", "/data/file") == "kept\n"
    for made in (one, two):
        team1.containers.delete(made["uuid"], force=True)
        house.until_gone(team1, made["uuid"])
    three = house.make(team1, mounts=mounts)
    assert house.exec(three["uuid"], "cat", "/data/file") == "kept\n"
    (volume,) = team1.zun_api("GET", "/volumes").json()["volumes"]
    assert (volume["name"], volume["used_by"]) == ("shared", [three["uuid"]])
    refused = team1.zun_api("DELETE", "/volumes/shared")
    assert refused.status_code == 409


def test_other_mounts(house: House, team1: Person) -> None:
    content = base64.b64encode(b"injected").decode()
    made = house.make(
        team1,
        mounts=[
            {"size": "1", "destination": "/own"},
            {"type": "bind", "source": content, "destination": "/etc/motd"},
        ],
        hints={"tmpfs": "/fast:4"},
    )
    mounted = house.exec(made["uuid"], "mount")
    assert "tmpfs on /fast type tmpfs" in mounted
    assert "size=4096k" in mounted
    assert " on /own " in mounted
    assert house.exec(made["uuid"], "cat", "/etc/motd") == "injected"
    volumes = {m["Name"] for m in house.inspect(made["uuid"])["Mounts"] if m["Type"] == "volume"}
    team1.containers.delete(made["uuid"], force=True)
    house.until_gone(team1, made["uuid"])
    assert not volumes & {v["Name"] for v in house.docker.volumes()["Volumes"] or []}


def test_no_network_at_all(house: House, team1: Person) -> None:
    made = house.make(team1, nets=[{"network": "none"}])
    assert made["addresses"] == {}
    assert house.exec(made["uuid"], "ls", "/sys/class/net").split() == ["lo"]


def test_a_fixed_address(house: House, team1: Person) -> None:
    first = house.make(team1, nets=[{"network": "fixed"}])
    (network,) = [n for n in team1.zun_api("GET", "/networks").json()["networks"] if n["name"] == "fixed"]
    wanted = network["subnet"].rsplit(".", 1)[0] + f".{int(network['subnet'].split('.')[3].split('/')[0]) + 9}"
    made = house.make(team1, nets=[{"network": "fixed", "v4-fixed-ip": wanted}])
    assert made["addresses"]["fixed"][0]["addr"] == wanted
    status, text = team1.refusal(image=house.image, nets=[{"network": "fixed", "v4-fixed-ip": wanted}])
    assert (status, wanted in text) == (409, True)
    assert "bytes from" in house.exec(first["uuid"], "ping", "-c1", wanted)


def test_processes_are_limited(house: House, team1: Person) -> None:
    bomb = "for i in $(seq 40); do sleep 1 & done; wait"
    made = team1.create(image=house.image, command=["sh", "-c", bomb], hints={"pids": "16"}).json()
    house.until_status(team1, made["uuid"], "Stopped")
    assert "can't fork" in team1.containers.logs(made["uuid"], stdout=True, stderr=True)


def test_more_memory_than_given_is_told(house: House, team1: Person) -> None:
    eat = ["sh", "-c", "tail /dev/zero"]
    made = team1.create(image=house.image, command=eat).json()
    shown = house.until_status(team1, made["uuid"], "Stopped")
    assert "more than its 16 MiB of memory" in shown["status_reason"]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"privileged": True}, 403, "privileged"),
    ({"cap_add": ["NET_ADMIN"]}, 403, "added capabilities"),
    ({"devices": ["/dev/kmsg"]}, 403, "devices of the host"),
    ({"security_opt": ["seccomp=unconfined"]}, 403, "security options"),
    ({"network_mode": "host"}, 403, "the host's network"),
    ({"pid_mode": "host"}, 403, "the host's processes"),
    ({"nets": [{"network": "host"}]}, 403, "'host'"),
    ({"nets": [{"network": "container:x"}]}, 403, "'container:x'"),
    ({"mounts": [{"source": "/etc", "destination": "/x"}]}, 403, "of the host"),
    ({"mounts": [{"source": "../etc", "destination": "/x"}]}, 403, "of the host"),
    ({"mounts": [{"type": "bind", "source": "/etc/shadow", "destination": "/x"}]}, 400, "base64"),
    ({"runtime": "nvidia"}, 403, "runtime"),
    ({"labels": {"io.jeroboam.project": "x"}}, 400, "reserved"),
    ({"labels": {"IO.jeroboam.object": "x"}}, 400, "reserved"),
    ({"hints": {"bind": "/etc:/x"}}, 400, "'bind'"),
    ({"disk": 5}, 400, "disk"),
    ({"unknown": 1}, 400, "unknown"),
]


@pytest.mark.parametrize(("fields", "status", "says"), REFUSED, ids=[str(f) for f, _, _ in REFUSED])
def test_power_over_the_host_is_refused_by_whichever_field(
    house: House, team1: Person, fields: dict[str, Any], status: int, says: str
) -> None:
    answered, text = team1.refusal(image=house.image, **fields)
    assert (answered, says in text, text.startswith("cannot ")) == (status, True, True), text
    assert not team1.listing()
