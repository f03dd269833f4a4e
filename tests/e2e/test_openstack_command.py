"""The unmodified `openstack` command, typed as a person would, with what stands on the screen afterwards."""

from pathlib import Path

from tests.e2e.house import House
from tests.e2e.people import LASTING, Person
from tests.e2e.shell import openstack, terminal

SMALL = "--cpu 0.02 --memory 16"


def test_a_day_at_the_command_line(house: House, team1: Person, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("from outside")
    (tmp_path / "back").mkdir()
    said = openstack(
        house.server,
        "team1",
        f"appcontainer run --wait --name web --environment WHO=me {SMALL} -f json {house.image} sleep 1000",
        f"appcontainer create --name idle {SMALL} -f json {house.image} true",
        "appcontainer list -f json",
        "appcontainer list",
        "appcontainer exec web env",
        f"appcontainer cp {tmp_path}/note web:/tmp",
        "appcontainer exec web cat /tmp/note",
        f"appcontainer cp web:/etc/passwd {tmp_path}/back",
        "appcontainer set --memory 24 -f json web",
        "appcontainer stats -f json web",
        "appcontainer action list -f json web",
        "appcontainer registry create --name ours --domain registry.example --username me --password secret -f json",
        "appcontainer registry list -f json",
        "appcontainer quota get -f json self",
        "appcontainer stop --time 0 web",
        "appcontainer delete --stop web",
        "appcontainer delete nosuch",
    )
    documents = said.documents
    assert [d.get("status") for d in documents[:2]] == ["Running", "Creating"]
    assert {(c["name"], c["image"]) for c in documents[2]} == {("web", house.image), ("idle", house.image)}
    assert next(c for c in documents[2] if c["name"] == "web")["addresses"]
    assert "| web " in said.out
    assert "\nWHO=me\n" in said.out
    assert "from outside" in said.out
    assert (tmp_path / "back" / "passwd").read_text().startswith("root:x:0")
    assert "Request to stop container web has been accepted." in said.out
    assert "Delete for container nosuch failed: cannot find a container 'nosuch'" in said.out
    assert "secret" not in said.out
    by_keys = {key: document for document in documents[3:] for key in (document if isinstance(document, dict) else {})}
    assert by_keys["CONTAINER"]["MEM LIMIT(MiB)"] in (16, 24)
    assert by_keys["containers"]["containers"] == 8
    house.until(lambda: [c["name"] for c in team1.listing()] == ["idle"], "web is gone")
    assert said.errors == ""


REFUSED = (
    ("appcontainer commit web repo:tag", "cannot commit a container to an image"),
    ("appcontainer add security group web default", "cannot use security groups"),
    ("appcontainer remove security group web default", "cannot use security groups"),
    ("appcontainer image pull busybox local", "cannot manage images by themselves"),
    ("appcontainer image show x", "cannot manage images by themselves"),
    ("appcontainer image search x", "cannot manage images by themselves"),
    ("appcontainer image delete x", "cannot manage images by themselves"),
    ("capsule list", "cannot run capsules"),
    ("capsule show x", "cannot run capsules"),
    ("appcontainer quota class get default", "cannot use quota classes"),
    ("appcontainer quota default x", "cannot show default quotas"),
    ("appcontainer quota delete x", "cannot delete a quota"),
    ("appcontainer run --runtime x IMAGE", "container:create:privileged"),
    ("appcontainer run --disk 3 IMAGE", "cannot limit the disk"),
    ("appcontainer run --privileged IMAGE", "cannot"),
    ("appcontainer run --security-group x IMAGE", "cannot use security groups"),
    ("appcontainer run --image-driver glance IMAGE", "cannot take images from there"),
    ("appcontainer run --host elsewhere IMAGE", "cannot choose this host"),
    ("appcontainer run --availability-zone x IMAGE", "cannot choose this availability zone"),
    ("appcontainer run --mount source=/etc,destination=/x IMAGE", "container:create:host"),
    ("appcontainer run --net network=host IMAGE", "cannot join the network 'host'"),
    ("appcontainer run --net port=x IMAGE", "cannot attach a Neutron port"),
    ("appcontainer run --hint nosuch=1 IMAGE", "cannot take the hint 'nosuch'"),
    ("appcontainer run --label io.jeroboam.x=1 IMAGE", "cannot set the label 'io.jeroboam.x'"),
)


def test_what_is_not_done_says_so(house: House, team1: Person) -> None:
    lines = [line.replace("IMAGE", house.image) for line, _ in REFUSED]
    said = openstack(house.server, "team1", *lines)
    text = said.out + said.errors
    assert [sentence for _, sentence in REFUSED if sentence not in text] == []
    assert "Traceback" not in text
    assert "HTTP 5" not in text
    assert team1.listing() == []


def test_identity_and_quota_through_the_same_command(house: House) -> None:
    said = openstack(
        house.server, "jeroboam-admin", "project list -f json", "token issue -f json", "catalog list -f json"
    )
    projects, token, catalogue = said.documents
    assert {"org", "team1", "team2"} <= {p["Name"] for p in projects}
    assert token["id"]
    assert {"container", "identity", "quota"} <= {row["Type"] for row in catalogue}
    said = openstack(
        house.server,
        "org",
        "quota tree show",
        "quota node show -f json team1",
        "quota check -f json --project team1 --containers 1",
        "quota claim list -f json",
        "quota audit list -f json",
    )
    assert "team1" in said.out.partition("[")[0]
    assert "Traceback" not in said.errors, said.errors


def test_a_shell_in_a_container(house: House, team1: Person) -> None:
    made = house.make(team1, name="box", command=LASTING)
    with terminal(house.server, "team1", "appcontainer", "exec", "--interactive", "box", "sh") as screen:
        screen.until("press Enter to continue")
        screen.type("\r")
        screen.until("/ # ")
        screen.type("echo a$((40+2))b\r")
        screen.until("a42b")
        screen.type("stty size; tty\r")
        screen.until("33 111")
        screen.until("/dev/pts/")
        screen.type("echo größe > /tmp/typed; cat /tmp/typed; exit\r")
        assert screen.ends() == 0
    assert house.exec(made["uuid"], "cat", "/tmp/typed") == "größe\n"
    assert house.inspect(made["uuid"])["State"]["Running"] is True


def test_attached_to_what_was_run_interactively(house: House, team1: Person) -> None:
    made = house.make(team1, name="desk", command=["sh"], interactive=True, tty=True)
    with terminal(house.server, "team1", "appcontainer", "attach", "desk") as screen:
        screen.until("press Enter to continue")
        screen.type("\r")
        screen.until("/ # ")
        screen.type("echo b$((1+1))c\r")
        screen.until("b2c")
        screen.type("exit 7\r")
        screen.ends()
    shown = house.until_status(team1, made["uuid"], "Stopped")
    assert shown["exit_code"] == 7
