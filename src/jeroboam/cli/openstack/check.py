"""`openstack quota check`: would this fit, and if not, why not?"""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from jeroboam.cli.openstack.amounts import AMOUNTS, Amounts, Gather, parse, whole
from jeroboam.cli.openstack.base import Misused, Prose, Rows, ShowOne, present
from jeroboam.cli.openstack.projects import PROJECT, on_project
from jeroboam.model.errors import Malformed

FITS = ("admitted", "reclaiming")
_MEANING = {
    "admitted": "it fits now",
    "reclaiming": "it is entitled: others give back what they borrowed",
    "waiting": "it does not fit now, and would wait in the queue",
    "refused": "it does not fit",
}


class Check(ShowOne):
    """Ask whether a request would fit, and if not why not. Nothing is changed.

    Exit status: 0 if it would be admitted, at once or after others have given back what they borrowed; 1 if it
    would be refused or would wait.
    """

    EXAMPLES = """\
  openstack quota check --containers 4
  openstack quota check --containers 1 --vcpus 0.5 --memory 512m --priority 80
  openstack quota check --project team2 --resource gpus=1 --wait
  openstack quota check --containers 4 -f value -c reason
"""

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--project", metavar="PROJECT", help=PROJECT)
        parser.add_argument("--containers", metavar="N", type=_amount("containers"), help="Number of containers")
        parser.add_argument("--vcpus", metavar="X", type=_amount("vcpus"), help="CPUs in all: 1.5 or 1500m")
        parser.add_argument("--memory", metavar="M", type=_amount("memory"), help="Memory in all: MiB, or 2g")
        parser.add_argument(
            "--resource", metavar="RESOURCE=AMOUNT", action=Gather, help=f"Anything else: {AMOUNTS} (repeatable)"
        )
        parser.add_argument("--priority", metavar="N", type=whole(0, 100), help="0 to 100")
        parser.add_argument(
            "--reservation", metavar="NAME", help="Draw from this reservation of the project (name or id)"
        )
        parser.add_argument("--wait", action="store_true", help="Ask as one that waits where it does not fit")
        parser.add_argument("--not-reclaimable", action="store_true", help="Ask as one that may not be reclaimed")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        amounts = asked(parsed_args)
        body = {"amounts": amounts, "reclaimable": not parsed_args.not_reclaimable}
        if parsed_args.priority is not None:
            body["priority"] = parsed_args.priority
        if parsed_args.reservation:
            body["reservation"] = parsed_args.reservation
        if parsed_args.wait:
            body["shortage"] = "wait"
        api = self.client.quota
        answer: Mapping[str, Any] = on_project(
            self.client, parsed_args.project, lambda project: api.post("/dry-run", {**body, "node": project})
        )
        self.fits = answer["outcome"] in FITS
        reason = answer["reason"] or {}
        shown = {
            "fits": self.fits,
            "outcome": answer["outcome"],
            "meaning": _MEANING.get(answer["outcome"], ""),
            "amounts": Amounts(amounts),
            "displaces": answer["victims"],
            "deadline": present(answer["deadline"], parsed_args),
            "reason": Prose(present(reason.get("sentence"), parsed_args)),
        }
        if parsed_args.formatter in ("json", "yaml"):
            shown["details"] = answer["reason"]
        return tuple(shown), tuple(shown.values())

    def run(self, parsed_args: argparse.Namespace) -> int:
        return super().run(parsed_args) or (0 if self.fits else 1)


def asked(parsed_args: argparse.Namespace) -> dict[str, int]:
    amounts: dict[str, int] = {}
    given = {name: getattr(parsed_args, name) for name in ("containers", "vcpus", "memory")}
    for resource, units in (*given.items(), *(parsed_args.resource or {}).items()):
        if units is None:
            continue
        if resource in amounts:
            raise Misused(f"cannot ask for {resource} twice: give it once")
        amounts[resource] = units
    if not amounts:
        raise Misused("cannot check nothing: give --containers, --vcpus, --memory or --resource")
    return amounts


def _amount(resource: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            return parse(resource, text)
        except Malformed as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read
