"""What comes malformed, huge, nested or poisoned is 400 (or 413) with a sentence, fast; never 5xx, never obeyed."""

import base64
import http.client
import resource
import time
from typing import Any

import pytest

from tests.api.cloud import IMAGE, Cloud, User

ROUTE = "/container/v1/containers"


def refused(user: User, body: Any, status: int = 400, text: str = "cannot ") -> dict[str, Any]:
    answer = user.ask("POST", ROUTE, body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    assert text in found["detail"], found["detail"]
    assert found["errors"][0]["title"] == found["detail"]
    return found


FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"image": 7}, "image"),
    ({"image": ""}, "image"),
    ({"image": "-rm"}, "image"),
    ({"image": "a" * 300}, "image"),
    ({"name": "a b"}, "name"),
    ({"name": "é"}, "name"),
    ({"name": "a" * 256}, "name"),
    ({"name": "-x"}, "name"),
    ({"cpu": -1}, "cpu"),
    ({"cpu": 0}, "cpu"),
    ({"cpu": "1e9"}, "cpu"),
    ({"cpu": 2**63}, "cpu"),
    ({"cpu": True}, "cpu"),
    ({"cpu": "0"}, "0.01"),
    ({"memory": -5}, "memory"),
    ({"memory": "five"}, "memory"),
    ({"memory": 2**70}, "read"),
    ({"memory": 1}, "6 is the least"),
    ({"memory": "9" * 15 + "g"}, "memory"),
    ({"command": "ls -l"}, "list of words"),
    ({"command": [1]}, "command"),
    ({"environment": {"A=B": "x"}}, "environment"),
    ({"environment": {"A": 1}}, "environment"),
    ({"environment": {"A": None}}, "environment"),
    ({"labels": {"io.jeroboam.object": "x"}}, "reserved"),
    ({"labels": {"IO.Jeroboam.object": "x"}}, "reserved"),
    ({"hostname": "a_b"}, "hostname"),
    ({"hostname": "-a"}, "hostname"),
    ({"workdir": "relative"}, "workdir"),
    ({"restart_policy": {"Name": "sometimes"}}, "restart_policy"),
    ({"restart_policy": {"Name": "always", "MaximumRetryCount": 3}}, "on-failure"),
    ({"restart_policy": {"Name": "always"}, "auto_remove": True}, "choose one"),
    ({"healthcheck": {"cmd": "x", "interval": -1}}, "interval"),
    ({"healthcheck": {}}, "cmd"),
    ({"exposed_ports": {"80/sctp": {}}}, "exposed_ports"),
    ({"exposed_ports": {"0": {}}}, "1 to 65535"),
    ({"exposed_ports": {"70000": {}}}, "1 to 65535"),
    ({"exposed_ports": {"80": {"HostPort": 22}}}, "exposed_ports"),
    ({"exposed_ports": {"80": {}}, "nets": [{"network": "none"}]}, "without a network"),
    ({"mounts": [{"destination": "/x"}]}, "source or the size"),
    ({"mounts": [{"source": "v", "destination": "x"}]}, "destination"),
    ({"mounts": [{"source": "v", "destination": "/"}]}, "destination"),
    ({"mounts": [{"source": "v", "destination": "/a/../proc"}]}, "plain folder"),
    ({"mounts": [{"source": "v", "destination": "/proc/1"}]}, "plain folder"),
    ({"mounts": [{"source": "v", "destination": "/dev"}]}, "system"),
    ({"mounts": [{"source": "v", "destination": "//sys/fs"}]}, "plain folder"),
    ({"mounts": [{"source": "v", "destination": "/dev/shmem"}]}, "plain folder"),
    ({"mounts": [{"type": "bind", "source": "aGk=", "destination": "//etc/motd"}]}, "plain folder"),
    ({"hints": {"tmpfs": "//proc/sys:1"}}, "plain folder"),
    ({"hints": {"tmpfs": "/x/../dev/shm:1"}}, "plain folder"),
    ({"mounts": [{"source": "v", "destination": "/x"}, {"source": "w", "destination": "/x/"}]}, "twice"),
    ({"mounts": [{"source": "v", "size": 1, "destination": "/x"}]}, "not both"),
    ({"mounts": [{"type": "bind", "source": "not base64!", "destination": "/x"}]}, "base64"),
    ({"mounts": [{"type": "npipe", "source": "v", "destination": "/x"}]}, "type"),
    ({"nets": [{"network": "a"}, {"network": "a"}]}, "twice"),
    ({"nets": [{"network": "a", "v4-fixed-ip": "300.1.1.1"}]}, "IPv4"),
    ({"nets": [{}]}, "name"),
    ({"hints": {"colour": "red"}}, "Known are"),
    ({"hints": {"priority": "101"}}, "0 to 100"),
    ({"hints": {"priority": ["1", "2"]}}, "give it once"),
    ({"hints": {"shortage": "maybe"}}, "wait or refuse"),
    ({"hints": {"publish": "x"}}, "publish"),
    ({"hints": {"tmpfs": "/x:0"}}, "tmpfs"),
    ({"hints": {"resource.vcpus": "1"}}, "--cpu"),
    ({"hints": {"resource.gpu": "-1"}}, "whole number"),
    ({"hints": {"resource.GPU": "1"}}, "resource"),
    ({"hints": {"pids": "0"}}, "pids"),
    ({"hints": {"link": "a/b"}}, "link"),
    ({"hints": {"priority": 5}}, "hints"),
    ({"nonsense": 1}, "nonsense"),
    ({"security_groups": ["default"]}, "security groups"),
    ({"disk": 5}, "disk"),
    ({"host": "other"}, "the only one"),
    ({"availability_zone": "mars"}, "the only one"),
    ({"image_driver": "glance"}, "registries"),
    ({"cpu_policy": "dedicated"}, "dedicate"),
    ({"nets": [{"port": "5f0b"}]}, "Neutron"),
    ({"registry": "unknown"}, "registry"),
]


