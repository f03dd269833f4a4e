"""The plugin in the real command, as a process: what it costs, what it adds, what it says when nobody answers."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.plugin.cloud import Cloud, inherited

OPENSTACK = Path(sys.executable).with_name("openstack")
GROUP = "openstack.capacity.v1"


def test_the_plugin_costs_next_to_nothing_at_every_start() -> None:
    """Whoever lists servers imports it too: nothing of ours but the plugin itself, and no client library."""
    code = (
        "import sys; before = set(sys.modules); import jeroboam.cli.openstack.plugin; "
        "print(*sorted(name.partition('.')[0] for name in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"jeroboam", *sys.stdlib_module_names}


def test_no_other_plugin_has_a_command_of_that_name() -> None:
    others = {
        point.name: point.group
        for group in entry_points().groups
        if group.startswith("openstack.") and group not in (GROUP, "openstack.cli.extension")
        for point in entry_points(group=group)
    }
    ours = {point.name for point in entry_points(group=GROUP)}
    assert len(ours) > 15
    assert ours & set(others) == set()


@pytest.mark.parametrize("point", entry_points(group=GROUP), ids=lambda point: point.name)
def test_every_command_teaches_by_examples(cloud: Cloud, point: object) -> None:
    name = point.name.replace("_", " ")  # type: ignore[attr-defined]
    shown = cloud.openstack(f"{name} --help")
    assert shown.status == 0
    assert f"Examples:\n  openstack {name}" in shown.out.replace("openstack appcontainer run", f"openstack {name}")


def test_words_are_completed(cloud: Cloud) -> None:
    script = cloud.openstack("complete")
    assert "cmds_quota_tree='apply export show'" in script.out
    assert "cmds_quota_node_set='" in script.out
    assert "--child-default" in script.out


def test_nobody_answers() -> None:
    options = ["--os-auth-type", "admin_token", "--os-endpoint", "http://127.0.0.1:9/quota/v1", "--os-token", "t"]
    dead = subprocess.run(
        [OPENSTACK, *options, "quota", "node", "show"], env=inherited(), capture_output=True, text=True, check=False
    )
    assert (dead.returncode, dead.stdout) == (1, "")
    assert "cannot reach Jeroboam at http://127.0.0.1:9/quota/v1" in dead.stderr
    assert "Traceback" not in dead.stderr


def test_a_cloud_without_jeroboam_says_so(cloud: Cloud) -> None:
    done = subprocess.run(
        [OPENSTACK, "--os-interface", "admin", "quota", "node", "show"],
        env={**inherited(), **cloud.environment("team1")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot find Jeroboam: the catalogue has no service of type 'quota'" in done.stderr
