"""A whole run of the program's pipeline, as an iterator of dicts."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

from . import _native
from ._errors import ReadError, RunError, interrupted
from ._json import loaded
from ._options import Dedup, Emit, Format, flags, listed, names

Path = str | os.PathLike[str]
Tell = Callable[[dict[str, Any]], object]
Ended = tuple[str, str, str | None]


def clean(
    paths: Path | Iterable[Path],
    *,
    format: Format = "auto",
    text_field: str | None = None,
    url_field: str | None = None,
    keep: Iterable[str] = (),
    emit: Emit = "reports",
    dedup: Dedup = "page",
    near: float | None = None,
    memory: int | str | None = None,
    threads: int | None = None,
    sample: str | None = None,
    seed: int = 0,
    skip: int = 0,
    limit: int | None = None,
    max_page: int | str = "64MiB",
    rejects: Tell | None = None,
    duplicates: Tell | None = None,
) -> Records:
    """Clean dumps, as the program does, and give their records as dicts.

    Options are the program's flags; ``citesift --help`` says what each does. ``rejects`` and
    ``duplicates`` are called with what the program writes to the files of these names, each before
    the records that came behind it.

    Raises ``ValueError`` at once for an option with a wrong value. The iterator raises
    `ReadError` behind the last record where an input could not be read whole. What a function that
    is told raises, or a signal's handler in it, comes out of it too; who then goes on misses
    nothing else. What a signal's handler raises while records are waited for ends the run: whoever
    goes on gets a `RunError`. Where records are at hand, whoever goes on misses none, but for one
    that ``next`` has returned and that has no name yet; a ``for`` loop has named it by then.

    >>> for record in clean("dump.txt.zst", dedup="run"):
    ...     print(record["doi"], len(record["statements"]))
    """
    for name, tell in (("rejects", rejects), ("duplicates", duplicates)):
        if tell is not None and not callable(tell):
            raise TypeError(f"{name}: a function is needed, and this is {type(tell).__name__}")
    typed = flags(
        emit,
        format=format,
        text_field=text_field,
        url_field=url_field,
        keep=names(keep),
        dedup=dedup,
        near=near,
        memory=memory,
        threads=threads,
        sample=sample,
        seed=seed,
        skip=skip,
        limit=limit,
        max_page=max_page,
    )
    run = _native.Run(
        listed(paths),
        typed,
        tells_rejects=rejects is not None,
        tells_duplicates=duplicates is not None,
    )
    return Records(run, rejects, duplicates)


class Records(Iterator[dict[str, Any]]):
    """The records of a run, in the input's order.

    The run is ended by the iterator's end, by `close`, or by leaving a ``with`` block; a run
    whose iterator is dropped ends by itself. Several threads may iterate: each record goes to one.
    """

    def __init__(self, run: _native.Run, rejects: Tell | None, duplicates: Tell | None) -> None:
        self._run: _native.Run | None = run
        self._rejects = rejects
        self._duplicates = duplicates
        # The last one comes first.
        self._lines: list[str] = []
        # What is to be told before these, likewise.
        self._told: list[tuple[Tell, str]] = []
        self._is_interrupted = False
        # Another thread may take what comes next meanwhile.
        self._is_closed = False
        self._summary: dict[str, Any] | None = None
        # Those who are told may ask for the next record.
        self._turn = threading.RLock()

    @property
    def summary(self) -> dict[str, Any] | None:
        """The run's accounting, as ``--stats`` writes it; None before its end, and without one."""
        return self._summary

    def __iter__(self) -> Records:
        return self

    def __next__(self) -> dict[str, Any]:
        taken: list[str] = []
        try:
            with self._turn:
                return self._next(taken)
        except BaseException:
            # A signal's handler may raise before what was taken is handed over.
            self._lines += taken
            raise

    def _next(self, taken: list[str]) -> dict[str, Any]:
        while not self._is_closed:
            # A line is taken off when it is read: a signal's handler may raise before. Where one of
            # those who are told fails, the next call goes on behind what it was told.
            if told := self._told:
                tell, line = told[-1]
                reject = loaded(line)
                del told[-1]
                try:
                    tell(reject)
                except StopIteration as error:
                    # It would end a loop over the records as if they were whole.
                    raise RuntimeError("a function that is told raised StopIteration") from error
            elif lines := self._lines:
                record: dict[str, Any] = loaded(lines[-1])
                taken += lines[-1:]
                del lines[-1]
                return record
            else:
                self._take()
        raise StopIteration

    def _take(self) -> None:
        """Take what comes next."""
        run = self._run
        if run is None:
            raise interrupted() if self._is_interrupted else StopIteration
        try:
            piece = run.next()
            summary, unread = _accounts(run.end() if piece is None else None)
            records, rejects, duplicates = map(_lines, piece or (b"", b"", b""))
            self._told = _told(self._duplicates, duplicates) + _told(self._rejects, rejects)
            # Behind what another thread puts back meanwhile.
            self._lines[:0] = records
        except RunError:
            raise
        except BaseException:
            # What was on its way is lost, be it a piece or the end. A traceback keeps what is here.
            self._is_interrupted, self._run, run = True, None, None
            raise
        # No signal is looked for from here on.
        if piece is None:
            self._run = None
            self._summary = summary or self._summary
            if unread and not self._is_closed:
                raise unread

    def close(self) -> None:
        """End the run, and wait until it has; where an input says nothing, for two seconds only.

        What was not waited for ends when that input says something, and has no summary.
        """
        self._is_closed = True
        self._lines, self._told = [], []
        run, self._run = self._run, None
        if run and (ended := run.close()):
            self._summary, _ = _accounts(ended)

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _accounts(ended: Ended | None) -> tuple[dict[str, Any] | None, ReadError | None]:
    """A run's summary, and what says that an input was not read whole, if anything does."""
    if ended is None:
        return None, None
    figures, faults, damage = ended
    return json.loads(figures), unread(faults, damage)


def unread(faults: str, damage: str | None) -> ReadError | None:
    """What says that an input was not read whole, if anything does."""
    errors = [ReadError(fault.pop("message"), **fault) for fault in json.loads(faults)]
    if damage:
        told = json.loads(damage)
        place = told["source"]
        parts = [place["path"], f"byte {place['offset']}"]
        parts += [f"{name} {place[name]}" for name in ("line", "record") if place[name] is not None]
        errors.append(ReadError(f"{', '.join(parts)}: {told['message']}", **place))
    if not errors:
        return None
    errors[0].others = errors[1:]
    return errors[0]


def _told(tell: Tell | None, lines: list[str]) -> list[tuple[Tell, str]]:
    return [] if tell is None else [(tell, line) for line in lines]


def _lines(ndjson: bytes) -> list[str]:
    # Not by `splitlines`, which also ends a line at what may stand in a text.
    return ndjson.decode().split("\n")[-2::-1]
