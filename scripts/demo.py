"""`make demo`: two teams of one organisation share 16 containers on a real Docker Engine, step by step.

Everything is done through the public APIs with the clients that any user has: python-zunclient for the containers, the
quota API for the tree. It ends with everything still running, and can be run again.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack.config
from keystoneauth1 import adapter
from rich.console import Console
from rich.table import Table
from rich.tree import Tree
from zunclient import client as zun

IMAGE = "busybox"
# PID 1 gets no default signal handlers: without the trap each stop would take its whole time-out.
COMMAND = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
GRACE = 5
LIMITS = f"""\
name: org
hard_limit: {{containers: 16}}
policy: {{grace_seconds: {GRACE}}}
children:
  - {{name: team1, hard_limit: {{containers: 8, vcpus: -1, memory: -1}}, borrow_limit: {{containers: unlimited}}}}
  - {{name: team2, hard_limit: {{containers: 8, vcpus: -1, memory: -1}}, borrow_limit: {{containers: unlimited}}}}
"""
FIGURES = ("hard_limit", "used", "reserved", "allocated", "free", "borrowed", "lent", "deserved")

console = Console(highlight=False)
started = time.monotonic()


def say(text: str) -> None:
    console.print(f"[dim]{time.monotonic() - started:6.1f} s[/dim]  {text}")


@dataclass
class Cloud:
    """What one user of clouds.yaml works with."""

    name: str
    containers: Any
    quota: adapter.Adapter
    events: adapter.Adapter


def connect(name: str) -> Cloud:
    session = openstack.config.get_cloud_region(cloud=name).get_session()
    containers = zun.Client("1", session=session, service_type="container").containers
    quota = adapter.Adapter(session, service_type="quota")
    return Cloud(name, containers, quota, quota)
