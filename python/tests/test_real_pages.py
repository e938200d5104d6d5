"""The real pages give what the pipeline gives, by each function."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import lines, real_pages

import citesift
from citesift import Emit


@pytest.mark.parametrize("emit", ["reports", "statements"])
def test_every_function_gives_the_records_of_a_run(emit: Emit) -> None:
    pages = real_pages()
    expected = lines(citesift.clean(pages, emit=emit))
    assert len(expected) >= 5
    parsed = [
        record
        for page in pages
        for table in citesift.parse_file(page.read_bytes(), str(page), emit=emit)
        for record in citesift.to_dicts(table)
    ]
    assert lines(parsed) == expected
    rows = {"text": [page.read_bytes() for page in pages], "at": [str(page) for page in pages]}
    table = citesift.parse_batch(pa.table(rows), path="at", emit=emit)
    assert lines(citesift.to_dicts(table)) == expected


def test_each_page_at_its_address_is_that_of_a_run(tmp_path: Path) -> None:
    pages = [page.read_text() for page in real_pages()]
    urls = [f"https://scite.ai/reports/page-Id{number}" for number in range(len(pages))]
    rows = [{"text": text, "url": url} for text, url in zip(pages, urls, strict=True)]
    dump = tmp_path / "dump.jsonl"
    dump.write_text("\n".join(map(json.dumps, rows)))
    expected = list(citesift.clean(dump))
    assert len(expected) == len(pages)
    for record in expected:
        record["source"] |= {"path": "", "record": None}
    parsed = [citesift.parse(row["text"], row["url"]) for row in rows]
    assert lines(parsed) == lines(expected)
    assert lines(citesift.to_dicts(citesift.parse_batch(pa.Table.from_pylist(rows)))) == lines(
        expected
    )
