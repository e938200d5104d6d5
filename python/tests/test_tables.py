"""Tables: rows, keys and outcomes add up to what a run of the program gives."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import dump_of, lines, page

import citesift
from citesift import Dedup, Emit, _native

ONE = page("10.5555/one", "One", "First.", "Second.", "First.")
TWO = page("10.5555/two", "Two", "First.", "Third.")
NAMELESS = (
    "Help me understand this report\n“…First.…”\nSection: Resultsmentioning\nconfidence: 99%\n"
)
NEWER = page("10.5555/ONE", "One", "Second.", "Fourth.")
OTHER = "Some other page.\n"
TEXTS = [ONE, TWO, OTHER, NAMELESS, ONE, NEWER, TWO + ONE, NAMELESS, "", page("10.5555/e", "E")]


def test_rows_are_numbered_across_chunks_and_pages_within_rows() -> None:
    table = pa.Table.from_batches(
        [pa.record_batch({"text": TEXTS[:3]}), pa.record_batch({"text": TEXTS[3:]})]
    )
    found = citesift.parse_batch(table)
    numbers = list(zip(found["row"].to_pylist(), found["page"].to_pylist(), strict=True))
    assert numbers == [(0, 0), (1, 0), (3, 0), (4, 0), (5, 0), (6, 0), (6, 1), (7, 0), (9, 0)]
    again = citesift.parse_batch(pa.record_batch({"text": TEXTS}))
    assert again == found


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary_view(),
    ],
)
def test_every_type_of_text_is_read(kind: pa.DataType) -> None:
    urls = ["https://scite.ai/reports/one-Ab1", None]
    texts = pa.array([ONE, None], pa.string())
    if kind in (pa.binary(), pa.binary_view()):
        texts = texts.cast(pa.binary())
    table = pa.table({"text": texts.cast(kind), "url": pa.array(urls).cast(pa.binary()).cast(kind)})
    [record] = citesift.to_dicts(citesift.parse_batch(table))
    assert record["report_id"] == "Ab1"
    assert record == {**citesift.parse(ONE, urls[0])}


def test_slices_and_nulls_are_read_in_place() -> None:
    table = pa.table({"text": [None, ONE, TWO, None]}).slice(1, 3)
    found = citesift.parse_batch(table, outcomes=True)
    assert found["outcome"].to_pylist()[:3] == ["report", "report", "not_read"]
    assert found["reason"].to_pylist()[2] == "no_text"
    assert found["row"].to_pylist()[:3] == [0, 1, 2]


def test_a_column_that_is_missing_or_no_text_is_an_error_that_names_it() -> None:
    table = pa.table({"body": [ONE], "n": [1]})
    with pytest.raises(
        ValueError, match=r'text: there is no column "text"; name one of \["body", "n"\]'
    ):
        citesift.parse_batch(table)
    with pytest.raises(ValueError, match='text: the column "n" is of type Int64; cast it'):
        citesift.parse_batch(table, text="n")
    for option in ("url", "path", "record"):
        column: dict[str, Any] = {option: "none"}
        with pytest.raises(ValueError, match=f'{option}: there is no column "none"'):
            citesift.parse_batch(table, text="body", **column)
    with pytest.raises(ValueError, match="emit"):
        citesift.parse_batch(table, text="body", emit="cito")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="outcomes"):
        citesift.parse_batch(table, text="body", emit="statements", outcomes=True)


@pytest.mark.parametrize("name", ["text", "url", "at"])
def test_two_columns_of_one_name_are_an_error_that_names_it(name: str) -> None:
    names = ["text", "url", "at"]
    columns = [pa.array([text]) for text in (ONE, None, "a.txt")]
    twice = pa.Table.from_arrays([*columns, pa.array([TWO])], [*names, name])
    option = {"at": "path"}.get(name, name)
    with pytest.raises(ValueError, match=f'{option}: there are 2 columns "{name}"'):
        citesift.parse_batch(twice, path="at")
    other = pa.Table.from_arrays([*columns, *columns[1:2] * 2], [*names, "other", "other"])
    assert citesift.parse_batch(other, path="at").num_rows == 1


def test_columns_are_looked_at_where_no_rows_are() -> None:
    kinds = {"body": pa.string(), "n": pa.int8()}
    table = pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
    batch = pa.RecordBatch.from_pylist([], table.schema)
    for nothing in (table, pa.Table.from_batches([], table.schema), batch):
        with pytest.raises(ValueError, match='text: there is no column "none"'):
            citesift.parse_batch(nothing, text="none")
        with pytest.raises(ValueError, match='text: the column "n" is of type Int8; cast it'):
            citesift.parse_batch(nothing, text="n")
        with pytest.raises(ValueError, match='record: there is no column "none"'):
            citesift.parse_batch(nothing, text="body", record="none")
        assert citesift.parse_batch(nothing, text="body").num_rows == 0


@pytest.mark.parametrize("emit", ["reports", "statements"])
@pytest.mark.parametrize("dedup", ["off", "page", "run", "text"])
def test_the_schema_is_that_of_the_tables(emit: Emit, dedup: Dedup) -> None:
    table = pa.table({"text": TEXTS})
    for outcomes in (False, True) if emit == "reports" else (False,):
        schema = citesift.schema(emit, dedup=dedup, outcomes=outcomes)
        options: dict[str, Any] = {"emit": emit, "dedup": dedup, "outcomes": outcomes}
        for rows in (table, table.slice(0, 0)):
            found = citesift.parse_batch(rows, **options)
            found.validate(full=True)
            assert found.schema == schema
        for found in citesift.parse_file("".join(TEXTS).encode(), "dump.txt", **options):
            found.validate(full=True)
            assert found.schema == schema


def test_no_type_is_one_that_engines_lack() -> None:
    def types(kind: pa.DataType) -> list[pa.DataType]:
        if pa.types.is_list(kind):
            return types(kind.value_type)
        if pa.types.is_struct(kind):
            return [found for field in kind for found in types(field.type)]
        return [kind]

    schema = citesift.schema(dedup="run", outcomes=True)
    found = {str(kind) for field in schema for kind in types(field.type)}
    assert found == {"int64", "int32", "double", "string", "binary"}


def across_pages(found: pa.RecordBatch) -> tuple[list[dict[str, Any]], Counter[str]]:
    """What an engine does with the keys, in the order of the input."""
    seen: set[bytes] = set()
    headers: set[bytes] = set()
    kept, counts = [], Counter[str]()
    keys = found.select(
        ["outcome", "paper_key", "page_key", "statement_keys", "blocks"]
    ).to_pylist()
    reports = citesift.to_dicts(found)
    for row in keys:
        if row["outcome"] != "report":
            continue
        record = next(reports)
        counts["blocks"] += row["blocks"]
        counts["repeated_in_page"] += record["duplicates_removed"]
        if row["page_key"] is None:
            kept.append(record)
            continue
        stays = []
        for statement, key in zip(record["statements"], row["statement_keys"], strict=True):
            if key not in seen:
                seen.add(key)
                stays.append(statement)
        is_repeated = not stays and row["paper_key"] is not None and row["page_key"] in headers
        headers.add(row["page_key"])
        counts["repeated_in_run"] += len(record["statements"]) - len(stays)
        counts["repeated"] += is_repeated
        record["statements"] = stays
        record["duplicates_removed"] = row["blocks"] - len(stays)
        if not is_repeated:
            kept.append(record)
    return kept, counts


@pytest.mark.parametrize("dedup", ["run", "text"])
def test_the_keys_remove_what_a_run_removes(dedup: Dedup, tmp_path: Path) -> None:
    dump = dump_of(TEXTS, tmp_path / "dump.jsonl")
    run = citesift.clean(dump, dedup=dedup)
    expected = lines(run)
    [found] = citesift.parse_file(dump.read_bytes(), str(dump), dedup=dedup, outcomes=True)
    kept, counts = across_pages(found)
    assert lines(kept) == expected
    assert run.summary is not None
    blocks, pages = run.summary["blocks"], run.summary["pages"]
    assert counts["blocks"] == blocks["seen"]
    assert counts["repeated_in_page"] == blocks["repeated_in_page"]
    assert counts["repeated_in_run"] == blocks["repeated_in_run"] > 0
    assert counts["repeated"] == pages["repeated"] > 0


def test_statements_have_the_keys_of_their_reports() -> None:
    table = pa.table({"text": TEXTS})
    for dedup in ("run", "text"):
        reports = citesift.parse_batch(table, dedup=dedup).to_pylist()
        rows = citesift.parse_batch(table, dedup=dedup, emit="statements").to_pylist()
        expected = [
            (
                report["row"],
                report["page"],
                statement["id"],
                report["paper_key"],
                report["page_key"],
                key,
            )
            for report in reports
            for statement, key in zip(
                report["statements"],
                report["statement_keys"] or [None] * len(report["statements"]),
                strict=True,
            )
        ]
        names = ("row", "page", "id", "paper_key", "page_key", "statement_key")
        assert [tuple(row[name] for name in names) for row in rows] == expected
        assert {len(row["page_key"]) for row in rows if row["page_key"]} == {16}


FILES = {
    "text": ("dump.txt", "\n\n".join(TEXTS).encode()),
    "a byte order mark": ("dump.txt", b"\xef\xbb\xbf" + ONE.encode()),
    "lines": (
        "dump.jsonl",
        b'{"text": 7}\n{"text": "", "url": "https://scite.ai/reports/x-1Y"}\n'
        + b"".join(json.dumps({"text": t}).encode() + b"\n" for t in TEXTS)
        + b"{",
    ),
    "gzip": ("dump.txt.gz", gzip.compress("".join(TEXTS).encode() * 50)),
    "cut gzip": ("dump.gz", gzip.compress("".join(TEXTS).encode() * 50)[:-6]),
    "large pages": ("dump.txt", (page("10.5555/l", "L" * 5000) + ONE).encode() * 3),
    "nothing": ("empty.txt", b""),
}


@pytest.mark.parametrize("name", FILES)
def test_outcomes_add_up_to_the_accounting_of_a_run(name: str, tmp_path: Path) -> None:
    path, content = FILES[name]
    (tmp_path / path).write_bytes(content)
    os.chdir(tmp_path)
    rejects: list[dict[str, Any]] = []
    run = citesift.clean(path, max_page=4096, rejects=rejects.append)
    expected = []
    try:
        for record in run:
            expected.append(record)
    except citesift.ReadError:
        pass
    tables = list(citesift.parse_file(path, max_page=4096, outcomes=True))
    assert list(citesift.parse_file(content, path, max_page=4096, outcomes=True)) == tables
    records = [record for table in tables for record in citesift.to_dicts(table)]
    assert lines(records) == lines(expected)
    rows = [row for table in tables for row in table.to_pylist()]
    assert lines(row["reject"] for row in rows if row["outcome"] == "rejected") == lines(rejects)

    def total(column: str, *outcomes: str) -> int:
        return sum(row[column] for row in rows if row["outcome"] in outcomes)

    assert run.summary is not None
    counts = Counter(row["outcome"] for row in rows)
    pages, read = run.summary["pages"], run.summary["bytes"]
    assert (counts["report"], counts["rejected"], counts["skipped"]) == (
        pages["emitted"],
        pages["rejected"],
        pages["skipped"],
    )
    assert total("bytes", "report", "rejected") == read["pages"]
    assert total("bytes", "skipped") == read["skipped"]
    assert total("bytes", "between_pages") == read["between_pages"]
    assert total("bytes", "container") == read["container"]
    assert total("bytes", *counts) == read["read"]
    assert total("blocks", "report") == run.summary["blocks"]["seen"]
    assert total("unrecognized_lines", "report") == run.summary["unrecognized_lines"]
    assert total("lines", "report") == run.summary["drift"]["lines"]
    assert counts["fault"] == len(run.summary["read_errors"])


def test_a_file_that_is_cut_is_an_error_behind_what_was_saved() -> None:
    path, content = FILES["cut gzip"]
    tables = citesift.parse_file(content, path)
    assert next(tables).num_rows == 7 * 50
    with pytest.raises(citesift.ReadError, match="dump.gz: after") as raised:
        next(tables)
    assert raised.value.path == "dump.gz"
    [table] = citesift.parse_file(content, path, outcomes=True)
    [fault] = [row for row in table.to_pylist() if row["outcome"] == "fault"]
    assert fault["reject"]["source"]["offset"] == raised.value.offset


def test_a_damaged_line_is_an_error_behind_the_others() -> None:
    path, content = FILES["lines"]
    tables = citesift.parse_file(content, path)
    assert next(tables).num_rows == 9
    place = "dump.jsonl, byte .*, line 13, record 13: "
    with pytest.raises(citesift.ReadError, match=place) as raised:
        next(tables)
    assert (raised.value.line, raised.value.others) == (13, [])
    assert next(tables, None) is None


def test_an_archive_that_is_compressed_is_told() -> None:
    with pytest.raises(citesift.ReadError, match="zip and Parquet are read from a file"):
        list(citesift.parse_file(gzip.compress(b"PK\x03\x04"), "dump.zip.gz"))


class NamedByBytes:
    def __fspath__(self) -> bytes:
        return b"a.txt"


def test_a_file_on_disk_is_called_as_it_was_given_or_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text(ONE)

    def called(*given: Any) -> list[str]:
        tables = citesift.parse_file(*given)
        return [record["source"]["path"] for t in tables for record in citesift.to_dicts(t)]

    assert called("a.txt") == called(Path("a.txt")) == ["a.txt"]
    content = ONE.encode()
    for given in (bytearray(content), memoryview(content)):
        assert called(given, Path("dump/1.txt")) == ["dump/1.txt"]
        with pytest.raises(ValueError, match="path: say what"):
            citesift.parse_file(given)
    assert called(NamedByBytes()) == called(NamedByBytes(), None) == ["a.txt"]
    with pytest.raises(TypeError, match="file: a path is needed, and this is int"):
        called(5)
    with pytest.raises(TypeError, match="path: a path is needed, and this is int"):
        called("a.txt", 5)
    assert called("a.txt", "dump/1.txt") == called(ONE.encode(), "dump/1.txt") == ["dump/1.txt"]
    with pytest.raises(ValueError, match="path: say what"):
        citesift.parse_file(ONE.encode())
    for missing in ("none.txt", tmp_path):
        with pytest.raises(citesift.ReadError) as raised:
            list(citesift.parse_file(missing))
        assert raised.value.path == str(missing)


def test_a_file_whose_name_is_no_utf_8_is_called_as_by_a_run(tmp_path: Path) -> None:
    file = os.fsencode(tmp_path) + b"/a\xff\xe2\x82b\xed\xa0\x80.txt"
    name = os.fsdecode(file)
    try:
        Path(name).write_text(ONE)
    except OSError:
        pytest.skip("this file system takes no such name")
    expected = lines(citesift.clean(name))
    assert "\ufffd" in expected[0]
    for table in (citesift.parse_file(name), citesift.parse_file(ONE.encode(), name)):
        assert lines(citesift.to_dicts(next(table))) == expected


def test_a_large_file_comes_in_tables_of_some_megabytes_and_may_be_left_early() -> None:
    before = parsing_threads()
    text = page("10.5555/l", "Title", *(f"Statement {n} {'word ' * 100}" for n in range(100)))
    content = text.encode() * 1000
    tables = list(citesift.parse_file(content, "dump.txt"))
    assert len(tables) >= 2
    assert sum(table.num_rows for table in tables) == 1000
    numbers = [number for table in tables for number in table["page"].to_pylist()]
    assert numbers == list(range(1000))
    for table in citesift.parse_file(content, "dump.txt"):
        assert table.num_rows
        break
    until = time.monotonic() + 60
    while parsing_threads() > before:
        assert time.monotonic() < until
        time.sleep(0.01)


def lists(values: str) -> str:
    """A page with these authors."""
    return page("10.5555/a", "Title", "Cited.") + f"Authors\n{values}Journals\n"


def pages(rows: int, **fields: str) -> bytes:
    """Pages in lines with further fields."""
    line = json.dumps({"text": page("10.5555/k", "Title", "Cited."), **fields})
    return f"{line}\n".encode() * rows


# Each is far more than a table is to hold in what it is called after, and little in all else.
LARGE: dict[str, tuple[bytes, dict[str, Any]]] = {
    "rows without a record": (b"{}\n" * 150_000, {"outcomes": True}),
    "rows without a record, with keys": (b"{}\n" * 150_000, {"outcomes": True, "dedup": "run"}),
    "what was refused": (b'{"text"\n' * 100_000, {"outcomes": True}),
    "long paths": (pages(6000), {"path": "p" * 6000}),
    "long paths of what was refused": (
        b'{"text"\n' * 6000,
        {"path": "p" * 6000, "outcomes": True},
    ),
    "kept fields": (pages(4000, more="x" * 10_000), {"keep": ["more"]}),
    "kept fields beside statements": (
        pages(4000, more="x" * 10_000),
        {"keep": ["more"], "emit": "statements"},
    ),
    "addresses": (pages(4000, url="x" * 10_000), {}),
    "short statements": (
        (page("10.5555/s", "T") + "“…a…”\n" * 1000).encode() * 500,
        {"dedup": "off"},
    ),
    "short statements as rows": (
        (page("10.5555/s", "T") + "“…a…”\n" * 1000).encode() * 300,
        {"dedup": "off", "emit": "statements"},
    ),
    "authors": (lists("Author Name\n" * 1000).encode() * 3000, {}),
    "counts": (lists("").replace("Authors", "Relationship\n" + "1\n" * 1000).encode() * 5000, {}),
}


@pytest.mark.parametrize("name", LARGE)
def test_no_table_of_a_file_is_larger_than_some_megabytes_whatever_is_in_it(name: str) -> None:
    content, options = LARGE[name]
    tables = citesift.parse_file(content, **{"path": "large.jsonl", **options})
    sizes = [table.nbytes for table in tables]
    assert sum(sizes) > 32 << 20
    assert max(sizes) < 18 << 20
    assert min(sizes[:-1]) > 8 << 20


def test_a_file_on_disk_takes_no_memory_of_its_size(tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    with path.open("w") as dump:
        dump.write(ONE)
        dump.seek(100_000_000)
        dump.write("\n" + TWO)
    code = """
