"""``python -m citesift.spark``: a folder of dumps in, a folder of records out.

It is the program's main job for what does not fit one machine, with the program's flags where
they mean the same. The session is that of the surroundings, and so are its size and its storage.
`spark-submit` takes this file as it is, so it names what it imports in full.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from citesift._native import DAMAGE
from citesift.spark import Pages, summary
from citesift.spark._paths import is_within

if TYPE_CHECKING:
    from citesift import Emit
    from pyspark.sql import SparkSession

# Pages come as whole files, and 10,000 of them at once, Spark's own bound, fit into no worker.
_BOUND_IN_BYTES = ("spark.sql.execution.arrow.maxBytesPerBatch", str(64 << 20))
# Spark 3 counts rows alone.
_BOUND_IN_ROWS = ("spark.sql.execution.arrow.maxRecordsPerBatch", "16")


def main(arguments: list[str], spark: SparkSession) -> int:
    args = _parser().parse_args(arguments)
    spark.conf.set(*(_BOUND_IN_ROWS if spark.version.startswith("3.") else _BOUND_IN_BYTES))
    options = {name: value for name, value in vars(args).items() if name in _SHAPING}
    try:
        _refuse_overlap(args.input, args.output)
        pages = Pages.files(spark, args.input, **options)
    except (TypeError, ValueError) as error:
        print("citesift.spark:", *str(error).split(), file=sys.stderr)
        return 2
    _write(pages, args.emit, f"{args.output}/records", args.to)
    outcomes = pages.outcomes()
    outcomes.write.parquet(f"{args.output}/outcomes")
    # Sail writes no file where there are no rows.
    written = spark.read.schema(outcomes.schema).parquet(f"{args.output}/outcomes")
    figures = summary(written)
    _write_figures(spark, figures, f"{args.output}/summary")
    print(json.dumps(figures), file=sys.stderr)
    damaged = sum(figures["rejects"].get(reason, 0) for reason in DAMAGE)
    return 1 if figures["read_errors"] or damaged else 0


def _refuse_overlap(read: str, written: str) -> None:
    if is_within(written, read):
        raise ValueError(f"output: it is in {read}, which is read; choose a place outside of that")
    if is_within(read, written):
        raise ValueError(f"output: the input is in {written}; name a folder that is not there yet")


def _write(pages: Pages, emit: Emit, folder: str, to: str) -> None:
    if to == "parquet":
        pages.records(emit).write.parquet(folder)
    else:
        pages.lines(emit).write.text(folder)


def _write_figures(spark: SparkSession, figures: dict[str, Any], folder: str) -> None:
    line = spark.createDataFrame([(json.dumps(figures),)], "value string")
    line.coalesce(1).write.text(folder)


_SHAPING = ("format", "text_field", "url_field", "keep", "dedup", "near", "max_page")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="citesift.spark",
        description="Clean a folder of dumps: text, JSON Lines, WARC and WET, tar, Parquet.",
    )
    parser.add_argument("input", help="a folder or file, also s3a://, hdfs://, …")
    parser.add_argument("output", help="a folder that is not there yet")
    parser.add_argument("--to", choices=("parquet", "ndjson"), default="parquet")
    parser.add_argument("--emit", choices=("reports", "statements"), default="reports")
    parser.add_argument("--dedup", choices=("off", "page", "run", "text"), default="page")
    parser.add_argument("--format", default="auto", help="of all files; else each is looked at")
    parser.add_argument("--text-field", help="JSON field or Parquet column with a page's text")
    parser.add_argument("--url-field", help="JSON field or Parquet column with a page's address")
    parser.add_argument("--keep", type=_names, default=(), help="JSON fields that go into meta")
    parser.add_argument("--near", type=float, help="tell of statements that are as like as this")
    parser.add_argument("--max-page", default="64MiB", help="the largest page that is parsed")
    return parser


def _names(typed: str) -> tuple[str, ...]:
    return tuple(typed.split(","))


if __name__ == "__main__":
    from pyspark.sql import SparkSession

    sys.exit(main(sys.argv[1:], SparkSession.builder.appName("citesift").getOrCreate()))