@pytest.mark.parametrize(("fields", "text"), FIELDS, ids=lambda value: str(value)[:40])
def test_bad_fields_are_refused_with_a_sentence(user: User, fields: dict[str, Any], text: str) -> None:
    assert text in refused(user, {"image": IMAGE, **fields})["detail"]


PRIVILEGES: list[dict[str, Any]] = [
    {"privileged": True},
    {"privileged": "true"},
    {"runtime": "runsc"},
    {"cap_add": ["SYS_ADMIN"]},
    {"devices": ["/dev/kmsg"]},
    {"security_opt": ["seccomp=unconfined"]},
    {"network_mode": "host"},
    {"pid_mode": "host"},
    {"ipc_mode": "host"},
    {"userns_mode": "host"},
    {"sysctls": {"kernel.shm": "1"}},
    {"cgroup_parent": "/"},
    {"binds": ["/:/host"]},
    {"volumes_from": ["other"]},
    {"nets": [{"network": "host"}]},
    {"nets": [{"network": "container:abc"}]},
    {"mounts": [{"source": "/etc", "destination": "/x"}]},
    {"mounts": [{"source": "/", "destination": "/x"}]},
    {"mounts": [{"source": "/run/docker.sock", "destination": "/x"}]},
    {"mounts": [{"source": "../etc", "destination": "/x"}]},
]


@pytest.mark.parametrize("fields", PRIVILEGES, ids=lambda value: str(value)[:40])
def test_power_over_the_host_is_forbidden_through_every_field(user: User, fields: dict[str, Any]) -> None:
    assert refused(user, {"image": IMAGE, **fields}, 403)["code"] == "forbidden"


def test_an_update_is_no_way_around(user: User) -> None:
    user.create("web")
    for fields in ({"privileged": True}, {"cap_add": ["ALL"]}):
        assert user.ask("PATCH", f"{ROUTE}/web", fields).status_code in (400, 403)


