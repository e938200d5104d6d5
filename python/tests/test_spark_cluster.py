"""Spark with executors that are processes of their own: the program's records, also when one of
them is killed."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import citesift
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import dump_of, lines, lines_of, needed, page
from on_spark import SCOPES
from test_spark import check_accounting, invented

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "docs/src/spark.md"
CONF = {
    "driver.host": "127.0.0.1",
    "driver.bindAddress": "127.0.0.1",
    "ui.enabled": "false",
    "ui.showConsoleProgress": "false",
    "log.level": "ERROR",
    # Many tasks, so that one that is lost is one of several.
    "sql.files.maxPartitionBytes": "8m",
    "sql.shuffle.partitions": "4",
    # Spark itself can read no file: those on a disk are read there.
    "sql.sources.binaryFile.maxLength": "1",
    # Many tiny files are one task's.
    "sql.files.openCostInBytes": "16k",
}
# Bytes, files.
LARGE = (100_000_000, 3)
SMALL = (10_000_000, 8)
# Pages on one paper, in one file and in one file for each.
TOGETHER, ALONE = 20_000, 1000


class Jobs:
    """Folders of dumps, and the folder that holds what Spark made of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = built()
        for name, (size, files) in {"large": LARGE, "small": SMALL}.items():
            cut(dump(size, folder / "dump"), folder / name, files)
        (folder / "skew").mkdir()
        some = random.Random(5)
        texts = [on_one_paper(some) for _ in range(TOGETHER + ALONE)]
        dump_of(texts[:TOGETHER], folder / "skew/one.jsonl")
        for number, text in enumerate(texts[TOGETHER:]):
            (folder / f"skew/{number}.txt").write_text(text)
        self.texts = invented(7, 2000)
        random.Random(8).shuffle(numbers := list(range(len(self.texts))))
        (folder / "rows").mkdir()
        for part in range(4):
            chosen = numbers[part::4]
            table = pa.table({"n": chosen, "text": [self.texts[number] for number in chosen]})
            pyarrow.parquet.write_table(table, folder / "rows" / f"{part}.parquet")

    def run(self) -> None:
        loopback = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}
        # Jobs of seconds are over before what is compiled best pays.
        java = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
        # The executors' Python is nowhere but in the archive.
        python = {"PYSPARK_PYTHON": "./venv/bin/python", "PYSPARK_DRIVER_PYTHON": sys.executable}
        [pipe] = re.findall(r"^rdd\.pipe.*$", BOOK.read_text(), re.MULTILINE)
        pipe = pipe.replace("/usr/local/bin", str(Path(self.program).parent))
        # Without the mark that a session of Sail leaves for all that begin behind it.
        kept = {name: word for name, word in os.environ.items() if "SPARK" not in name}
        submit = [str(Path(sys.executable).with_name("spark-submit"))]
        submit += ["--master", "local-cluster[2,1,1024]", "--archives", f"{self.packed()}#venv"]
        for name, value in CONF.items():
            submit += ["--conf", f"spark.{name}={value}"]
        submit += [str(Path(__file__).with_name("on_spark.py"))]
        submit += ["large", "small", "skew", "rows", "out", pipe]
        subprocess.run(submit, cwd=self.folder, env=kept | loopback | java | python, check=True)

    def packed(self) -> Path:
        """An archive with a Python, which is this one under another name."""
        (self.folder / "venv/bin").mkdir(parents=True)
        python = self.folder / "venv/bin/python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        archive = self.folder / "venv.tar.gz"
        subprocess.run(["tar", "-czf", archive, "-C", self.folder / "venv", "."], check=True)
        return archive

    def of_program(self, folder: str, scope: str) -> tuple[list[str], dict[str, Any]]:
        command = [self.program, "--quiet", "--dedup", scope, folder, "--stats", "stats.json"]
        printed = subprocess.run(command, cwd=self.folder, check=True, capture_output=True).stdout
        figures = json.loads((self.folder / "stats.json").read_text())
        return sorted(lines_of(printed.decode())), figures

    def of_spark(self, folder: str) -> list[str]:
        parts = sorted((self.folder / "out" / folder).glob("part-*"))
        return sorted(line for part in parts for line in lines_of(part.read_bytes().decode()))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    needed("pyspark")
    needed("java")
    jobs = Jobs(tmp_path_factory.mktemp("spark"))
    jobs.run()
    return jobs


