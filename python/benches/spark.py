#!/usr/bin/env python3
"""Measures Spark around the parser: its processors' time, and what goes through its shuffle.

    maturin build --release --out wheels && pip install wheels/citesift-*.whl 'pyspark>=4,<4.2' 'pandas<3'
    python benches/spark.py

Two executors on this machine, each with one core, and tasks of 256 MiB. The time is that of the
processors, of an executor's Java and of its Python together, in a stage that reads, parses and
throws away: the keys alone, which are all that goes into the shuffle for ``dedup="run"``, whole
records, statements as rows, the program's lines, and these made of records that have gone through
Java. The native part's is that of the parser's thread inside the workers, and of the call that
makes lines. Java gets faster for many rounds, so the median is that of the second half.
Bytes shuffled are those that Spark says its tasks wrote for ``dedup="run"``, compressed as it
compresses them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import citesift
from citesift.spark import Pages, _ndjson, _repeats, summary
from citesift.spark._workers import Columns, Worker

sys.path.append(str(Path(__file__).resolve().parents[2] / "benches"))
from program import write_dump  # noqa: E402

LEAST = 0.6
# What is done with pages, and the function that is mapped over their records, if one is.
STAGES = {
    "keys": lambda pages, _: pages._keys(),
    "records": lambda pages, _: pages.records(),
    "statements": lambda pages, _: pages.records("statements"),
    "lines": lambda pages, _: pages.lines(),
    "ndjson": lambda pages, timed: pages.records().mapInArrow(timed(_ndjson._lines), _ndjson.VALUE),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dump", type=Path, help="file or folder; without it, 1 GB is written")
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dump = args.dump or write_dump(1_000_000_000, Path(folder) / "dump.txt")
        spark = session()
        for what in STAGES:
            share(spark, dump.resolve(), what, Path(folder), args.rounds)
        shuffled(spark, dump.resolve())
        spark.stop()


def session() -> Any:
    from pyspark.sql import SparkSession

    os.environ |= {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "PYSPARK_PYTHON": sys.executable,
    }
    return (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.files.maxPartitionBytes", "256m")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.execution.arrow.maxBytesPerBatch", 64 << 20)
        .config("spark.python.unix.domain.socket.enabled", "true")
        .getOrCreate()
    )


def share(spark: Any, dump: Path, what: str, folder: Path, rounds: int) -> None:
    """The native part of the executors' time."""
    shares = []
    for number in range(rounds):
        notes = folder / f"{what}-{number}"
        notes.mkdir()
        pages = Pages.files(spark, str(dump), dedup="run" if what == "keys" else "page")
        timed = partial(Timed, notes=str(notes))
        pages._hires = partial(hired, pages._hires, timed)
        df = STAGES[what](pages, timed)
        before = executors_time(spark)
        df.write.format("noop").mode("overwrite").save()
        java, python = (at - was for at, was in zip(executors_time(spark), before, strict=True))
        native = sum(float(note.read_text()) for note in notes.iterdir())
        shares.append(native / (java + python))
        print(f"{what:10} Java {java:.2f} s, Python {python:.2f} s, native {native:.2f} s of it")
    median = statistics.median(shares[len(shares) // 2 :])
    verdict = "" if median >= LEAST else f"  LESS THAN {LEAST}"
    print(f"{what:10} the native part is {median:.2f} of the executors' time{verdict}")


def shuffled(spark: Any, dump: Path) -> None:
    """What each statement that is read costs in the shuffle: its key alone, and with its page."""
    pages = Pages.files(spark, str(dump), dedup="run")
    blocks = summary(pages.outcomes())["blocks"]
    statements = blocks["seen"] - blocks["repeated_in_page"]
    jobs = {"keys": _repeats.verdicts(pages._keys()), "all": pages.records()}
    for what, job in jobs.items():
        before, spent = written(spark), sum(executors_time(spark))
        job.write.format("noop").mode("overwrite").save()
        size, spent = written(spark) - before, sum(executors_time(spark)) - spent
        each = f"{size / statements:.0f} a statement"
        print(f"{what:10} {size} bytes shuffled, {each}, in {spent:.2f} s of Java and Python")


def written(spark: Any) -> int:
    """Bytes that all stages so far wrote for others, as Spark's own pages tell."""
    context = spark.sparkContext
    time.sleep(2)  # Until the last tasks' figures are there.
    address = f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}/stages"
    with urllib.request.urlopen(address) as answer:
        return sum(stage["shuffleWriteBytes"] for stage in json.load(answer))


def executors_time(spark: Any) -> tuple[float, float]:
    """Seconds of processors' time of this session's executors: Java, and all that it started."""
    driver = f"@127.0.0.1:{spark.sparkContext.getConf().get('spark.driver.port')}".encode()
    ticks, parents, executors = {}, {}, set()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            stat = (process / "stat").read_text().rpartition(")")[2].split()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        pid = int(process.name)
        ticks[pid], parents[pid] = int(stat[11]) + int(stat[12]), int(stat[1])
        if b"CoarseGrainedExecutorBackend" in command and driver in command:
            executors.add(pid)
    java = sum(ticks[pid] for pid in executors)
    below = [pid for pid in ticks if pid not in executors and executors & set(above(pid, parents))]
    second = os.sysconf("SC_CLK_TCK")
    return java / second, sum(ticks[pid] for pid in below) / second


def above(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid in parents:
        yield pid
        pid = parents[pid]


def hired(hires: Any, timed: Any, *, asked: Columns) -> Worker:
    return timed(hires(asked=asked))


@dataclass(frozen=True)
class Timed:
    """Does what a worker does, and notes the native part's time."""

    worker: Worker
    notes: str

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        to_lines, spent = citesift.to_lines, []

        def timed(table: Any) -> Any:
            before = time.thread_time()
            lines = to_lines(table)
            spent.append(time.thread_time() - before)
            return lines

        citesift.to_lines = timed
        before = time.process_time() - time.thread_time()
        try:
            yield from self.worker(batches)
        finally:
            # The parser has a thread of its own, and there is no other beside Python's.
            spent.append(time.process_time() - time.thread_time() - before)
            Path(self.notes, f"{os.getpid()}-{time.monotonic_ns()}").write_text(str(sum(spent)))
            citesift.to_lines = to_lines


if __name__ == "__main__":
    main()
