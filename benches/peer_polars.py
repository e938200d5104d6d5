#!/usr/bin/env python3
"""What a user of Polars would write instead: expressions over a lazy table, streamed.

    benches/peer_polars.py PAGES.jsonl > records.ndjson

It extracts what `peer.py` does, from pages that come one a line, with as many threads as it has
cores. The statements are cut at their marks, and an expression sees only what is behind the text:
one expression for whole statements, first `extract_all` and then `extract_groups`, took three
times as long.
"""

import os
import sys

os.environ["POLARS_MAX_THREADS"] = str(len(os.sched_getaffinity(0)))  # read when it is imported

import polars as pl
from peer import CITED, TALLIES

HEADER = r"^(?<year>\d{4})\nDOI: (?<doi>10\.\S+)\n\|.*\n(?:\|.*\n|Sign up.*\n|\n)*(?<title>.*)"
SECTION = (
    r"^(?<section>.*?) ?(?<type>supporting|mentioning|contrasting|unclassified)"
    r"\nconfidence: (?<confidence>\d+)%"
)


def main():
    text = pl.col("text")
    pages = pl.scan_ndjson(sys.argv[1], schema={"text": pl.String})
    pages.select(
        text.str.extract_groups(HEADER).alias("header"),
        numbers(text.str.extract_groups(TALLIES.pattern), 3).alias("tallies"),
        numbers(text.str.extract_groups(CITED.pattern), 2).alias("cited"),
        statements(text).alias("statements"),
    ).unnest("header").drop_nulls("doi").select(
        pl.col("doi").str.to_lowercase(),
        pl.col("year").cast(pl.Int32),
        "title",
        "tallies",
        "cited",
        "statements",
    ).sink_ndjson(sys.stdout.buffer)


def numbers(groups, count):
    """The counts of so many groups, as a list; none where nothing was found."""
    names = [str(group) for group in range(1, count + 1)]
    digits = (groups.struct.field(name).str.replace_all(",", "", literal=True) for name in names)
    found = groups.struct.field(names[0]).is_not_null()
    return pl.when(found).then(pl.concat_list(number.cast(pl.Int32) for number in digits))


def statements(text):
    """What stands between the marks; what is not whole and what was there before is dropped."""
    piece, field = pl.element(), pl.field
    parts = piece.str.splitn("”\nSection: ", 2).struct.rename_fields(["text", "rest"])
    parts = parts.struct.with_fields(field("rest").str.extract_groups(SECTION))
    rest = piece.struct.field("rest").struct
    whole = pl.struct(
        piece.struct.field("text"),
        rest.field("section"),
        rest.field("type"),
        rest.field("confidence").cast(pl.Int32),
    )
    pieces = text.str.split("\n“…").list.slice(1)
    return (
        pieces.list.eval(parts)
        .list.eval(whole.filter(rest.field("type").is_not_null()))
        .list.unique(maintain_order=True)
    )


if __name__ == "__main__":
    main()
