"""The rest of Zun's API, and its unmodified client against it."""

from typing import Any

import pytest
from zunclient import api_versions
from zunclient import exceptions as zun
from zunclient.v1.client import Client

from jeroboam.api.zun.unsupported import REFUSED
from tests.api.cloud import IMAGE, Cloud, User

API = "/container/v1"


def client(user: User) -> Any:
    """As the `openstack` command makes it, but for where its token comes from."""
    options = {"endpoint_override": f"{user.cloud.url}{API}", "auth_token": user.token}
    return Client(api_version=api_versions.APIVersion("1.40"), **options)


def test_the_client_negotiates_the_newest_version(user: User) -> None:
    old = Client(
        api_version=api_versions.APIVersion("1.1"),
        endpoint_override=f"{user.cloud.url}{API}",
        auth_token=user.token,
    )
    assert api_versions.discover_version(old, api_versions.APIVersion("1.latest")).get_string() == "1.40"


def test_a_life_through_the_client(cloud: Cloud, user: User) -> None:
    zun_client = client(user)
    made = zun_client.containers.run(image=IMAGE, name="web", command=["sleep", "inf"], mounts=[], nets=[], hints={})
    cloud.work()
    assert zun_client.containers.get("web").status == "Running"
    assert [c.uuid for c in zun_client.containers.list()] == [made.uuid]
    assert [c.uuid for c in zun_client.containers.list(limit=5, name="web")] == [made.uuid]
    assert zun_client.containers.execute("web", command='"echo" "hi"', run=True)["output"] == "hi\n"
    assert zun_client.containers.logs("web", stdout=False, stderr=False, tail="all") == ""
    assert "CPU %" in zun_client.containers.stats("web")
    assert zun_client.containers.top("web")["Titles"]
    assert zun_client.containers.update("web", memory="300").memory == "300"
    cloud.work()
    assert len(zun_client.containers.network_list("web")) == 1
    assert zun_client.containers.put_archive("web", path="/tmp", data=_tar()) is not None
    assert zun_client.containers.get_archive("web", path="/tmp/f")["data"]
    assert {a.action for a in zun_client.actions.list("web")} >= {"create", "execute", "update", "put_archive"}
    zun_client.containers.stop("web", 1)
    cloud.work()
    zun_client.containers.delete("web", force=False, stop=False)
    cloud.work()
    with pytest.raises(zun.NotFound, match="cannot find a container"):
        zun_client.containers.get("web")


def _tar() -> bytes:
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("f")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    return buffer.getvalue()


def test_the_client_shows_the_sentence(cloud: Cloud) -> None:
    user = cloud.tenant(containers=0, vcpus=1000, memory=1000)
    with pytest.raises(zun.Forbidden, match=r"cannot create container web: cannot admit 1 container.*HTTP 403"):
        client(user).containers.create(image=IMAGE, name="web")
    with pytest.raises(zun.BadRequest, match="the hint 'colour'"):
        client(user).containers.create(image=IMAGE, hints={"colour": "red"})


def test_registries_keep_their_password_to_themselves(cloud: Cloud, user: User) -> None:
    zun_client = client(user)
    made = zun_client.registries.create(name="mine", domain="r.example:5000", username="u", password="hunter2-secret")
    assert made.registry["password"] == "***"
    registry_id = made.registry["uuid"]
    assert zun_client.registries.get("mine").registry["uuid"] == registry_id
    assert [r.name for r in zun_client.registries.list()] == ["mine"]
    changed = zun_client.registries.update("mine", password="another-secret", name="ours")
    assert changed.registry["name"] == "ours"
    container = user.create("web", registry="ours")
    assert container["registry_id"] == registry_id
    with pytest.raises(zun.Conflict, match="pulls with it"):
        zun_client.registries.delete("ours")
    everything = (cloud.settings.data / "jeroboam.sqlite").read_bytes()
    wal = cloud.settings.data / "jeroboam.sqlite-wal"
    everything += wal.read_bytes() if wal.exists() else b""
    assert b"hunter2-secret" not in everything
    assert b"another-secret" not in everything
    user.ask("DELETE", f"{API}/containers/web?force=1")
    cloud.work()
    zun_client.registries.delete("ours")
    assert zun_client.registries.list() == []


