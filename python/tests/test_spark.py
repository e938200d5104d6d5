"""The adapter on Sail, which runs Spark's DataFrames without Java: the records of the program.

With ``CITESIFT_SPARK_MASTER=local[2]`` it is tested on the PySpark that is installed instead.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import citesift
import pyarrow as pa
import pyarrow.parquet
import pytest
from citesift import Dedup, Emit
from citesift.spark import Pages, clean, ndjson, summary
from citesift.spark._listing import sees_disk
from citesift.spark._order import Order, of_number, of_text
from citesift.spark._paths import is_within, named, on_disk
from citesift.spark._shares import _bytes
from citesift.spark._workers import Columns, Files
from conftest import SAMPLES, Case, as_python, cases, dump_of, lines, needed, page, printed
from test_tables import FILES, TEXTS

# PySpark 3.5 leaves the sockets that results come through to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

SCOPES: list[Dedup] = ["off", "page", "run", "text"]
# Of one file, and not told of where Spark passes over it.
CASES = [
    case
    for case in cases()
    if len(case.inputs) == 1
    and (case.folder / case.inputs[0]).is_file()
    and "limit" not in case.options
]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    needed("pyspark")
    from pyspark.sql import SparkSession

    if master := os.environ.get("CITESIFT_SPARK_MASTER"):
        # Else its workers are the first `python3` of the path, which may lack the package.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master(master).config("spark.sql.shuffle.partitions", "2")
        yield (session := builder.config("spark.ui.enabled", "false").getOrCreate())
        session.stop()
        return
    needed("pysail")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _, port = server.listening_address
    session = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create()
    yield session
    # In this order: a session whose server is gone asks for it for ten minutes.
    session.stop()
    server.stop()


def written(records: Any) -> list[str]:
    """The lines of records."""
    return values(ndjson(records))


def values(lines: Any) -> list[str]:
    """The lines, in an order of their own, for engines give none."""
    assert lines.columns == ["value"]
    return sorted(row.value for row in lines.collect())


def of_run(path: Any, **options: Any) -> tuple[list[str], dict[str, Any]]:
    """What a run of the program's pipeline gives."""
    run = citesift.clean(path, **options)
    found: list[dict[str, Any]] = []
    try:
        for record in run:
            found.append(record)
    except citesift.ReadError:
        pass
    assert run.summary is not None
    return sorted(lines(found)), run.summary


