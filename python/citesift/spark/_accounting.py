"""What became of every byte, page and block: rows that add up, as the program's figures do.

Accumulators would count a task twice that is done twice. Rows are there once, however often
executors are lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._arrow import OUTCOMES
from . import _repeats

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_PAGES = ("report", "repeated", "rejected")


def told(parsed: DataFrame) -> DataFrame:
    """The outcomes of pages that are decided one by one."""
    from pyspark.sql import functions as F

    kept = F.col("blocks") - F.col("duplicates_removed")
    return _columns(parsed, F.col("outcome"), kept)


def told_across_pages(counts: DataFrame, verdicts: DataFrame) -> DataFrame:
    """The outcomes of pages that are compared with others."""
    from pyspark.sql import functions as F

    joined = counts.join(verdicts, "place", "left")
    outcome = F.when(_repeats.is_repeated(), "repeated").otherwise(F.col("outcome"))
    in_page = F.col("blocks") - F.col("duplicates_removed")
    kept = F.when(_repeats.is_compared(), F.size(_repeats.statements_kept())).otherwise(in_page)
    return _columns(joined, outcome, kept)


def summary(outcomes: DataFrame) -> dict[str, Any]:
    """The figures of a run, named as the program's ``--stats`` names them."""
    from pyspark.sql import functions as F

    counted = ("bytes", "blocks", "kept", "repeated_in_page", "repeated_in_run")
    sums = [F.sum(name).alias(name) for name in (*counted, "lines", "unrecognized_lines")]
    grouped = outcomes.groupBy("outcome", "reason").agg(F.count("*").alias("rows"), *sums)
    rows = [row.asDict() for row in grouped.collect()]

    def total(column: str, *outcomes: str) -> int:
        return sum(row[column] or 0 for row in rows if row["outcome"] in outcomes)

    def by_reason(outcome: str) -> dict[str, int]:
        found = {row["reason"]: row["rows"] for row in rows if row["outcome"] == outcome}
        return dict(sorted(found.items()))

    return {
        "bytes": {
            "read": sum(row["bytes"] for row in rows),
            "pages": total("bytes", *_PAGES),
            "between_pages": total("bytes", "between_pages"),
            "skipped": total("bytes", "skipped"),
            "container": total("bytes", "container"),
        },
        "pages": {
            "seen": total("rows", *_PAGES, "skipped"),
            "emitted": total("rows", "report"),
            "repeated": total("rows", "repeated"),
            "rejected": total("rows", "rejected"),
            "skipped": total("rows", "skipped"),
        },
        "blocks": {
            "seen": total("blocks", *_PAGES),
            "kept": total("kept", *_PAGES),
            "repeated_in_page": total("repeated_in_page", *_PAGES),
            "repeated_in_run": total("repeated_in_run", *_PAGES),
        },
        "not_read": by_reason("not_read"),
        "rejects": by_reason("rejected"),
        "lines": total("lines", "report"),
        "unrecognized_lines": total("unrecognized_lines", "report"),
        "read_errors": total("rows", "fault"),
    }


def _columns(df: DataFrame, outcome: Any, kept: Any) -> DataFrame:
    from pyspark.sql import functions as F

    return df.select(
        outcome.alias("outcome"),
        *(name for name in OUTCOMES if name != "outcome"),
        kept.cast("bigint").alias("kept"),
        F.col("duplicates_removed").alias("repeated_in_page"),
        (F.col("blocks") - F.col("duplicates_removed") - kept).alias("repeated_in_run"),
    )
