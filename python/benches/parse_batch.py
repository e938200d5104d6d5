#!/usr/bin/env python3
"""Holds the time of `parse_batch` against that of the program, for the same pages in one thread.

    maturin build --release --out wheels && pip install wheels/citesift-*.whl
    python benches/parse_batch.py

The package must be a release build, as the program is that this builds. The time is the
processor's, all threads together: the program's is that of a whole run, from a dump in memory
to records that are thrown away; that of `parse_batch` begins with texts that are in tables
already. Each is the median of its rounds, which alternate.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

import citesift

sys.path.append(str(Path(__file__).resolve().parents[2] / "benches"))
from program import build, write_dump  # noqa: E402

LEAST = 0.8
PAGES_AT_ONCE = 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", help="a release build; without it, one is built")
    parser.add_argument("--dump", type=Path, help="plain text; without it, 100 MB are written")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    program = args.program or build()
    with tempfile.TemporaryDirectory() as folder:
        dump = args.dump or write_dump(100_000_000, Path(folder) / "dump.txt")
        measure(program, dump, Path(folder), args.rounds)


def measure(program: str, dump: Path, folder: Path, rounds: int) -> None:
    texts = pages_of(dump)
    as_lines = folder / "dump.jsonl"
    with as_lines.open("w") as lines:
        lines.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    chunks = [texts[at : at + PAGES_AT_ONCE] for at in range(0, len(texts), PAGES_AT_ONCE)]
    tables = [pa.record_batch({"text": chunk}) for chunk in chunks]
    size = sum(len(text.encode()) for text in texts)
    for emit in ("reports", "statements"):
        ways = {
            "program, text": lambda emit=emit: program_time(program, dump, emit),
            "program, jsonl": lambda emit=emit: program_time(program, as_lines, emit),
            "parse_batch": lambda emit=emit: tables_time(tables, emit),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, measured in ways.items():
                times[way].append(measured())
        medians = {way: statistics.median(found) for way, found in times.items()}
        for way, seconds in medians.items():
            print(f"{emit:10}  {way:15}  {seconds:.3f} s  {size / seconds / 1e6:6.0f} MB/s")
        for way in ("program, text", "program, jsonl"):
            ratio = medians[way] / medians["parse_batch"]
            verdict = "" if ratio >= LEAST else f"  LESS THAN {LEAST}"
            print(f"{emit:10}  parse_batch has {ratio:.2f} of the speed of {way}{verdict}")


def pages_of(dump: Path) -> list[str]:
    """The pages of a dump, as the pipeline finds them."""
    content = dump.read_bytes()
    places = [record["source"] for record in citesift.clean(dump)]
    ranges = [(place["offset"], place["offset"] + place["length"]) for place in places]
    return [content[start:end].decode() for start, end in ranges]


def program_time(program: str, dump: Path, emit: str) -> float:
    command = [program, "--quiet", "--threads", "1", "--emit", emit, str(dump)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def tables_time(tables: list[pa.RecordBatch], emit: citesift.Emit) -> float:
    before = time.process_time()
    for table in tables:
        citesift.parse_batch(table, emit=emit)
    return time.process_time() - before


if __name__ == "__main__":
    main()
