"""Large files, cut so that several tasks can read each: what Spark does to its own formats.

A share begins where a line or a page does, and knows how many lines are before it, so large files
are looked through once when they are listed. What cannot be cut is one share.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._listing import Found
from ._workers import SHARE, Cells

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Spark's own bound on what a task reads, and its default.
_MOST = ("spark.sql.files.maxPartitionBytes", "128m")
# What Spark counts for a file beside its bytes, so that many small ones are one task's.
_OPENING = ("spark.sql.files.openCostInBytes", "4m")
_UNITS = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40}

# A name need not be UTF-8.
_PATH = "path binary"
_SHARE = ", ".join(f"{name} bigint" for name in SHARE)


def shared(spark: SparkSession, files: Sequence[Found], options: dict[str, Any]) -> DataFrame:
    """The files, and of those above the bound their shares."""
    most, opening = _bound(spark, *_MOST), _bound(spark, *_OPENING)
    whole = [file for file in files if file.length <= most]
    columns = f"{_PATH}, fault string, {_SHARE}"
    rows = [(file.path, file.fault, None, None, None) for file in whole]
    tasks = -(-sum(file.length + opening for file in whole) // most)
    if tasks < len(rows):
        tasks = max(tasks, _cores(spark))
    others = _spread(spark, rows, columns, tasks)
    cells = [
        (file.path, start, start + most)
        for file in files
        if file.length > most
        for start in range(0, file.length, most)
    ]
    if not cells:
        return others
    spread = _spread(spark, cells, f"{_PATH}, start bigint, end bigint", len(cells))
    told = spread.mapInArrow(Cells(options), f"{_PATH}, {_SHARE}").collect()
    found = sorted((bytes(row.path), row.start, row.end, row.feeds) for row in told)
    shares: list[tuple[Any, ...]] = []
    before, last = 0, b""
    for path, start, end, feeds in found:
        before = before if path == last else 0
        shares.append((path, None, start, end, before))
        last, before = path, before + feeds
    return others.unionByName(_spread(spark, shares, columns, len(shares)))


def _spread(
    spark: SparkSession, rows: list[tuple[Any, ...]], columns: str, tasks: int
) -> DataFrame:
    return spark.createDataFrame(rows, columns).repartition(max(1, min(tasks, len(rows))))


def _cores(spark: SparkSession) -> int:
    """How many tasks the session makes of what it can cut anywhere."""
    from pyspark.sql import functions as F

    return spark.range(1 << 16).select(F.spark_partition_id()).distinct().count()


def _bound(spark: SparkSession, setting: str, default: str) -> int:
    return _bytes(spark.conf.get(setting, default) or default, setting)


def _bytes(size: str, setting: str = _MOST[0]) -> int:
    """A size as Spark writes it."""
    found = re.fullmatch(r"(\d+)([bkmgt]?)b?", size.strip().lower())
    if found is None:
        raise ValueError(f"{setting}: {size!r} is no size")
    return int(found[1]) << _UNITS[found[2]]
