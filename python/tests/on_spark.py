"""What `test_spark_cluster.py` submits: jobs on a Spark of many processes, in one session, which
takes longer to start than most of them.

It is given three folders of dumps, one of Parquet with a page in each row, one to write to, and the
line of the book that runs the program. Sail's session and Spark's own cannot be in one process, for
functions on columns belong to one of them.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from citesift.spark import Pages, _repeats, clean, ndjson
from citesift.spark import __main__ as spark_main
from citesift.spark._workers import Files

# One more is run as it is submitted itself.
SCOPES = ("off", "page", "text")


def main() -> None:
    from pyspark.sql import SparkSession

    large, small, skew, rows, out, pipe = sys.argv[1:]
    spark = SparkSession.builder.getOrCreate()
    for scope in SCOPES:
        typed = [large, f"{out}/{scope}", "--dedup", scope, "--to", "ndjson"]
        assert spark_main.main(typed, spark) == 0
    pages = Pages.files(spark, skew, dedup="run")
    ndjson(pages.records()).write.text(f"{out}/skew")
    plan = _repeats.verdicts(pages._keys())._jdf.queryExecution().executedPlan().toString()
    Path(f"{out}/plan").write_text(plan)
    rdd = spark.sparkContext.textFile(f"{skew}/one.jsonl", 3)
    eval(pipe, {"rdd": rdd}).saveAsTextFile(f"{out}/piped")
    for moment in ("keys", "records"):
        ndjson(killed(spark, small, moment, out).records()).write.text(f"{out}/killed-{moment}")
    for name, order in {"rows": "n", "rows-as-read": ()}.items():
        records = clean(spark.read.parquet(rows), dedup="run", order=order)
        ndjson(records).write.text(f"{out}/{name}")
    tied = spark.read.parquet(rows).selectExpr("*", "n div 2 as half")
    try:
        clean(tied, dedup="run", order="half").count()
    except Exception as error:
        Path(f"{out}/tied").write_text(str(error))
    sys.argv = [spark_main.__file__, large, f"{out}/run", "--dedup", "run", "--to", "ndjson"]
    runpy.run_path(spark_main.__file__, run_name="__main__")


def killed(spark: Any, folder: str, moment: str, out: str) -> Pages:
    """Pages of files, in whose parsing an executor is lost."""
    pages = Pages.files(spark, folder, dedup="run")
    mark = str(Path(out).resolve() / f"killed-an-executor-for-{moment}")
    assert isinstance(pages._hires, partial)
    folder, root, options = pages._hires.args
    lethal = partial(Lethal, folder, root, options, moment=moment, mark=mark)
    return Pages(pages._df, lethal, "run")


@dataclass(frozen=True)
class Lethal(Files):
    """Parses files, and once kills the executor that it works for, behind its first table."""

    moment: str = ""
    mark: str = ""

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        for table in super().__call__(batches):
            yield table
            if self.moment == ("records" if "statements" in self.asked.names else "keys"):
                self._kill_once()

    def _kill_once(self) -> None:
        try:
            os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return
        os.kill(executor(), signal.SIGKILL)


def executor() -> int:
    """The process of the executor, above the one that forks Python's workers."""
    parent = os.getppid()
    status = Path(f"/proc/{parent}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("PPid:")]
    pid = int(line.split()[1])
    assert b"CoarseGrainedExecutorBackend" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return pid


if __name__ == "__main__":
    main()
