"""Large files, cut so that several tasks can read each: what Spark does to its own formats.

A share begins where a line or a page does, and knows how many lines are before it, so large files
are looked through once when they are listed. What cannot be cut is one share.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ._workers import SHARE, Cells

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Spark's own bound on what a task reads, and its default.
_MOST = ("spark.sql.files.maxPartitionBytes", "128m")
_UNITS = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def shared(spark: SparkSession, files: DataFrame, options: dict[str, Any]) -> DataFrame:
    """The files, and of those above the bound their shares."""
    from pyspark.sql import functions as F

    most = _bytes(spark.conf.get(*_MOST) or _MOST[1])
    others = files.where(F.col("length") <= most).select(
        "path", *(F.lit(None).cast("bigint").alias(name) for name in SHARE)
    )
    cells = [
        (row.path, start, start + most)
        for row in files.where(F.col("length") > most).collect()
        for start in range(0, row.length, most)
    ]
    if not cells:
        return others
    columns = "path string, start bigint, end bigint"
    spread = spark.createDataFrame(cells, columns).repartition(len(cells))
    rows = spread.mapInArrow(Cells(options), f"{columns}, feeds bigint").collect()
    shares, path, before = [], None, 0
    for row in sorted(rows):
        before = before if row.path == path else 0
        shares.append((row.path, row.start, row.end, before))
        path, before = row.path, before + row.feeds
    found = spark.createDataFrame(shares, f"{columns}, feeds bigint")
    return others.unionByName(found.repartition(len(shares)))


def _bytes(size: str) -> int:
    """A size as Spark writes it."""
    found = re.fullmatch(r"(\d+)([bkmgt]?)b?", size.strip().lower())
    if found is None:
        raise ValueError(f"{_MOST[0]}: {size!r} is no size")
    return int(found[1]) << _UNITS[found[2]]
