"""Repeats across the cluster: what the program's deduplicator decides, as two groupings.

A page claims a key for its header and one for each statement. Who is first to claim a key keeps
what it stands for; a page that has a paper and keeps nothing, not even its header, is a repeat.
A page is found by its place, so where somebody else says which row is first, each page claims its
place too, and two that claim one end the job. A least value is combined before the shuffle, so
that one paper on a million pages sends a few rows for each key and task. `dropDuplicates` would
keep any of the rows, and grouping by paper would put all pages of one paper into one task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def verdicts(parsed: DataFrame, order: Sequence[str] = ()) -> DataFrame:
    """For each page that is first in anything, what of it stays: 0 is its header, and n + 1 the
    n-th statement that it has when its own repeats are removed.

    ``order`` names the columns that give the rows their places, if they may be the same in two.
    """
    from pyspark.sql import functions as F

    # Longer than every other key.
    place_key = F.concat(F.lit(b"citesift_place:"), "place")
    claimed = [place_key, F.col("page_key")] if order else [F.col("page_key")]
    claims = parsed.where(F.col("page_key").isNotNull()).select(
        "place",
        F.posexplode(F.concat(F.array(*claimed), "statement_keys")).alias("part", "key"),
    )
    firsts = claims.groupBy("key").agg(
        F.min("place").alias("first"),
        F.min_by("part", "place").alias("part"),
        *([F.count("*").alias("claims")] if order else []),
    )
    if order:
        named = ", ".join(order)
        message = f"order: rows are the same in {named}; name columns that tell all rows apart"
        is_place, is_tied = F.col("part") == 0, F.col("claims") > 1
        is_other = F.when(is_place & is_tied, F.raise_error(F.lit(message))).otherwise(~is_place)
        firsts = firsts.where(is_other).withColumn("part", F.col("part") - 1)
    pages = firsts.groupBy(F.col("first").alias("place"))
    stays = pages.agg(F.sort_array(F.collect_list("part")).alias("stays"))
    # A session that is remote knows the size of the list of files alone, and would send all of this to
    # the driver and from there to every task.
    return stays.hint("merge")


def removed(parsed: DataFrame, verdicts: DataFrame) -> DataFrame:
    """Reports without what others had before them."""
    from pyspark.sql import functions as F

    joined = parsed.join(verdicts, "place", "left").where(~is_repeated())
    kept = F.transform(statements_kept(), lambda part: F.get("statements", part - 1))
    printed = F.size("statements") + F.col("duplicates_removed")
    return joined.select(
        *(name for name in parsed.columns if name not in ("statements", "duplicates_removed")),
        F.when(is_compared(), kept).otherwise(F.col("statements")).alias("statements"),
        F.when(is_compared(), printed - F.size(statements_kept()))
        .otherwise(F.col("duplicates_removed"))
        .alias("duplicates_removed"),
    )


def statements(reports: DataFrame) -> DataFrame:
    """A row for each statement."""
    from pyspark.sql import functions as F

    rest = [name for name in reports.columns if name != "statements"]
    exploded = reports.select(*rest, F.explode("statements").alias("statement"))
    return exploded.select(*rest, "statement.*")


def is_compared() -> Column:
    """Whether a page is compared with others."""
    from pyspark.sql import functions as F

    return F.col("page_key").isNotNull()


def is_repeated() -> Column:
    """Whether a page is dropped."""
    from pyspark.sql import functions as F

    return is_compared() & F.col("paper_key").isNotNull() & F.col("stays").isNull()


def statements_kept() -> Column:
    """The statements of a page that stay."""
    from pyspark.sql import functions as F

    return F.filter(F.coalesce("stays", F.array().cast("array<int>")), lambda part: part > 0)
