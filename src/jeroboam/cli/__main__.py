"""`python -m jeroboam.cli` is the `jeroboam` command."""

from jeroboam.cli.main import app

app()
