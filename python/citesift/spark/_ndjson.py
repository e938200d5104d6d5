"""Records as lines of JSON: the program's, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import citesift

from ._workers import Worker

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# The one column of what is written as text.
VALUE = "`value` string"


def ndjson(records: DataFrame) -> DataFrame:
    """A column ``value`` with a line for each record, for `DataFrame.write.text`."""
    return records.mapInArrow(_lines, VALUE)


@dataclass(frozen=True)
class Lines:
    """Writes what another worker gives, before it goes to Spark."""

    worker: Worker

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        return _lines(self.worker(batches))


def _lines(records: Iterable[Any]) -> Iterator[Any]:
    import pyarrow

    for batch in records:
        yield pyarrow.record_batch({"value": citesift.to_lines(batch)})
