"""Which of two pages is the first: a row's columns as bytes that compare as the columns do.

Bytes are what every engine can take the least of, and a page's place is one short column in the
shuffle. A struct would do in Spark, but is wider there by eight bytes for each field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_AS_READ = "citesift_row"


@dataclass(frozen=True)
class Order:
    """The columns that order the rows, the first one first."""

    columns: tuple[str, ...] = ()

    def as_read(self, df: DataFrame) -> tuple[DataFrame, Order]:
        """The order in which the rows are read."""
        from pyspark.sql import functions as F

        return df.withColumn(_AS_READ, F.monotonically_increasing_id()), Order((_AS_READ,))

    def places(self, batch: Any) -> list[bytes]:
        """The place of each row."""
        columns = [_encoded(name, batch[name].to_pylist()) for name in self.columns]
        return [b"".join(parts) for parts in zip(*columns, strict=True)]


def of_text(text: str | bytes) -> bytes:
    """A text; what it begins with stands before it, also when more bytes follow."""
    text = text.encode() if isinstance(text, str) else text
    return text.replace(b"\0", b"\0\1") + b"\0\0"


def of_number(number: int) -> bytes:
    """A whole number; those below zero stand before the others."""
    return (number + (1 << 63)).to_bytes(8, "big")


def _encoded(name: str, values: list[Any]) -> list[bytes]:
    return [_one(name, value) for value in values]


def _one(name: str, value: Any) -> bytes:
    if isinstance(value, int):
        return of_number(value)
    if isinstance(value, (str, bytes)):
        return of_text(value)
    if value is None:
        raise ValueError(f"order: the column {name!r} has a null, so which row is first?")
    raise ValueError(
        f"order: the column {name!r} holds {type(value).__name__}; cast it to bigint or string"
    )
