"""What runs inside the executors: tables in, the native parser, tables out.

A worker is pickled by the driver, so it holds options and no state; whatever it is asked again,
for a task that is retried, it answers in the same way.
"""

from __future__ import annotations

import contextlib
import os
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import citesift

from .. import _native
from .._arrow import of_files, parse_share, shown
from .._options import Dedup, Emit
from ._columns import named_again
from ._order import Order, of_number, of_text
from ._paths import named, on_disk

# What is told of a share: its first byte, its end, and line feeds.
SHARE = ("start", "end", "feeds")


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

    names: tuple[str, ...]
    columns: dict[str, Any]
    order: Order
    options: dict[str, Any]
    asked: Columns

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        asked = self.asked
        for sent in batches:
            batch = named_again(sent, self.names)
            found = citesift.parse_batch(
                batch, emit=asked.emit, outcomes=asked.outcomes, **self.columns, **self.options
            )
            yield _selected(found, asked, self.options, partial(self.order.places, batch))


@dataclass(frozen=True)
class Files:
    """Parses files: those that are not sent are read where they are, or a share of each."""

    folder: str
    root: str
    options: dict[str, Any]
    asked: Columns

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        for batch in batches:
            for row in range(batch.num_rows):
                sent = {name: batch[name][row].as_py() for name in batch.schema.names}
                yield from self._of_file(**sent)

    def _of_file(
        self,
        path: str | bytes,
        content: bytes | None = None,
        fault: str | None = None,
        start: int | None = None,
        end: int | None = None,
        feeds: int | None = None,
    ) -> Iterator[Any]:
        path = os.fsdecode(path)
        asked, name = self.asked, named(path, self.folder, self.root)
        file: bytes | str
        if content is not None:
            file = content
        elif fault is not None:
            # No file has this name.
            file = ""
        else:
            file = on_disk(path) or path
            # One that cannot be opened ends the task, as if Spark had tried to read it.
            with open(file, "rb"):
                pass
        share = None if start is None else (start, end or 0, feeds or 0)
        place = of_text(os.fsencode(name)) + (b"" if start is None else of_number(start))
        checked = of_files(asked.emit, **self.options)
        # Raised behind what could be saved. Among the outcomes it is a row, and one damaged file
        # is no reason to lose the others.
        with contextlib.suppress(citesift.ReadError):
            for table in parse_share(file, shown(name), share, checked, outcomes=asked.outcomes):
                told = table if fault is None else _told(table, fault)
                yield _selected(told, asked, self.options, partial(list, [place]))


@dataclass(frozen=True)
class Cells:
    """Finds the share of a large file that begins in each of its cells."""

    options: dict[str, Any]

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow

        checked = of_files("reports", **self.options)
        for batch in batches:
            for cell in batch.to_pylist():
                file = os.fsdecode(cell["path"])
                share = _native.share_in(file, checked, cell["start"], cell["end"])
                if share is not None:
                    found = {"path": cell["path"]} | dict(zip(SHARE, share, strict=True))
                    yield pyarrow.RecordBatch.from_pylist([found])


def _told(faults: Any, message: str) -> Any:
    """Faults that say what the one who has listed the files was told."""
    import pyarrow

    rows = faults.to_pylist()
    for row in rows:
        row["reject"]["message"] = message
    return pyarrow.RecordBatch.from_pylist(rows, schema=faults.schema)


def _selected(
    found: Any, asked: Columns, options: dict[str, Any], rows: Callable[[], list[bytes]]
) -> Any:
    """The columns that are asked for, and the places of the pages."""
    columns = found.select(list(asked.names))
    if not asked.is_placed(options["dedup"]):
        return columns
    return columns.append_column("place", _placed(found, rows()))


def _placed(found: Any, rows: list[bytes]) -> Any:
    """The row's place with the page's number; null where nothing is a page."""
    import pyarrow
    import pyarrow.compute

    of_rows = pyarrow.array(rows, pyarrow.binary()).take(found["row"])
    numbers = array("I", found["page"].fill_null(0).to_pylist())
    if sys.byteorder == "little":
        numbers.byteswap()
    kind = pyarrow.binary(numbers.itemsize)
    pages = pyarrow.Array.from_buffers(kind, len(numbers), [None, pyarrow.py_buffer(numbers)])
    between = pyarrow.scalar(b"", pyarrow.binary())
    return pyarrow.compute.binary_join_element_wise(of_rows, pages.cast(pyarrow.binary()), between)
