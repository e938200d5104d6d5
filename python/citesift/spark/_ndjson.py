"""Records as lines of JSON: the program's, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import citesift

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def ndjson(records: DataFrame) -> DataFrame:
    """A column ``value`` with a line for each record, for `DataFrame.write.text`."""
    return records.mapInArrow(_lines, "value string")


def _lines(batches: Iterable[Any]) -> Iterator[Any]:
    import pyarrow

    for batch in batches:
        written = [
            _line(record, meta)
            for record, meta in zip(
                citesift.to_dicts(batch), batch["meta"].to_pylist(), strict=True
            )
        ]
        yield pyarrow.record_batch({"value": pyarrow.array(written, pyarrow.string())})


def _line(record: dict[str, Any], meta: str | None) -> str:
    # As it was written, and not as Python would: 0.50 is 0.5 there. It is the last key.
    record["meta"] = None
    line = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
    return f"{line.removesuffix('null}')}{meta or 'null'}}}"
