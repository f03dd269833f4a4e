"""What the `openstack` command loads at every start: names only. The commands import what they need when they run."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jeroboam.cli.openstack.client import Client

API_NAME = "capacity"
API_VERSION_OPTION = "os_capacity_api_version"
DEFAULT_API_VERSION = "1"
API_VERSIONS = ("1",)


def make_client(instance: Any) -> "Client":
    """The client that commands find as `client_manager.capacity`."""
    from jeroboam.cli.openstack.client import Client

    return Client(instance)


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Global options of the plugin."""
    parser.add_argument(
        "--os-capacity-api-version",
        metavar="<capacity-api-version>",
        default=DEFAULT_API_VERSION,
        choices=API_VERSIONS,
        help=f"Version of Jeroboam's quota and event API, default={DEFAULT_API_VERSION}",
    )
    return parser
