"""The options and the help of `jeroboam quota`."""

from typing import Annotated

import typer

from jeroboam.cli import options
from jeroboam.cli.errors import FAILED, UNCHECKED, USAGE, sentences

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The tree of quotas, for operators: try out changes, check the books.",
)

File = Annotated[str, typer.Argument(metavar="FILE", help="YAML or JSON; - reads standard input.")]


@app.command()
def simulate(
    file: File,
    pretty: Annotated[bool, typer.Option("--pretty", help="Draw it for people instead of JSON.")] = False,
) -> None:
    """Say what would happen: who is admitted, who has to leave, and why not. Touches nothing; no server is needed.

    FILE has a tree of limits, the claims to start from, and steps. A small one:

    \b
      tree:
        name: org
        hard_limit: {containers: 16}
        children:
          - {name: team1, hard_limit: {containers: 8}}
          - {name: team2, hard_limit: {containers: 8}, borrow_limit: {containers: 4}}
      claims:
        - {project: team2, id: b, count: 12, amount: {containers: 1}}
      steps:
        - claim: {project: team1, id: a, count: 8, amount: {containers: 1}}
        - set: {project: team2, hard_limit: {containers: 4}}

    Each claim and each reservation has an id of its own: none is used again, even when what it stood for is over.
    Steps are claim, release, cancel, resize, requeue, set, add, move, remove, reserve, extend and advance; all that
    can be written is in docs/quota-model.md.

    \b
      jeroboam quota simulate plan.yaml --pretty
      openstack quota tree export | sed 's/^/  /; 1i tree:' | jeroboam quota simulate -

    An export has limits alone: nothing is in use there, and what bounds its top from above is missing. Write claims
    beside the tree, and limits at its top for what is unlimited there.

    Exit status: 0 whatever the outcomes, 2 if FILE cannot be read or is not of this form; steps are counted from 1.
    """
    from jeroboam.cli.quota.simulate import Unusable
    from jeroboam.cli.quota.simulate import simulate as run

    try:
        run(file, pretty)
    except Unusable as error:
        typer.echo(f"jeroboam: {error}", err=True)
        raise typer.Exit(USAGE) from None


@app.command()
def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Set what differs right, after showing it.")] = False,
    data: options.Data = None,
    database: options.Database = None,
    form: options.Format = "table",
) -> None:
    """Work every counter of the quota tree out from the claims, and show where the stored one differs.

    It may run beside the server. --repair sets the counters right in one transaction, with an entry in the audit.

    Exit status: 0 all is well, or is well now; 1 something differs; 2 it could not be found out.

    \b
      jeroboam quota verify
      jeroboam quota verify --repair
      jeroboam quota verify -f json
    """
    with sentences(UNCHECKED):
        from jeroboam.cli.quota.verify import verify as check

        if not check(options.settings_from(data, database=database), repair, form):
            raise typer.Exit(FAILED)
