"""Spark with executors that are processes of their own: the program's records, also when one of
them is killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import citesift
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import dump_of, lines, lines_of, needed
from on_spark import SCOPES
from test_spark import check_accounting, invented

ROOT = Path(__file__).resolve().parents[2]
# Bytes, files.
LARGE = (100_000_000, 16)
SMALL = (10_000_000, 8)


class Jobs:
    """Folders of dumps, and the folder that holds what Spark made of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = built()
        for name, (size, files) in {"large": LARGE, "small": SMALL}.items():
            cut(dump(size, folder / "dump"), folder / name, files)
        self.texts = invented(7, 2000)
        random.Random(8).shuffle(numbers := list(range(len(self.texts))))
        (folder / "rows").mkdir()
        for part in range(4):
            chosen = numbers[part::4]
            table = pa.table({"n": chosen, "text": [self.texts[number] for number in chosen]})
            pyarrow.parquet.write_table(table, folder / "rows" / f"{part}.parquet")

    def run(self) -> None:
        """All jobs in one session, which takes longer to start than most of them."""
        script = Path(__file__).with_name("on_spark.py")
        loopback = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}
        python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
        command = [sys.executable, str(script), "large", "small", "rows", "out"]
        # Without the mark that a session of Sail leaves for all that begin behind it.
        kept = {name: word for name, word in os.environ.items() if "SPARK" not in name}
        subprocess.run(command, cwd=self.folder, env=kept | loopback | python, check=True)

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


@pytest.mark.parametrize("scope", SCOPES)
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


def test_rows_give_what_a_run_gives_in_their_order(jobs: Jobs, tmp_path: Path) -> None:
    run = citesift.clean(dump_of(jobs.texts, tmp_path / "dump.jsonl"), dedup="run")
    expected = [record | {"source": None} for record in run]
    assert 100 < len(expected) < 1900
    found = [json.loads(line) | {"source": None} for line in jobs.of_spark("rows")]
    assert sorted(lines(found)) == sorted(lines(expected))
    # In whichever order, each statement is there once.
    found = [json.loads(line) for line in jobs.of_spark("rows-as-read")]
    assert sorted(statements(found)) == sorted(statements(expected))


def statements(records: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Which they are, wherever."""
    return [(record["doi"] or "", s["text"]) for record in records for s in record["statements"]]


def built() -> str:
    """The program that these sources are."""
    subprocess.run(["cargo", "build", "--quiet", "--locked"], cwd=ROOT, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    found = subprocess.run(metadata, cwd=ROOT, check=True, capture_output=True).stdout
    return str(Path(json.loads(found)["target_directory"]) / "debug" / "citesift")


def dump(size: int, path: Path) -> Path:
    """A dump of invented pages."""
    write = ["cargo", "test", "--quiet", "--locked", "--bench", "end_to_end", "--"]
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