def test_volumes_outlive_containers_and_are_deleted_when_unused(cloud: Cloud, user: User) -> None:
    mounts = [{"source": "data", "destination": "/data"}, {"size": "1", "destination": "/scratch"}]
    uuid = user.run(command=["sleep", "inf"], mounts=mounts)["uuid"]
    listed = user.ask("GET", f"{API}/volumes").json()["volumes"]
    assert {(v["name"], v["container_uuid"]) for v in listed} == {("data", None), ("/scratch", uuid)}
    assert all(v["used_by"] == [uuid] for v in listed)
    assert user.ask("DELETE", f"{API}/volumes/data").status_code == 409
    user.ask("DELETE", f"{API}/containers/{uuid}?force=1")
    cloud.work()
    assert [v["name"] for v in user.ask("GET", f"{API}/volumes").json()["volumes"]] == ["data"]
    before = {volume.name for volume in cloud.engine.volumes()}
    assert user.ask("DELETE", f"{API}/volumes/data").status_code == 204
    assert len(before - {volume.name for volume in cloud.engine.volumes()}) == 1
    assert user.ask("DELETE", f"{API}/volumes/data").status_code == 404


def test_hosts_and_services_are_the_admins_to_see(cloud: Cloud, user: User) -> None:
    assert user.ask("GET", f"{API}/hosts").status_code == 403
    assert user.ask("GET", f"{API}/services").status_code == 403
    zun_client = client(cloud.admin())
    (host,) = zun_client.hosts.list()
    assert host.hostname == "fake-host"
    assert zun_client.hosts.get("fake-host").uuid == host.uuid
    with pytest.raises(zun.NotFound):
        zun_client.hosts.get("other")
    assert {(s.binary, s.state) for s in zun_client.services.list()} == {
        ("jeroboam-api", "up"),
        ("docker-engine", "up"),
    }


def test_what_everybody_may_ask(user: User) -> None:
    zun_client = client(user)
    assert [z.availability_zone for z in zun_client.availability_zones.list()] == ["nova"]
    assert zun_client.images.list() == []


@pytest.mark.parametrize(("method", "path", "what"), REFUSED, ids=str)
def test_what_is_not_done_says_so(user: User, method: str, path: str, what: str) -> None:
    answer = user.ask(method, API + path.format(ident="x"), {"anything": 1})
    assert answer.status_code == 400
    assert answer.json()["code"] == "unsupported"
    assert answer.json()["detail"] == f"cannot {what}"


def test_every_path_of_the_client_is_answered(user: User) -> None:
    """Each call that the client can make, with something that does not exist: never 5xx, never an unknown path."""
    zun_client = client(user)
    calls: dict[str, Any] = {
        "commit": lambda: zun_client.containers.commit("x", "repo", "tag"),
        "add_security_group": lambda: zun_client.containers.add_security_group("x", "g"),
        "remove_security_group": lambda: zun_client.containers.remove_security_group("x", "g"),
        "rebuild": lambda: zun_client.containers.rebuild("x", image="i2"),
        "rename": lambda: zun_client.containers.rename("x", "y"),
        "capsules": lambda: zun_client.capsules.list(),
        "capsule": lambda: zun_client.capsules.create(template={}),
        "image pull": lambda: zun_client.images.create(repo="r", host="h"),
        "image show": lambda: zun_client.images.get("x"),
        "image delete": lambda: zun_client.images.delete("x"),
        "image search": lambda: zun_client.images.search_image("x", image_driver="docker"),
        "service delete": lambda: zun_client.services.delete("h", "b"),
        "service enable": lambda: zun_client.services.enable("h", "b"),
        "service disable": lambda: zun_client.services.disable("h", "b", "why"),
        "service force_down": lambda: zun_client.services.force_down("h", "b", True),
        "quota class": lambda: zun_client.quota_classes.get("default"),
        "quota class update": lambda: zun_client.quota_classes.update("default", containers=1),
        "quota defaults": lambda: zun_client.quotas.defaults("x"),
        "quota delete": lambda: zun_client.quotas.delete("x"),
        "quota get": lambda: zun_client.quotas.get("x"),
        "network attach": lambda: zun_client.containers.network_attach("x", network="n"),
        "network detach": lambda: zun_client.containers.network_detach("x", network="n"),
    }
    for name, call in calls.items():
        with pytest.raises((zun.BadRequest, zun.NotFound, zun.NotAcceptable)) as error:
            call()
        assert "no such path" not in str(error.value), name
        assert "cannot " in str(error.value), name


def test_a_stored_password_is_not_sent_to_another_registry(user: User) -> None:
    made = {"name": "mine", "domain": "r.example", "username": "u", "password": "hunter2-secret"}
    assert user.ask("POST", "/container/v1/registries", {"registry": made}).status_code == 201
    moved = {"registry": {"domain": "evil.example"}}
    answer = user.ask("PATCH", "/container/v1/registries/mine", moved)
    assert answer.status_code == 400
    assert "give it again" in answer.json()["detail"]
    moved["registry"]["password"] = "another-secret"
    answer = user.ask("PATCH", "/container/v1/registries/mine", moved)
    assert answer.json()["registry"]["domain"] == "evil.example"
