"""Columns by the names that users know them by: those that the session takes them for.

Sessions of Spark do not tell capitals from small letters, if they are not told to. A page's
address is looked for without being named, and one that is passed over is lost without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
