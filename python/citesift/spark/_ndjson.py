"""Records as lines of JSON: the program's, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import citesift

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def ndjson(records: DataFrame) -> DataFrame:
    """A column ``value`` with a line for each record, for `DataFrame.write.text`."""
    return records.mapInArrow(_lines, "value string")


def _lines(records: Iterable[Any]) -> Iterator[Any]:
    import pyarrow

    for batch in records:
        yield pyarrow.record_batch({"value": citesift.to_lines(batch)})
