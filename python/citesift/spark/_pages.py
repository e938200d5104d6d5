"""Pages that are somewhere in a cluster: what they are read from, and what can be had of them.

Both ways to look at them parse anew, once for the keys and once for the records. To keep the
parsed text in between, or to send it through the shuffle twice, takes more time than to parse.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import citesift

from .._arrow import OUTCOMES, of_files
from .._options import Dedup, Emit, Format, named, names, settings
from . import _accounting, _repeats
from ._columns import column, selected
from ._ddl import ddl
from ._listing import Found, listed, sees_disk
from ._ndjson import VALUE, Lines, ndjson
from ._order import Order
from ._paths import on_disk, scheme, whole
from ._shares import shared
from ._workers import Columns, Files, Hires, Rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# What the deduplicator needs, what joins its verdict, and what the accounting needs; the rest stays
# with the worker, for no engine sees that a column of a function's is never looked at.
_KEYS = ("page_key", "statement_keys")
_JOINED = ("paper_key", "page_key")
_COUNTS = (*OUTCOMES, "duplicates_removed")


class Pages:
    """Pages, and how repeats are removed from them."""

    def __init__(
        self, df: DataFrame, hires: Hires, dedup: Dedup, order: Sequence[str] = ()
    ) -> None:
        self._df = df
        self._hires = hires
        self._dedup: Dedup = dedup
        self._order = order

    @staticmethod
    def rows(
        df: DataFrame,
        text: str = "text",
        url: str = "url",
        *,
        path: str | None = None,
        record: str | None = None,
        order: str | Sequence[str] = (),
        dedup: Dedup = "page",
        near: float | None = None,
        max_page: int | str = "64MiB",
    ) -> Pages:
        """Pages in the rows of a DataFrame; `clean` tells what the options are."""
        address = None if url == "url" and column(df, url) is None else url
        asked = {"text": text, "url": address, "path": path, "record": record}
        columns = {option: name and _present(df, name) for option, name in asked.items()}
        named_order = tuple(_present(df, name) for name in _ordering(order))
        ordered = Order(named_order)
        wanted = sorted({name for name in columns.values() if name} | set(named_order))
        df = selected(df, wanted)
        if not named_order and dedup not in ("off", "page"):
            df, ordered = ordered.as_read(df)
        options: dict[str, Any] = {"dedup": dedup, "near": near, "max_page": max_page}
        # Here, for in a worker it is Spark that says what is wrong, when much may be done already.
        settings("reports", text_field=columns["text"], url_field=columns["url"], **options)
        hires = partial(Rows, tuple(wanted), columns, ordered, options)
        return Pages(df, hires, dedup, named_order)

    @staticmethod
    def files(
        spark: SparkSession,
        folder: str | os.PathLike[str],
        *,
        format: Format = "auto",
        text_field: str | None = None,
        url_field: str | None = None,
        keep: Sequence[str] = (),
        dedup: Dedup = "page",
        near: float | None = None,
        max_page: int | str = "64MiB",
    ) -> Pages:
        """Pages in the files of a folder: of every format that the program reads.

        The order is that of the program, by the bytes of the path and then by the place in the
        file, and ``source`` is the program's. A file on a disk is read there, piece by piece; a
        large one by several tasks, if it is text or JSON Lines and not compressed. What is in
        another store is sent by Spark to one task, so it must fit into that task's memory, and
        cannot be larger than 2 GB.
        """
        if isinstance(folder, bytes):
            raise TypeError("folder: a path is needed, and this is bytes")
        folder = named("folder", folder)
        root = whole(folder)
        options: dict[str, Any] = {
            "format": format,
            "text_field": text_field,
            "url_field": url_field,
            "keep": tuple(names(keep) or ()),
            "dedup": dedup,
            "near": near,
            "max_page": max_page,
        }
        of_files("reports", **options)
        path = on_disk(root)
        if path and os.path.lexists(path) and sees_disk(spark, "file://" if scheme(root) else ""):
            df = shared(spark, listed(path, folder), options)
        else:
            df = _listed_by_engine(spark, root, options)
        return Pages(df, partial(Files, folder, root, options), dedup)

    def records(self, emit: Emit = "reports") -> DataFrame:
        """What is written: repeats removed, with the columns of `citesift.schema`."""
        names = citesift.schema(emit).names[2:]
        if self._dedup in ("off", "page"):
            return self._parsed(Columns(emit, tuple(names), False))
        wanted = (*citesift.schema().names[2:], *_JOINED)
        parsed = self._parsed(Columns("reports", wanted, False))
        kept = _repeats.removed(parsed, self._verdicts())
        if emit == "statements":
            kept = _repeats.statements(kept)
        return kept.select(*names)

    def lines(self, emit: Emit = "reports") -> DataFrame:
        """The records as `ndjson` writes them, in the column ``value``.

        Where pages are not compared, the lines are made where these are parsed, and no columns of
        theirs go through Java.
        """
        if self._dedup in ("off", "page"):
            names = tuple(citesift.schema(emit).names[2:])
            worker = self._hires(asked=Columns(emit, names, False))
            return self._df.mapInArrow(Lines(worker), VALUE)
        return ndjson(self.records(emit))

    def outcomes(self) -> DataFrame:
        """What became of all that was read, as rows without its text: `summary` adds them up.

        ``outcome`` and the columns up to ``reject`` are those of `citesift.parse_batch`; a page
        that was dropped as a repeat has the outcome ``repeated``. ``kept``, ``repeated_in_page``
        and ``repeated_in_run`` are the ``blocks`` of a page by what became of them.
        """
        if self._dedup in ("off", "page"):
            return _accounting.told(self._parsed(Columns("reports", _COUNTS, True)))
        counts = self._parsed(Columns("reports", _COUNTS + _JOINED, True))
        return _accounting.told_across_pages(counts, self._verdicts())

    def _keys(self) -> DataFrame:
        return self._parsed(Columns("reports", _KEYS, False))

    def _verdicts(self) -> DataFrame:
        return _repeats.verdicts(self._keys(), self._order)

    def _parsed(self, columns: Columns) -> DataFrame:
        options: dict[str, Any] = {"dedup": self._dedup, "outcomes": columns.outcomes}
        schema = citesift.schema(columns.emit, **options)
        fields = [f"`{name}` {ddl(schema.field(name).type)}" for name in columns.names]
        if columns.is_placed(self._dedup):
            fields.append("`place` binary")
        return self._df.mapInArrow(self._hires(asked=columns), ", ".join(fields))


def _listed_by_engine(spark: SparkSession, root: str, options: dict[str, Any]) -> DataFrame:
    """The files that are not on this machine's disk, as far as the engine tells of them."""
    if signs := set(root) & set("*?[]{}\\"):
        message = f"{root}: engines take {' '.join(sorted(signs))} for a pattern; name a folder"
        raise ValueError(message)
    read = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    found = read.load(root)
    path = on_disk(root)
    name = os.path.basename(root.rstrip("/"))
    is_passed_over = name.startswith(("_", ".")) or name.endswith("._COPYING_")
    first = found.select("path").head() if path or is_passed_over else None
    # Sail takes a folder that is missing for an empty one, and Spark a file of such a name.
    if first is None and (path or is_passed_over):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), root)
    # Executors can open the files themselves, as Spark does with those of these addresses. What
    # a folder without a scheme is, the session's settings say, and a file's address shows.
    if path and first and on_disk(first["path"]):
        rows = found.select("path", "length").collect()
        files = [Found((on_disk(row.path) or row.path).encode(), row.length, None) for row in rows]
        return shared(spark, files, options)
    return found.select("path", "content")


def _ordering(order: str | Sequence[str]) -> list[str]:
    if isinstance(order, str):
        return [order]
    names = list(order) if isinstance(order, Iterable) else [order]
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"order: a column's name or several are needed, and this is {order!r}")
    return names


def _present(df: DataFrame, name: str) -> str:
    found = column(df, name)
    if found is None:
        raise ValueError(f"there is no column {name!r}; name one of {df.columns}")
    return found
