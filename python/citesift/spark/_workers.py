"""What runs inside the executors: tables in, the native parser, tables out.

A worker is pickled by the driver, so it holds options and no state; whatever it is asked again,
for a task that is retried, it answers in the same way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import citesift

from .._options import Dedup, Emit
from ._order import Order, of_text
from ._paths import named, on_disk


@dataclass(frozen=True)
class Columns:
    """What is asked of the parser."""

    emit: Emit
    names: tuple[str, ...]
    outcomes: bool

    def is_placed(self, dedup: Dedup) -> bool:
        """Whether the place is asked for too: where pages are compared."""
        return dedup in ("run", "text")


class Worker(Protocol):
    """The function that Spark maps over tables."""

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        """The tables of the pages in these."""


class Hires(Protocol):
    """Makes the worker that gives what is asked."""

    def __call__(self, *, asked: Columns) -> Worker:
        """That worker."""


@dataclass(frozen=True)
class Rows:
    """Parses the pages in rows."""

    columns: dict[str, Any]
    order: Order
    options: dict[str, Any]
    asked: Columns

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        asked = self.asked
        for batch in batches:
            found = citesift.parse_batch(
                batch, emit=asked.emit, outcomes=asked.outcomes, **self.columns, **self.options
            )
            yield _selected(found, asked, self.options, partial(self.order.places, batch))


@dataclass(frozen=True)
class Files:
    """Parses whole files: where they are, if they are sent with no content."""

    folder: str
    root: str
    options: dict[str, Any]
    asked: Columns

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        for batch in batches:
            for row in range(batch.num_rows):
                address = batch["path"][row].as_py()
                if "content" in batch.schema.names:
                    file = batch["content"][row].as_py()
                else:
                    file = on_disk(address) or address
                    # One that cannot be opened ends the task, as if Spark had tried to read it.
                    with open(file, "rb"):
                        pass
                yield from self._of_file(file, named(address, self.folder, self.root))

    def _of_file(self, file: bytes | str, path: str) -> Iterator[Any]:
        asked = self.asked
        tables = citesift.parse_file(
            file, path, emit=asked.emit, outcomes=asked.outcomes, **self.options
        )
        # Raised behind what could be saved. Among the outcomes it is a row, and one damaged file
        # is no reason to lose the others.
        with contextlib.suppress(citesift.ReadError):
            for table in tables:
                yield _selected(table, asked, self.options, partial(list, [of_text(path)]))


def _selected(
    found: Any, asked: Columns, options: dict[str, Any], rows: Callable[[], list[bytes]]
) -> Any:
    """The columns that are asked for, and the places of the pages."""
    import pyarrow

    columns = found.select(list(asked.names))
    if not asked.is_placed(options["dedup"]):
        return columns
    places = rows()
    pages = zip(found["row"].to_pylist(), found["page"].to_pylist(), strict=True)
    placed = [None if row is None else places[row] + page.to_bytes(4, "big") for row, page in pages]
    return columns.append_column("place", pyarrow.array(placed, pyarrow.binary()))
