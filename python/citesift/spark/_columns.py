"""Columns by the names that users know them by: those that the session takes them for.

Sessions of Spark do not tell capitals from small letters, if they are not told to. A page's
address is looked for without being named, and one that is passed over is lost without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def column(df: DataFrame, name: str) -> str | None:
    """The column's own name; None where there is no such column."""
    told = df.sparkSession.conf.get("spark.sql.caseSensitive", "false")
    same = str if str(told).lower() == "true" else str.lower
    found = [own for own in df.columns if same(own) == same(name)]
    if len(found) > 1:
        raise ValueError(f"{name!r} is any of the columns {found}; rename all but one of them")
    return found[0] if found else None


def selected(df: DataFrame, names: Sequence[str]) -> DataFrame:
    """These columns under plain names: Spark asks for each anew to hand it to a function, and takes
    a point in its name for a way into it."""
    from pyspark.sql import functions as F

    return df.select(*(F.col(_quoted(name)).alias(f"c{n}") for n, name in enumerate(names)))


def named_again(batch: Any, names: Sequence[str]) -> Any:
    """A table of such columns, and of others behind them, with the names that the users know."""
    import pyarrow

    others = batch.schema.names[len(names) :]
    return pyarrow.RecordBatch.from_arrays(batch.columns, names=[*names, *others])


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