def test_injected_files_are_capped(user: User) -> None:
    large = base64.b64encode(b"x" * 70_000).decode()
    refused(user, {"image": IMAGE, "mounts": [{"type": "bind", "source": large, "destination": "/x"}]}, text="at most")


_FILE = base64.b64encode(b"x" * 60_000).decode()
LARGE: list[dict[str, Any]] = [
    {"environment": {f"E{n}": "x" * 100_000 for n in range(3)}},
    {"environment": {f"E{n}": "" for n in range(60_000)}},
    {"environment": {"E": "\u00fc" * 131_072}, "labels": {"l": "x"}},
    {"labels": {f"l{n}": "x" * 100_000 for n in range(3)}},
    {"command": ["x" * 100_000] * 3},
    {"mounts": [{"type": "bind", "source": _FILE, "destination": f"/f{n}"} for n in range(4)]},
    {
        "environment": {"E": "x" * 100_000},
        "labels": {"l": "x" * 100_000},
        "mounts": [{"type": "bind", "source": _FILE, "destination": "/f"}],
    },
]


@pytest.mark.parametrize("fields", LARGE, ids=lambda fields: "+".join(fields))
def test_a_definition_is_capped_as_a_whole(user: User, fields: dict[str, Any]) -> None:
    assert "together at most" in refused(user, {"image": IMAGE, **fields})["detail"]


def test_three_files_and_a_large_variable_are_no_trouble(user: User) -> None:
    mounts = [{"type": "bind", "source": _FILE, "destination": f"/f{n}"} for n in range(2)]
    user.create("web", environment={"E": "x" * 90_000}, mounts=mounts)
    assert len(user.show("web")["environment"]["E"]) == 90_000


RAW: list[tuple[bytes, str]] = [
    (b"", "cannot read the request"),
    (b"{", "JSON"),
    (b"[]", "cannot read the request"),
    (b"null", "cannot read the request"),
    (b'"x"', "cannot read the request"),
    (b'{"image": NaN}', "JSON"),
    (b'{"image": Infinity}', "JSON"),
    (b'{"image": "\xff"}', "JSON"),
    (b'{"image": "\\ud800"}', "JSON"),
    (b'{"image": "a\\u0000b"}', "NUL"),
    (b'{"image": "busybox", "environment": {"a\\u0000": "b"}}', "NUL"),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, "cannot read the body"),
    (b"[" * 500_000, "cannot read the body"),
    (b'{"hints": ' + b"[" * 40 + b"]" * 40 + b"}", "nested"),
    (b'{"image": "busybox", "cpu": 1e400}', "cannot read the"),
    (b'{"image": "busybox", "memory": 99999999999999999999999}', "cannot read the"),
]


@pytest.mark.parametrize(("body", "text"), RAW, ids=lambda value: str(value)[:30])
def test_bodies_that_are_traps_are_refused_fast(user: User, body: bytes, text: str) -> None:
    headers = {"Content-Type": "application/json"}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    answer = user.ask("POST", ROUTE, data=body, headers=headers)
    assert time.process_time() - began < 0.2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    assert answer.status_code == 400, answer.text
    assert text in answer.json()["detail"]


def test_a_body_of_another_type_is_refused(user: User) -> None:
    answer = user.ask(
        "POST", ROUTE, data=b"image=busybox", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 400
    assert "application/json" in answer.json()["detail"]


def test_a_huge_body_is_refused_before_it_is_read(cloud: Cloud, user: User) -> None:
    host, port = cloud.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.putrequest("POST", ROUTE)
    for name, value in (("X-Auth-Token", user.token), ("Content-Type", "application/json")):
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(1 << 40))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"too_large" in answer.read()
    connection.close()


