"""Cleans pages that are spread over many machines, by the engine that spreads them.

The package brings the parser and the keys, Spark brings the rest: how work is given out, what
happens to an executor that is lost, where the result is kept. There is no state here but what is
in DataFrames, so that every part can be done again, and no call that Sail does not know.

    from citesift.spark import clean
    clean(spark.read.parquet("pages/"), dedup="run").write.parquet("reports/")

Which of two repeats stays is a matter of order, and a DataFrame has none. The columns that
``order`` names give it. What is then removed is what the program removes from the same pages in
that order; `Pages` tells the accounting too, and reads folders of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._options import Dedup, Emit
from ._accounting import summary
from ._ndjson import ndjson
from ._pages import Pages

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["Pages", "clean", "ndjson", "summary"]


def clean(
    df: DataFrame,
    text: str = "text",
    url: str = "url",
    dedup: Dedup = "page",
    emit: Emit = "reports",
    *,
    path: str | None = None,
    record: str | None = None,
    order: str | Sequence[str] = (),
    near: float | None = None,
    max_page: int | str = "64MiB",
) -> DataFrame:
    """The records of the pages in a DataFrame's rows, with the columns of `citesift.schema`.

    ``text`` and ``url`` name the columns with a page's text and its address, ``path`` and
    ``record`` those for the record's ``source``; ``url`` may be missing. With ``dedup="run"`` and
    ``"text"`` the first of all repeats stays, by ``order``: columns of whole numbers or texts that
    together are different in every row. Without it the order is that in which Spark reads the
    rows, which holds as long as they are read from files that do not change.
    """
    pages = Pages.rows(
        df,
        text,
        url,
        path=path,
        record=record,
        order=order,
        dedup=dedup,
        near=near,
        max_page=max_page,
    )
    return pages.records(emit)
