"""Pages in and out of Arrow tables, for engines that have these."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from . import _native
from ._clean import unread
from ._errors import RunError, interrupted
from ._json import loaded
from ._options import Dedup, Emit, Format, named, names, settings

if TYPE_CHECKING:
    import pyarrow

    from ._native import ArrowStream


def parse_batch(
    batch: ArrowStream,
    *,
    text: str = "text",
    url: str | None = None,
    path: str | None = None,
    record: str | None = None,
    emit: Emit = "reports",
    dedup: Dedup = "page",
    near: float | None = None,
    max_page: int | str = "64MiB",
    outcomes: bool = False,
) -> pyarrow.RecordBatch:
    """Parse the pages in the rows of a table.

    ``text`` and ``url`` name the columns with a page's text and its address; without the latter it
    is ``url``, which may be missing. ``path`` and ``record`` name the columns for the record's
    ``source``; without them it has an empty path and no record. A row may hold no page, one or
    several: ``row`` is the number of the input's row, ``page`` that of the page in it.

    Repeats are removed within each page. With ``dedup="run"`` and ``"text"`` there are also the
    keys by which they are removed across pages, and with ``outcomes`` rows for what is no record.
    `schema` gives the columns; the package's documentation says what they mean.
    """
    checked = settings(
        emit, text_field=text, url_field=url, dedup=dedup, near=near, max_page=max_page
    )
    batch = _handed_over(batch)
    parsed = _native.parse_batch(batch, checked, path=path, record=record, outcomes=outcomes)
    return _pyarrow().record_batch(parsed)


def parse_file(
    file: bytes | bytearray | memoryview | str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    format: Format = "auto",
    text_field: str | None = None,
    url_field: str | None = None,
    keep: Iterable[str] = (),
    emit: Emit = "reports",
    dedup: Dedup = "page",
    near: float | None = None,
    max_page: int | str = "64MiB",
    outcomes: bool = False,
) -> Iterator[pyarrow.RecordBatch]:
    """Parse a whole file, compressed or not: the records, their ``source`` too, are those that the
    program gives for it.

    ``file`` is its path, and it is read piece by piece in bounded memory; or it is the content of
    one, as bytes. ``path`` is what the records call it, if that is not where it is. One thread
    reads and parses. The columns are those of `parse_batch`; ``row`` is 0. Raises `ReadError`
    behind the last table where the file could not be read whole, or is damaged; with ``outcomes``
    that is told in rows instead. What a signal's handler raises ends the parsing: whoever goes on
    gets a `RunError`.
    """
    if isinstance(file, (bytes, bytearray, memoryview)):
        if path is None:
            raise ValueError("path: say what the records are to call the file of this content")
        file = bytes(file)
    else:
        file = named("file", file)
    path = named("path", file if path is None else path)
    checked = of_files(
        emit,
        format=format,
        text_field=text_field,
        url_field=url_field,
        keep=keep,
        dedup=dedup,
        near=near,
        max_page=max_page,
    )
    return parse_share(file, shown(path), None, checked, outcomes=outcomes)


def shown(path: str) -> str:
    """What records call a file: what is no UTF-8 in its name is replaced, as the program does."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def of_files(emit: Emit, *, keep: Iterable[str], **options: Any) -> _native.Settings:
    """The options of `parse_file`, checked."""
    return settings(emit, keep=names(keep), threads=1, **options)


def parse_share(
    file: bytes | str | os.PathLike[str],
    path: str,
    share: tuple[int, int, int] | None,
    checked: _native.Settings,
    *,
    outcomes: bool,
) -> Iterator[pyarrow.RecordBatch]:
    """What `parse_file` gives, of a share of the file."""
    # Before the file is begun, for it takes a while in which a signal may come.
    _pyarrow()
    parsed = _native.parse_file(file, path, checked, outcomes=outcomes, share=share)
    return _Tables(parsed, raises=not outcomes)


def schema(
    emit: Emit = "reports", *, dedup: Dedup = "page", outcomes: bool = False
) -> pyarrow.Schema:
    """The columns of what `parse_batch` and `parse_file` give with these options."""
    return _pyarrow().schema(_native.schema(settings(emit, dedup=dedup), outcomes=outcomes))


def to_dicts(table: pyarrow.RecordBatch | pyarrow.Table) -> Iterator[dict[str, Any]]:
    """The records in such a table as dicts: those that `clean` gives."""
    is_reports = "statements" in table.schema.names
    if "outcome" in table.schema.names:
        table = table.filter(_pyarrow().compute.equal(table["outcome"], "report"))
    keys = [name for name in table.schema.names if name not in _NOT_IN_RECORDS]
    for row in table.select(keys).to_pylist():
        for statement in row["statements"] if is_reports else (row,):
            if statement["similar_to"] is None:
                del statement["similar_to"], statement["similarity"]
        row["meta"] = loaded(row["meta"] or "null")
        yield row


def to_lines(table: ArrowStream) -> pyarrow.StringArray:
    """The records in such a table as lines of JSON: those of the program, byte for byte, but for
    the line feed at their ends.

    Columns are found by their names, in any order and also of large types; what is not of the
    record is left out. Raises ``ValueError``, which names the column and the row, for what is in
    no record, and where all lines together are larger than 2 GiB.
    """
    return _pyarrow().record_batch(_native.to_lines(_handed_over(table)))["value"]


# What is told of every row with ``outcomes``.
OUTCOMES = (
    "outcome",
    "bytes",
    "blocks",
    "lines",
    "unrecognized_lines",
    "reason",
    "reject",
)

_NOT_IN_RECORDS = {
    "row",
    "page",
    "paper_key",
    "page_key",
    "statement_key",
    "statement_keys",
    *OUTCOMES,
}


class _Tables(Iterator["pyarrow.RecordBatch"]):
    """Not a generator, which a signal's handler that raises would end as if it were whole."""

    def __init__(self, file: _native.File, *, raises: bool) -> None:
        self._file: _native.File | None = file
        self._raises = raises
        self._is_interrupted = False

    def __next__(self) -> pyarrow.RecordBatch:
        file = self._file
        if file is None:
            raise interrupted() if self._is_interrupted else StopIteration
        try:
            batch = file.next()
            table = None if batch is None else _pyarrow().record_batch(batch)
            ended = file.end() if batch is None else None
            error = unread(*ended) if ended and self._raises else None
        except RunError:
            raise
        except BaseException:
            # What was on its way is lost, be it a table or the end. A traceback keeps what is here.
            self._is_interrupted, self._file, file = True, None, None
            raise
        if table is not None:
            return table
        self._file = None
        raise error or StopIteration

    def close(self) -> None:
        """End the parsing, as by the generators that engines expect."""
        file, self._file = self._file, None
        if file:
            file.close()


def _handed_over(table: ArrowStream) -> ArrowStream:
    """The table by way of pyarrow, which takes more than the native half: of Polars also columns of
    nothing but nulls that have no type. Nothing is copied."""
    arrow = _pyarrow()
    if isinstance(table, (arrow.RecordBatch, arrow.Table)) or not hasattr(
        table, "__arrow_c_stream__"
    ):
        return table
    stream: ArrowStream = arrow.RecordBatchReader.from_stream(table)
    return stream


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.compute
    except ImportError as error:
        message = "tables need pyarrow; install citesift[arrow]"
        raise ImportError(message) from error
    return pyarrow