def test_a_body_without_a_length_is_cut_at_the_limit(user: User) -> None:
    def endless() -> Any:
        for _ in range(64):
            yield b'{"image": "' + b"x" * 65536

    answer = user.ask("POST", ROUTE, data=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{ROUTE}?limit=-1", 400),
        (f"{ROUTE}?limit=x", 400),
        (f"{ROUTE}?limit=99999999999999999999", 400),
        (f"{ROUTE}?sort_key=spec", 400),
        (f"{ROUTE}?sort_dir=up", 400),
        (f"{ROUTE}?marker=nonsense", 400),
        (f"{ROUTE}?all_projects=maybe", 400),
        (f"{ROUTE}?unknown=1", 400),
        (f"{ROUTE}?name=a&name=b", 400),
        (f"{ROUTE}?name=%C3%BF&auto_remove=On", 200),
        (f"{ROUTE}?name=%00", 400),
        (f"{ROUTE}?name=%ff", 400),
        (f"{ROUTE}?memory=much", 400),
        (f"{ROUTE}/%00", 400),
        (f"{ROUTE}/%ff", 400),
        (f"{ROUTE}/..%2f..%2fetc", 404),
        (f"{ROUTE}/{'a' * 300}", 400),
        (f"{ROUTE}/x/logs?tail=-1", 400),
        (f"{ROUTE}/x/logs?since=yesterday", 404),
        (f"{ROUTE}/x/nonsense", 404),
        ("/nonsense", 404),
        ("/quota/v1/nodes/%00", 400),
        ("/events/v1/history?since=-1", 400),
        ("/events/v1?since=x", 400),
    ],
)
def test_bad_paths_and_queries(user: User, path: str, status: int) -> None:
    answer = user.ask("GET", path)
    assert answer.status_code == status, answer.text
    assert status == 200 or answer.json()["detail"].startswith("cannot ")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("container 1.1", 200),
        ("container 1.40", 200),
        ("container latest", 200),
        ("compute 2.1, container 1.20", 200),
        ("container 1.41", 406),
        ("container 1.0", 406),
        ("container 2.1", 406),
        ("compute 2.1", 406),
        ("container", 406),
        ("container one", 400),
        ("container 1.²", 400),
        ("container 1." + "9" * 5000, 400),
    ],
)
def test_microversions(user: User, header: str, status: int) -> None:
    answer = user.ask("GET", ROUTE, headers={"OpenStack-API-Version": header.encode("utf-8")})
    assert answer.status_code == status
    assert answer.headers["OpenStack-API-Minimum-Version"] == "container 1.1"
    assert answer.headers["OpenStack-API-Maximum-Version"] == "container 1.40"
    assert answer.headers["Vary"] == "OpenStack-API-Version"


def test_without_a_version_it_is_the_oldest(cloud: Cloud, user: User) -> None:
    answer = cloud.http.get(cloud.url + ROUTE, headers={"X-Auth-Token": user.token}, timeout=10)
    assert answer.headers["OpenStack-API-Version"] == "container 1.1"


def test_old_versions_send_commands_as_strings(user: User) -> None:
    body = {"image": IMAGE, "name": "old", "command": '"nginx" "-g" "daemon off;"', "interactive": True}
    answer = user.ask("POST", ROUTE, body, headers={"OpenStack-API-Version": "container 1.19"})
    assert answer.json()["command"] == ["nginx", "-g", "daemon off;"]
    assert answer.json()["tty"] is True
    assert user.create("new", interactive=True)["tty"] is False


def test_an_unforeseen_error_tells_its_request_id_and_nothing_else(cloud: Cloud, user: User) -> None:
    user.run("web", command=["sleep", "inf"])
    cloud.engine.faults.fail("stats", RuntimeError("secret words of the engine"))
    answer = user.ask("GET", f"{ROUTE}/web/stats")
    assert answer.status_code == 500
    assert "secret words" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-openstack-request-id"]


def test_a_foreign_request_id_is_taken_only_if_it_is_plain(user: User) -> None:
    assert user.ask("GET", ROUTE, headers={"X-Request-Id": "abc-1"}).headers["x-openstack-request-id"] == "abc-1"
    for bad in ("a b", "x" * 65, "é".encode()):
        given = user.ask("GET", ROUTE, headers={"X-Request-Id": bad}).headers["x-openstack-request-id"]
        assert given.startswith("req-")
