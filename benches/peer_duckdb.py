#!/usr/bin/env python3
"""What a user of DuckDB would write instead: one statement of SQL.

    benches/peer_duckdb.py PAGES.jsonl > records.ndjson

It extracts what `peer.py` does, from pages that come one a line, with as many threads as it has
cores. The statements are cut at their marks, and an expression sees only what is behind the text:
one expression for whole statements took twice as long, and `regexp_extract_all` longer still.
Repeats are found by their position, for `list_distinct` forgets the order.
"""

import os
import sys

import duckdb

QUERY = r"""
COPY (
    WITH cut AS (
        SELECT
            regexp_extract(
                text,
                '^(\d{4})\nDOI: (10\.\S+)\n\|.*\n(?:\|.*\n|Sign up.*\n|\n)*(.*)',
                ['year', 'doi', 'title']
            ) AS header,
            regexp_extract(
                text,
                'Citation Types\n\n(\d+)\n(\d+)\n(\d+)\n',
                ['supporting', 'mentioning', 'contrasting']
            ) AS tallies,
            regexp_extract(
                text,
                'Cited by ([\d,]+) publications?\n\(([\d,]+) citation statements?\)',
                ['publications', 'statements']
            ) AS cited,
            list_transform(string_split(text, e'\n“…')[2:], lambda piece: struct_pack(
                text := split_part(piece, e'”\nSection: ', 1),
                rest := regexp_extract(
                    split_part(piece, e'”\nSection: ', 2),
                    '^(.*?) ?(supporting|mentioning|contrasting|unclassified)\nconfidence: (\d+)%',
                    ['section', 'type', 'confidence']
                )
            )) AS pieces
        FROM read_ndjson($pages, columns = {text: 'VARCHAR'})
    )
    SELECT
        lower(header.doi) AS doi,
        header.year::INTEGER AS year,
        header.title AS title,
        CASE WHEN tallies.supporting <> '' THEN [
            tallies.supporting::INTEGER,
            tallies.mentioning::INTEGER,
            tallies.contrasting::INTEGER
        ] END AS tallies,
        CASE WHEN cited.statements <> '' THEN [
            replace(cited.publications, ',', '')::INTEGER,
            replace(cited.statements, ',', '')::INTEGER
        ] END AS cited,
        [
            {
                text: piece.text,
                section: nullif(piece.rest.section, ''),
                type: piece.rest.type,
                confidence: piece.rest.confidence::INTEGER
            }
            FOR piece, place IN pieces
            IF piece.rest.type <> '' AND list_position(pieces, piece) = place
        ] AS statements
    FROM cut
    WHERE header.doi <> ''
) TO '/dev/stdout' (FORMAT json)
"""


def main():
    threads = len(os.sched_getaffinity(0))
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.execute(QUERY, {"pages": sys.argv[1]})


if __name__ == "__main__":
    main()