import sys, citesift
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
citesift.schema()
before = peak()
tables = citesift.parse_file(sys.argv[1], max_page="1MiB")
print(sum(table.num_rows for table in tables), peak() - before)
"""
    command = [sys.executable, "-c", code, str(path)]
    pages, kibibytes = subprocess.run(command, check=True, capture_output=True).stdout.split()
    assert int(pages) == 1
    assert int(kibibytes) < 50_000


def parsing_threads() -> int:
    """Engines that other tests start have threads of their own."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            names.append(task.joinpath("comm").read_text())
    return names.count("citesift\n")


def test_tables_of_other_libraries_are_taken() -> None:
    polars = pytest.importorskip("polars", reason="NOT CHECKED: polars is not installed")
    frame = polars.DataFrame({"text": [ONE, TWO]})
    found = citesift.parse_batch(frame)
    assert found == citesift.parse_batch(pa.table({"text": [ONE, TWO]}))
    assert polars.from_arrow(found)["doi"].to_list() == ["10.5555/one", "10.5555/two"]


def test_columns_of_other_libraries_without_a_type_are_null() -> None:
    polars = pytest.importorskip("polars", reason="NOT CHECKED: polars is not installed")
    nothing = polars.Series([None, None], dtype=polars.Null)
    frame = polars.DataFrame({"text": [ONE, TWO], "url": nothing, "more": nothing})
    found = citesift.parse_batch(frame)
    assert found == citesift.parse_batch(pa.table({"text": [ONE, TWO]}))
    outcomes = citesift.parse_batch(frame, text="more", outcomes=True)
    assert outcomes["reason"].to_pylist() == ["no_text"] * 2


def test_no_text_is_copied_on_its_way_out() -> None:
    settings = _native.Settings(["--emit=reports"])
    parsed = _native.parse_batch(
        pa.table({"text": [ONE]}), settings, path=None, record=None, outcomes=False
    )
    one, other = pa.record_batch(parsed), pa.record_batch(parsed)
    title = one.schema.get_field_index("title")
    assert one.column(title).buffers()[2].address == other.column(title).buffers()[2].address