def check_accounting(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Every figure is the program's, and together they are all that was read."""
    for group in ("bytes", "pages", "blocks"):
        assert found[group] == {name: expected[group][name] for name in found[group]}
    assert found["rejects"] == expected["rejects"]
    assert found["not_read"] == expected["not_read"]
    assert found["lines"] == expected["drift"]["lines"]
    assert found["unrecognized_lines"] == expected["unrecognized_lines"]
    assert found["read_errors"] == len(expected["read_errors"])
    blocks, read = found["blocks"], found["bytes"]
    assert blocks["seen"] == sum(blocks[name] for name in blocks if name != "seen")
    assert read["read"] == sum(read[name] for name in read if name != "read")


def check_faults(outcomes: Any, expected: dict[str, Any]) -> None:
    """Each file that could not be read is told as the program does."""
    told = [row.reject for row in outcomes.where("outcome = 'fault'").collect()]
    assert sorted((reject.source.path, reject.message) for reject in told) == sorted(
        (error["path"], error["message"]) for error in expected["read_errors"]
    )


def test_so_many_cases_are_compared() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_gives_the_expected_lines(
    case: Case, spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(case.folder)
    options = dict(case.options)
    emit = options.pop("emit", "reports")
    [name] = case.inputs
    pages = Pages.files(spark, name, **options)
    # `meta` too is written as in the input.
    assert written(pages.records(emit)) == sorted(case.expected())
    assert values(pages.lines(emit)) == sorted(case.expected())


@pytest.mark.parametrize("emit", ["reports", "statements"])
@pytest.mark.parametrize("dedup", SCOPES)
def test_all_samples_together_give_what_a_run_gives(dedup: Dedup, emit: Emit, spark: Any) -> None:
    folder = str(SAMPLES / "option-dedup-run")
    pages = Pages.files(spark, folder, dedup=dedup, near=0.5)
    expected, figures = of_run(folder, dedup=dedup, emit=emit, near=0.5)
    found = pages.records(emit)
    assert found.columns == citesift.schema(emit).names[2:]
    assert written(found) == expected
    assert values(pages.lines(emit)) == expected
    check_accounting(summary(pages.outcomes()), figures)


def invented(seed: int, number: int) -> list[str]:
    """Pages on few papers, of few statements, some with no paper and some none at all."""
    chosen = random.Random(seed)
    found = []
    for _ in range(number):
        words = [f"Text {chosen.randrange(12)}." for _ in range(chosen.randrange(5))]
        paper = chosen.randrange(7)
        text = page(f"10.5555/{paper}", f"T{chosen.randrange(2)}", *words)
        found.append(text if paper else text.split("\n", 3)[3] if words else "Nothing.\n")
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dedup", ["run", "text"])
def test_repeats_across_many_files_are_removed_as_by_a_run(
    dedup: Dedup, seed: int, spark: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "dump"
    for number, part in enumerate(["b", "a/x", "a-b", "a", "B"]):
        (folder / part).mkdir(parents=True, exist_ok=True)
        dump_of(invented(seed * 10 + number, 30), folder / part / "pages.jsonl")
    pages = Pages.files(spark, str(folder), dedup=dedup)
    expected, figures = of_run(str(folder), dedup=dedup)
    assert figures["blocks"]["repeated_in_run"] > 50 and figures["pages"]["repeated"] > 0
    assert written(pages.records()) == expected
    check_accounting(summary(pages.outcomes()), figures)


@pytest.mark.parametrize("dedup", SCOPES)
def test_rows_in_any_order_give_what_a_run_over_them_gives(
    dedup: Dedup, spark: Any, tmp_path: Path
) -> None:
    texts = invented(99, 80)
    path = dump_of(texts, tmp_path / "dump.jsonl")
    rows = [(number, str(path), str(number + 1), text) for number, text in enumerate(texts)]
    random.Random(1).shuffle(rows)
    df = spark.createDataFrame(rows, "n bigint, file string, line string, body string")
    options: dict[str, Any] = {"path": "file", "order": ["file", "n"], "dedup": dedup}
    records = clean(df.repartition(7), "body", record="line", **options)
    expected, _ = of_run(str(path), dedup=dedup)
    # Where a row stands in its file is what a DataFrame does not know.
    unplaced = [json.loads(line) for line in written(records)]
    known = [json.loads(line) for line in expected]
    for record in unplaced + known:
        record["source"] = {"path": record["source"]["path"]}
    assert sorted(lines(unplaced)) == sorted(lines(known))
    pages = Pages.rows(df, "body", record="line", **options)
    figures = summary(pages.outcomes())
    assert figures["blocks"]["kept"] == sum(len(record["statements"]) for record in known)
    assert figures["pages"]["emitted"] == len(known)


def test_without_an_order_rows_are_taken_as_they_are_read(spark: Any, tmp_path: Path) -> None:
    texts = invented(3, 40)
    pyarrow.parquet.write_table(pa.table({"text": texts}), tmp_path / "pages.parquet")
    df = spark.read.parquet(str(tmp_path / "pages.parquet"))
    found = [json.loads(line) for line in written(clean(df, dedup="run"))]
    [path] = [dump_of(texts, tmp_path / "dump.jsonl")]
    known = [json.loads(line) for line in of_run(str(path), dedup="run")[0]]
    for record in found + known:
        del record["source"]
    assert sorted(lines(found)) == sorted(lines(known))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("dedup", ["page", "run"])
def test_damage_and_all_else_is_accounted_for(
    name: str, dedup: Dedup, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, content = FILES[name]
    monkeypatch.chdir(tmp_path)
    Path(path).write_bytes(content)
    options: dict[str, Any] = {"dedup": dedup, "max_page": 4096}
    pages = Pages.files(spark, path, **options)
    rejects: list[dict[str, Any]] = []
    expected, figures = of_run(path, rejects=rejects.append, **options)
    assert written(pages.records()) == expected
    outcomes = pages.outcomes()
    check_accounting(summary(outcomes), figures)
    told = outcomes.where("outcome = 'rejected'").collect()
    assert sorted(lines(row.reject.asDict(recursive=True) for row in told)) == sorted(
        lines(rejects)
    )


@pytest.mark.parametrize("dedup", SCOPES)
def test_large_files_are_shared_and_give_what_a_run_gives(
    dedup: Dedup, spark: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "dump"
    folder.mkdir()
    long = page("10.5555/l", "L" * 3000)
    texts = invented(11, 60) + [long] + invented(12, 60)
    (folder / "text.txt").write_text("\n".join(texts))
    (folder / "text.txt.gz").write_bytes(gzip.compress("".join(texts).encode(), 0))
    dump_of([*texts, long * 2, "x" * 9000, *texts], folder / "lines.jsonl")
    (folder / "small.txt").write_text(texts[0])
    pyarrow.parquet.write_table(pa.table({"text": texts}), folder / "rows.parquet")
    options: dict[str, Any] = {"dedup": dedup, "max_page": 2000}
    rejects: list[dict[str, Any]] = []
    expected, figures = of_run(str(folder), rejects=rejects.append, **options)
    spark.conf.set("spark.sql.files.maxPartitionBytes", "2kb")
    try:
        pages = Pages.files(spark, str(folder), **options)
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
    assert 30 < pages._df.where("start > 0").count() < 300
    assert pages._df.where("start is null").count() == 1
    assert written(pages.records()) == values(pages.lines()) == expected
    outcomes = pages.outcomes()
    check_accounting(summary(outcomes), figures)
    told = [
        row.reject.asDict(recursive=True) for row in outcomes.where("reject is not null").collect()
    ]
    assert {reject["source"]["line"] for reject in rejects} > {None, 61}
    assert sorted(lines(told)) == sorted(lines(rejects))


UNREAD = {
    "array.json": b'[{"text": "a"},\n' + b'{"text": "b"},\n' * 300 + b'{"text": "c"}]',
    "wide.txt": "text\n".encode("utf-16") * 500,
    "archive.7z": b"7z\xbc\xaf\x27\x1c".ljust(4096, b"\0"),
    "archive.rar": b"Rar!\x1a\x07\x01\0".ljust(4096, b"\0"),
    "rows.avro": b"Obj\x01".ljust(4096, b"\0"),
    "cut.gz": gzip.compress(os.urandom(8000))[:4096],
}


def test_large_files_of_kinds_that_are_not_read_are_faults_as_of_a_run(
    spark: Any, tmp_path: Path
) -> None:
    from citesift.spark.__main__ import main

    folder = tmp_path / "dump"
    folder.mkdir()
    dump_of(TEXTS, folder / "lines.jsonl")
    for name, content in UNREAD.items():
        (folder / name).write_bytes(content)
    expected, figures = of_run(str(folder))
    assert expected and len(figures["read_errors"]) == len(UNREAD)
    spark.conf.set("spark.sql.files.maxPartitionBytes", "2kb")
    try:
        pages = Pages.files(spark, str(folder))
        assert main([str(folder), str(tmp_path / "out")], spark) == 1
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
    assert written(pages.records()) == expected
    outcomes = pages.outcomes()
    check_accounting(summary(outcomes), figures)
    check_faults(outcomes, figures)
    assert spark.read.parquet(f"{tmp_path}/out/records").count() == len(expected)


def test_a_bound_on_shares_is_read_as_spark_writes_it() -> None:
    sizes = {"134217728b": 128 << 20, "2kb": 2048, "16m": 16 << 20, " 1G": 1 << 30, "7": 7}
    assert {size: _bytes(size) for size in sizes} == sizes
    with pytest.raises(ValueError, match="maxPartitionBytes: '1.5g' is no size"):
        _bytes("1.5g")


def test_a_file_that_cannot_be_opened_ends_the_task(tmp_path: Path) -> None:
    options = {"format": "auto", "keep": (), "dedup": "page"}
    asked = Columns("reports", ("doi",), False)
    worker = Files(str(tmp_path), str(tmp_path), options, asked)
    with pytest.raises(FileNotFoundError, match=r"a\.txt"):
        list(worker([pa.record_batch({"path": [f"file:{tmp_path}/a.txt"]})]))


def test_names_of_files_may_be_anything(spark: Any, tmp_path: Path) -> None:
    folder = tmp_path / "du mp"
    folder.mkdir()
    for number, name in enumerate(["a b", "é%20", "c#1", "x+y?", "%", "q&'\""]):
        (folder / f"{name}.txt").write_text(page(f"10.5555/{number}", name))
    expected, _ = of_run(str(folder))
    assert len(expected) == 6
    assert written(Pages.files(spark, str(folder)).records()) == expected


NAMES = [
    "a=b.txt",
    "day=1/x.txt",
    "day=2/hour=3",
    "path=1/length=2",
    "_hidden.txt",
    ".hidden/x.txt",
    "_k=v/.x",
    "x._COPYING_",
    "[a]{b,c}*?/x.txt",
    "back\\slash",
    "a/x",
    "a-b",
]


@pytest.mark.parametrize("dedup", ["page", "run"])
def test_all_files_of_a_folder_are_read(dedup: Dedup, spark: Any, tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(page(f"10.5555/{number % 5}", name, "Same.", f"{number}."))
    with open(os.fsencode(tmp_path / "x") + b"\xff.txt", "wb") as file:
        file.write(TEXTS[0].encode())
    expected, figures = of_run(str(tmp_path), dedup=dedup)
    assert len(expected) == len(NAMES) + 1
    pages = Pages.files(spark, tmp_path, dedup=dedup)
    assert written(pages.records()) == expected
    check_accounting(summary(pages.outcomes()), figures)


@pytest.mark.parametrize("of_file", [False, True])
@pytest.mark.parametrize("root", ["crawl[1]", "{a,b}", "st*r", "q?x", "c:1", "_h", ".h", "k=v"])
def test_a_folder_or_file_of_any_name_is_read(
    root: str, of_file: bool, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate([root, "crawl1", "a", "b", "star", "qxx"]):
        path = Path(name) if of_file else Path(name, "x.txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text(page(f"10.5555/{number}", name))
    [expected] = of_run(root)[0]
    assert written(Pages.files(spark, root).records()) == [expected]
    [whole] = of_run(str(tmp_path / root))[0]
    assert written(Pages.files(spark, f"file://{tmp_path / root}").records()) == [
        whole.replace(str(tmp_path), f"file://{tmp_path}")
    ]


@pytest.mark.parametrize("dedup", ["page", "run"])
def test_what_cannot_be_listed_is_told_as_by_a_run(
    dedup: Dedup, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, aside = tmp_path / "dump", tmp_path / "aside"
    (folder / "sub").mkdir(parents=True)
    aside.mkdir()
    for path in (folder / "sub/a.txt", aside / "b.txt"):
        path.write_text(TEXTS[0])
    links = {"loop": ".", "sub/back": str(folder), "broken": "nowhere", "twice": "sub"}
    for name, target in (links | {"aside": str(aside)}).items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe")
    (closed := folder / "closed").mkdir(0)
    monkeypatch.chdir(tmp_path)
    for called in (str(folder), "dump", "./dump/"):
        expected, figures = of_run(called, dedup=dedup)
        assert len(figures["read_errors"]) == (4 if os.geteuid() == 0 else 5)
        pages = Pages.files(spark, called, dedup=dedup)
        assert written(pages.records()) == expected
        outcomes = pages.outcomes()
        check_accounting(summary(outcomes), figures)
        check_faults(outcomes, figures)
    closed.rmdir()


@pytest.mark.parametrize("name", ["t[1]", "t=1", "_t", "t a%20b#c", "t*{a,b}?"])
def test_a_disk_is_seen_whatever_the_folder_for_temporary_files_is_called(
    name: str, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / name))
    assert sees_disk(spark, "")
    assert sees_disk(spark, "file://")


def test_a_folder_on_a_disk_is_listed_whatever_its_scheme_is_written_in(
    spark: Any, tmp_path: Path
) -> None:
    (tmp_path / ".a.txt").write_text(TEXTS[0])
    for scheme in ("file://", "FILE://", "File:"):
        assert Pages.files(spark, f"{scheme}{tmp_path}").records().count() == 1


def test_an_input_that_is_neither_a_file_nor_a_folder_is_refused(
    spark: Any, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/null")):
        with pytest.raises(ValueError, match=f"^folder: {path} is neither a file nor a folder"):
            Pages.files(spark, path)


def test_what_the_engine_has_to_list_is_refused_where_it_passes_over_it(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_a.txt", ".a.txt", "a._COPYING_"):
        (tmp_path / name).write_text(TEXTS[0])
    monkeypatch.setattr("citesift.spark._pages.sees_disk", lambda *_: False)
    for name in ("_a.txt", ".a.txt", "a._COPYING_"):
        with pytest.raises(FileNotFoundError, match=re.escape(name)):
            Pages.files(spark, str(tmp_path / name))
    for root in ("s3a://bucket/crawl[1]", "s3a://bucket/*", str(tmp_path / "{a,b}")):
        with pytest.raises(ValueError, match="for a pattern"):
            Pages.files(spark, root)
    (tmp_path / "b.txt").write_text(TEXTS[0])
    pages = Pages.files(spark, str(tmp_path))
    assert written(pages.records()) == of_run(str(tmp_path / "b.txt"))[0]


def test_files_of_other_stores_are_sent(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(TEXTS))
    (tmp_path / "b.parquet").write_bytes((SAMPLES / "container-parquet/input.parquet").read_bytes())
    (tmp_path / "c.zip").write_bytes((SAMPLES / "container-zip/input.zip").read_bytes())
    expected, figures = of_run(str(tmp_path), dedup="run")
    here = Pages.files(spark, str(tmp_path), dedup="run")
    sent = spark.read.format("binaryFile").load(str(tmp_path)).select("path", "content")
    pages = Pages(sent, here._hires, "run")
    assert written(pages.records()) == written(here.records()) == expected
    check_accounting(summary(pages.outcomes()), figures)


def test_a_parquet_file_is_read_in_pieces(spark: Any, tmp_path: Path) -> None:
    texts = invented(5, 1100)
    path = str(tmp_path / "pages.parquet")
    pyarrow.parquet.write_table(pa.table({"text": texts}), path, row_group_size=300)
    pages = Pages.files(spark, path, dedup="run")
    expected, figures = of_run(path, dedup="run")
    assert written(pages.records()) == expected
    check_accounting(summary(pages.outcomes()), figures)


def test_what_is_wrong_is_an_error_that_names_it(spark: Any) -> None:
    df = spark.createDataFrame([(TEXTS[0], None, 1.5)], "text string, n bigint, f double")
    with pytest.raises(ValueError, match="there is no column 'body'"):
        clean(df, "body")
    with pytest.raises(ValueError, match="there is no column 'at'"):
        clean(df, order="at", dedup="run")
    wrong: Any
    for wrong in (None, 3, ["n", 3]):
        with pytest.raises(TypeError, match="^order: a column's name or several are needed"):
            clean(df, order=wrong, dedup="run")
    for wrong in (b"dump", 3, None):
        with pytest.raises(TypeError, match="^folder: a path is needed"):
            Pages.files(spark, wrong)
    for wrong in (lambda **options: clean(df, **options), partial(Pages.files, spark, "dump")):
        with pytest.raises(TypeError, match="^dedup: None is no value of it"):
            wrong(dedup=None)
    for order, message in (("n", "has a null"), ("f", "holds float; cast it")):
        with pytest.raises(Exception, match=message):
            clean(df, order=order, dedup="run").collect()


def test_columns_are_found_as_the_session_finds_them(spark: Any) -> None:
    address = "https://scite.ai/reports/a-1"
    df = spark.createDataFrame([(TEXTS[0], address, 1)], "Text string, URL string, n bigint")
    for name in ("text", "TEXT"):
        [row] = clean(df, name, order="N", dedup="run").collect()
        assert row.url == address
    twice = df.withColumnRenamed("n", "url")
    with pytest.raises(ValueError, match=r"'url' is any of the columns \['URL', 'url'\]"):
        clean(twice)
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        with pytest.raises(ValueError, match="there is no column 'text'"):
            clean(df)
        assert [row.url for row in clean(df, "Text").collect()] == [None]
    finally:
        spark.conf.unset("spark.sql.caseSensitive")


def test_names_of_columns_may_be_anything(spark: Any) -> None:
    names = ["content.body", "u`r``l", "a b", "é-1", "where"]
    columns = ", ".join(f"`{name.replace('`', '``')}` string" for name in names)
    address = "https://scite.ai/reports/a-1"
    df = spark.createDataFrame([(TEXTS[0], address, "x", "y", "z")], columns)
    body, url, path, record, order = names
    for dedup in SCOPES:
        for placed in ((), order):
            records = clean(df, body, url, dedup, path=path, record=record, order=placed)
            [row] = records.collect()
            assert (row.url, row.source.path, row.source.record) == (address, "x", "y")


def test_rows_that_the_order_does_not_tell_apart_are_an_error(spark: Any) -> None:
    rows = [(TEXTS[0], "a", 1), (TEXTS[1], "a", 2), (TEXTS[5], "b", 1), ("no page", "a", 1)]
    df = spark.createDataFrame(rows, "text string, file string, n bigint")
    message = "order: rows are the same in file; name columns that tell all rows apart"
    pages = Pages.rows(df, order="file", dedup="run")
    for asked in (pages.records(), pages.outcomes()):
        with pytest.raises(Exception, match=message):
            asked.collect()
    assert clean(df, order="file").count() == 3
    assert clean(df, order=["file", "n"], dedup="run").count() == 3


def test_places_compare_as_their_columns_do() -> None:
    texts = ["", "\0", "\0\0", "a", "a\0", "a\0b", "a-b", "a/b", "ab", "é", "\U0001f600"]
    numbers = [-(1 << 63), -2, -1, 0, 1, 255, 256, (1 << 63) - 1]
    rows = [(text, number) for text in sorted(texts, key=str.encode) for number in numbers]
    batch = pa.record_batch({"t": [t for t, _ in rows], "n": pa.array([n for _, n in rows])})
    places = Order(("t", "n")).places(batch)
    assert places == sorted(places)
    assert len(set(places)) == len(rows)
    assert places[0] == of_text("") + of_number(-(1 << 63))


@pytest.mark.parametrize(
    ("address", "folder", "root", "expected"),
    [
        ("file:/data/dump/a b.txt", "dump", "/data/dump", "dump/a b.txt"),
        ("file:///data/dump/x/y.txt", "dump/", "/data/dump", "dump/x/y.txt"),
        ("data/dump/a.txt", "/data/dump", "/data/dump", "/data/dump/a.txt"),
        ("hdfs://name:8020/dump/a.txt", "/dump", "/dump", "/dump/a.txt"),
        ("s3a://bucket/dump/a.txt", "s3a://bucket/dump", "s3a://bucket/dump", None),
        ("file:/data/a.txt", "a.txt", "/data/a.txt", "a.txt"),
    ],
)
def test_paths_are_those_that_the_program_says(
    address: str, folder: str, root: str, expected: str | None
) -> None:
    assert named(address, folder, root) == (expected or address)


def test_only_files_on_a_disk_are_read_in_place() -> None:
    addresses = {
        "file:/data/a.txt": "/data/a.txt",
        "file:///data/a.txt": "/data/a.txt",
        "data/a.txt": "/data/a.txt",
        "/data/a:b.txt": "/data/a:b.txt",
        "a:b.txt": "/a:b.txt",
        "FILE:///data/a.txt": "/data/a.txt",
        "hdfs://name:8020/a.txt": None,
        "s3a://bucket/a.txt": None,
    }
    assert {address: on_disk(address) for address in addresses} == addresses


def test_a_path_elsewhere_is_an_error() -> None:
    with pytest.raises(ValueError, match="give the folder's whole address"):
        named("file:/other/a.txt", "dump", "/data/dump")


@pytest.mark.parametrize("to", ["parquet", "ndjson"])
def test_the_command_writes_records_outcomes_and_figures(
    to: str, spark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from citesift.spark.__main__ import main

    folder, out = str(SAMPLES / "option-dedup-run"), tmp_path / "out"
    status = main([folder, str(out), "--dedup", "run", "--to", to], spark)
    assert status == 0
    expected, figures = of_run(folder, dedup="run")
    if to == "parquet":
        found = written(spark.read.parquet(f"{out}/records"))
    else:
        found = sorted(row.value for row in spark.read.text(f"{out}/records").collect())
    assert found == expected
    [line] = spark.read.text(f"{out}/summary").collect()
    check_accounting(json.loads(line.value), figures)
    assert json.loads(capsys.readouterr().err) == json.loads(line.value)


def test_the_command_says_of_an_input_that_it_is_damaged_or_missing(
    spark: Any, tmp_path: Path
) -> None:
    from citesift.spark.__main__ import main

    path, content = FILES["lines"]
    (tmp_path / path).write_bytes(content)
    assert main([str(tmp_path / path), str(tmp_path / "out")], spark) == 1
    with pytest.raises(FileNotFoundError, match="none"):
        main([str(tmp_path / "none"), str(tmp_path / "out")], spark)


WRONG: list[dict[str, Any]] = [{"near": 2.0}, {"max_page": "x"}, {"dedup": "x"}]


@pytest.mark.parametrize("options", [*WRONG, {"format": "docx"}, {"keep": [""]}])
def test_wrong_options_are_an_error_before_anything_is_done(
    options: dict[str, Any], spark: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(TEXTS[0])
    [option] = options
    with pytest.raises(ValueError, match=option.replace("_", "[_-]")):
        Pages.files(spark, str(tmp_path), **options)
    if options in WRONG:
        with pytest.raises(ValueError, match=option.replace("_", "[_-]")):
            Pages.rows(spark.read.text(str(tmp_path)), "value", **options)


@pytest.mark.parametrize("flag", ["--near=2", "--max-page=x", "--format=docx", "--keep="])
def test_the_command_says_a_wrong_flag_in_a_line_and_writes_nothing(
    flag: str, spark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from citesift.spark.__main__ import main

    (tmp_path / "a.txt").write_text(TEXTS[0])
    assert main([str(tmp_path / "a.txt"), str(tmp_path / "out"), flag], spark) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("citesift.spark: ") and flag.split("=")[0] in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("read", "out"),
    [
        ("dump", "dump/out"),
        ("dump", "link/out"),
        ("dump", "dump"),
        ("dump", "."),
        ("dump", "away/../dump/out"),
        ("dump", "link/../out"),
        ("dump", "FILE://{here}/dump/out"),
        ("File:{here}/dump", "dump/out"),
    ],
)
def test_the_command_refuses_an_output_that_is_in_its_input_or_around_it(
    read: str,
    out: str,
    spark: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from citesift.spark.__main__ import main

    monkeypatch.chdir(tmp_path)
    Path("dump").mkdir()
    Path("dump/a.txt").write_text(TEXTS[0])
    Path("dump/in").mkdir()
    Path("link").symlink_to("dump/in")
    Path("aside/far").mkdir(parents=True)
    Path("away").symlink_to("aside/far")
    before = sorted(tmp_path.rglob("*"))
    assert main([read.format(here=tmp_path), out.format(here=tmp_path)], spark) == 2
    assert capsys.readouterr().err.startswith("citesift.spark: output: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_places_are_compared_in_whole_parts() -> None:
    assert is_within("s3a://b/dump/out", "s3a://b/dump/")
    assert not is_within("s3a://b/dump-2", "s3a://b/dump")
    assert not is_within("s3a://c/dump/out", "s3a://b/dump")
    assert is_within("file:/data/dump/out", "/data/dump")
    assert not is_within("hdfs://n/data/dump/out", "/data/dump")
    assert is_within("hdfs://n/data/x/../dump/out", "hdfs://n/data/dump")
    assert not is_within("hdfs://n/data/dump/../out", "hdfs://n/data/dump")


@pytest.mark.parametrize("to", ["parquet", "ndjson"])
def test_the_command_tells_of_an_input_of_nothing(to: str, spark: Any, tmp_path: Path) -> None:
    from citesift.spark.__main__ import main

    for name, content in {"empty": b"", "gzip": gzip.compress(b"")}.items():
        (tmp_path / name).write_bytes(content)
        out = tmp_path / f"{name}-out"
        assert main([str(tmp_path / name), str(out), "--to", to], spark) == 0
        [line] = spark.read.text(f"{out}/summary").collect()
        check_accounting(json.loads(line.value), of_run(str(tmp_path / name))[1])


@pytest.mark.parametrize("document", ["README.md", "docs/src/spark.md"])
def test_the_documents_code_runs(
    document: str, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("pages", "dump"):
        (tmp_path / folder).mkdir()
    pyarrow.parquet.write_table(pa.table({"text": TEXTS}), "pages/a.parquet")
    Path("dump/a.txt").write_text("".join(TEXTS))
    rows = [{"crawl": "may", "n": n, "text": text} for n, text in enumerate(TEXTS)]
    Path("crawl.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code = re.findall(r"```python\n(.*?)```", (SAMPLES.parent / document).read_text(), re.DOTALL)
    found = [block for block in code if "spark" in block]
    assert found
    if master := os.environ.get("CITESIFT_SPARK_MASTER"):
        # The paths are relative, and Java does not follow os.chdir: it has to begin here.
        begin = "from pyspark.sql import SparkSession\n"
        begin += f"spark = SparkSession.builder.master({master!r}).getOrCreate()\n"
        subprocess.run([sys.executable, "-c", begin + "\n".join(found)], check=True)
    else:
        names: dict[str, Any] = {"spark": spark}
        for block in found:
            exec(compile(block, document, "exec"), names)
    assert spark.read.parquet(str(tmp_path / "reports")).count() == 6


@pytest.mark.parametrize("emit", ["reports", "statements"])
def test_lines_do_not_depend_on_the_order_of_columns_or_on_others(
    emit: Emit, spark: Any, tmp_path: Path
) -> None:
    from pyspark.sql import functions as F

    path = dump_of(TEXTS, tmp_path / "dump.jsonl")
    records = Pages.files(spark, str(path)).records(emit)
    expected = printed(str(path), emit=emit)
    others = records.select(*reversed(records.columns), F.lit(7).alias("source_row"))
    for is_large in ("false", "true"):
        spark.conf.set("spark.sql.execution.arrow.useLargeVarTypes", is_large)
        try:
            assert written(others) == sorted(expected)
        finally:
            spark.conf.unset("spark.sql.execution.arrow.useLargeVarTypes")


def test_lines_of_rows_are_made_where_they_are_parsed(spark: Any, tmp_path: Path) -> None:
    path = dump_of(TEXTS, tmp_path / "dump.jsonl")
    rows = [(str(path), str(number + 1), text) for number, text in enumerate(TEXTS)]
    df = spark.createDataFrame(rows, "file string, line string, text string")
    pages = Pages.rows(df, path="file", record="line")
    assert values(pages.lines()) == sorted(printed(str(path)))


def test_lines_have_meta_as_it_was_written(spark: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": TEXTS[0]})[:-1] + ',"score":0.50}\n')
    with pytest.raises(TypeError, match="a list of names"):
        Pages.files(spark, str(path), keep="score")
    [line] = written(Pages.files(spark, str(path), keep=["score"]).records())
    assert line.endswith(',"meta":{"score":0.50}}')
    assert as_python(line) != line
