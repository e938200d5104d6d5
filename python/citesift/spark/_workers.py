"""What runs inside the executors: tables in, the native parser, tables out.

A worker is pickled by the driver, so it holds options and no state; whatever it is asked again,
for a task that is retried, it answers in the same way.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import citesift

from .._options import Dedup, Emit
from ._order import Order, of_number, of_text
from ._paths import named

# Rows of a Parquet file that are parsed at once.
_AT_ONCE = 1024


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
    """Parses whole files."""

    folder: str
    root: str
    options: dict[str, Any]
    asked: Columns

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        for batch in batches:
            for path, content in zip(batch["path"], batch["content"], strict=True):
                yield from self._of_file(
                    named(path.as_py(), self.folder, self.root), content.as_py()
                )

    def _of_file(self, path: str, content: bytes) -> Iterator[Any]:
        asked = self.asked
        said = self.options["format"]
        if said == "parquet" or (said == "auto" and content.startswith(b"PAR1")):
            yield from self._of_parquet(path, content)
            return
        tables = citesift.parse_file(
            content, path, emit=asked.emit, outcomes=asked.outcomes, **self.options
        )
        # Raised behind what could be saved. Among the outcomes it is a row, and one damaged file
        # is no reason to lose the others.
        with contextlib.suppress(citesift.ReadError):
            for table in tables:
                yield _selected(table, asked, self.options, partial(list, [of_text(path)]))

    def _of_parquet(self, path: str, content: bytes) -> Iterator[Any]:
        import pyarrow
        import pyarrow.parquet

        asked = self.asked
        options = {name: self.options[name] for name in ("dedup", "near", "max_page")}
        file = pyarrow.parquet.ParquetFile(io.BytesIO(content))
        text, url = self.options["text_field"] or "text", self.options["url_field"]
        wanted = [text, url or "url"]
        wanted = [name for name in wanted if name in file.schema_arrow.names or name == text or url]
        row = 0
        for batch in file.iter_batches(_AT_ONCE, columns=wanted):
            numbers = range(row, row + batch.num_rows)
            row += batch.num_rows
            batch = batch.append_column("citesift_path", pyarrow.array([path] * len(numbers)))
            batch = batch.append_column("citesift_row", pyarrow.array([str(n) for n in numbers]))
            found = citesift.parse_batch(
                batch,
                text=text,
                url=url,
                path="citesift_path",
                record="citesift_row",
                emit=asked.emit,
                outcomes=asked.outcomes,
                **options,
            )
            places = [of_text(path) + of_number(number) for number in numbers]
            yield _selected(found, asked, self.options, partial(list, places))


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
