"""Whether a column is one of these ids, however many: a statement takes only so many parameters."""

from collections.abc import Collection
from typing import Any

import orjson
from sqlalchemy import ColumnElement, String, bindparam, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

FEW = 500
"""So many are parameters, and the column's index is used for them."""


def among(column: ColumnElement[str], ids: Collection[str]) -> ColumnElement[bool]:
    """Many are one parameter, a JSON array."""
    if len(ids) <= FEW:
        return column.in_(sorted(ids))
    array = bindparam(None, orjson.dumps(list(ids)).decode(), type_=String())
    # IS TRUE: so that PostgreSQL hashes them, and does not join with each.
    return column.op("IN", is_comparison=True)(_Texts(array)).is_(true())


class _Texts(FunctionElement[str]):
    """Those of a JSON array."""

    type = String()
    inherit_cache = True


@compiles(_Texts, "sqlite")
def _on_sqlite(texts: _Texts, compiler: Any, **options: Any) -> str:
    array = compiler.process(texts.clauses, **options)
    return f"(SELECT value FROM json_each({array}))"  # noqa: S608 - a parameter


@compiles(_Texts, "postgresql")
def _on_postgresql(texts: _Texts, compiler: Any, **options: Any) -> str:
    return f"(SELECT json_array_elements_text(CAST({compiler.process(texts.clauses, **options)} AS json)))"
