"""Lists for people, or for programs with `-f json`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def show(rows: Sequence[Mapping[str, Any]], form: str) -> None:
    """Prints rows as a table or as JSON; columns are the keys of all rows."""
    if form == "json":
        print(json.dumps(list(rows), indent=2))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        cells = [escape(str(row.get(column, ""))) for column in columns]
        table.add_row(*cells, style=STYLES.get(str(row.get("result", "")), ""))
    Console().print(table)