@pytest.mark.parametrize("scope", [*SCOPES, "run"])
def test_the_records_are_those_of_the_program(scope: str, jobs: Jobs) -> None:
    expected, figures = jobs.of_program("large", scope)
    assert len(expected) > 20_000
    # Sets, for a failure that lists them all says nothing.
    found = jobs.of_spark(f"{scope}/records")
    assert len(found) == len(expected)
    assert not set(found) ^ set(expected)
    [summary] = jobs.of_spark(f"{scope}/summary")
    check_accounting(json.loads(summary), figures)
    assert (figures["blocks"]["repeated_in_run"] > 1000) == (scope in ("run", "text"))


@pytest.mark.parametrize("moment", ["keys", "records"])
def test_a_killed_executor_changes_nothing(moment: str, jobs: Jobs) -> None:
    assert (jobs.folder / "out" / f"killed-an-executor-for-{moment}").exists()
    expected, figures = jobs.of_program("small", "run")
    assert figures["pages"]["repeated"] > 10
    found = jobs.of_spark(f"killed-{moment}")
    assert len(found) == len(expected)
    assert not set(found) ^ set(expected)


def test_one_paper_on_very_many_pages_and_tiny_files_are_like_any_others(jobs: Jobs) -> None:
    expected, figures = jobs.of_program("skew", "run")
    assert figures["pages"]["repeated"] > 0.9 * (TOGETHER + ALONE)
    assert jobs.of_spark("skew") == expected
    # A task sends each key once, so nobody gets all pages of a paper.
    *_, parsing, paths = (jobs.folder / "out/plan").read_text().split("Exchange")
    assert "partial_min(place" in parsing and "MapInArrow" in parsing
    assert "MapInArrow" not in paths


def test_the_recipe_that_pipes_partitions_through_the_program_gives_records(jobs: Jobs) -> None:
    printed, _ = jobs.of_program("skew/one.jsonl", "page")
    assert len(printed) == TOGETHER
    expected = [json.loads(line) | {"source": None} for line in printed]
    found = [json.loads(line) | {"source": None} for line in jobs.of_spark("piped")]
    assert sorted(lines(found)) == sorted(lines(expected))


def test_rows_give_what_a_run_gives_in_their_order(jobs: Jobs, tmp_path: Path) -> None:
    run = citesift.clean(dump_of(jobs.texts, tmp_path / "dump.jsonl"), dedup="run")
    expected = [record | {"source": None} for record in run]
    assert 100 < len(expected) < 1900
    found = [json.loads(line) | {"source": None} for line in jobs.of_spark("rows")]
    assert sorted(lines(found)) == sorted(lines(expected))
    # In whichever order, each statement is there once.
    found = [json.loads(line) for line in jobs.of_spark("rows-as-read")]
    assert sorted(statements(found)) == sorted(statements(expected))
    assert "order: rows are the same in half" in (jobs.folder / "out/tied").read_text()


def statements(records: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Which they are, wherever."""
    return [(record["doi"] or "", s["text"]) for record in records for s in record["statements"]]


def on_one_paper(some: random.Random) -> str:
    return page("10.5555/one", "One", *(f"Text {some.randrange(500)}." for _ in range(2)))


# Those that the README's test command builds.
FEATURES = ["--features", "cloud,failpoints"]


def built() -> str:
    """The program that these sources are."""
    subprocess.run(["cargo", "build", "--quiet", "--locked", *FEATURES], cwd=ROOT, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    found = subprocess.run(metadata, cwd=ROOT, check=True, capture_output=True).stdout
    return str(Path(json.loads(found)["target_directory"]) / "debug" / "citesift")


def dump(size: int, path: Path) -> Path:
    """A dump of invented pages."""
    write = ["cargo", "test", "--quiet", "--locked", *FEATURES, "--bench", "end_to_end", "--"]
    subprocess.run([*write, "--write-dump", str(size), str(path)], cwd=ROOT, check=True)
    return path


def cut(dump: Path, folder: Path, files: int) -> None:
    """Cuts a dump into files, wherever that is: what is no page then is none to both."""
    folder.mkdir()
    size = dump.stat().st_size // files + 1
    with dump.open("rb") as whole:
        for number in range(files):
            (folder / f"{number:02}.txt").write_bytes(whole.read(size))
    dump.unlink()


_EXPLAINED = """
import sys
from pyspark.sql import SparkSession
from citesift.spark import Pages

spark = SparkSession.builder.remote("local[1]").config("spark.ui.enabled", "false").getOrCreate()
Pages.files(spark, sys.argv[1], dedup="run").records().explain()
"""


def test_what_stays_is_not_sent_to_every_task_by_a_remote_session(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("2012\nDOI: 10.5555/x\n|Cite\n")
    run = [sys.executable, "-c", _EXPLAINED, str(tmp_path)]
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable}
    explained = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert "SortMergeJoin" in explained.stdout, explained.stderr
