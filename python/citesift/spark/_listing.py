"""Which files of a folder are read: on a disk those that the program reads, and the same faults.

Engines list folders too, and each passes over names in silence: what begins with a point or an
underscore, what ends in ``._COPYING_``, with Sail also what holds ``=``. They take a bracket in a
name for a pattern, and follow a link that leads back until the system gives up.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .._arrow import shown
from ._paths import named, on_disk

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Found(NamedTuple):
    """A file, or what could not be looked at and why."""

    path: bytes
    length: int
    fault: str | None


def listed(root: str, folder: str) -> list[Found]:
    """The files of a folder, in no order; what is no folder is one of itself. ``folder`` is what it
    was called."""
    path = os.fsencode(root)
    if os.path.isdir(path):
        return list(_walked(path, folder))
    try:
        state = os.stat(path)
    except OSError as error:
        return [Found(path, 0, _said(error))]
    if not stat.S_ISREG(state.st_mode):
        message = f"folder: {root} is neither a file nor a folder; citesift.clean reads pipes"
        raise ValueError(message)
    return [Found(path, state.st_size, None)]


def sees_disk(spark: SparkSession, scheme: str) -> bool:
    """Whether what the engine reads with this before a path is on the disk that is looked at here.

    Without a scheme the session's settings say what is read, and an engine may be elsewhere.
    """
    from pyspark.errors import AnalysisException

    with tempfile.NamedTemporaryFile(prefix="citesift-", dir=_plain_folder()) as file:
        file.write(b"\n")
        file.flush()
        try:
            seen = spark.read.format("binaryFile").load(scheme + file.name).inputFiles()
        except AnalysisException:
            return False
    return len(seen) == 1 and on_disk(seen[0]) is not None


def _plain_folder() -> str:
    """A folder for temporary files whose name no engine takes for a pattern or passes over."""
    folder = tempfile.gettempdir()
    return folder if re.fullmatch(r"(/[A-Za-z0-9][A-Za-z0-9_.-]*)+", folder) else "/tmp"


def _walked(root: bytes, folder: str) -> Iterator[Found]:
    """Links are followed, but for one to a folder that it is in."""
    waiting: list[tuple[bytes, dict[tuple[int, int], bytes]]] = [(root, {})]
    while waiting:
        path, above = waiting.pop()
        try:
            here = above | {_identity(os.stat(path)): path}
            with os.scandir(path) as scanned:
                entries = list(scanned)
        except OSError as error:
            yield Found(path, 0, _said(error))
            continue
        for entry in entries:
            try:
                state = entry.stat()
            except OSError as error:
                yield Found(entry.path, 0, _said(error))
                continue
            if stat.S_ISREG(state.st_mode):
                yield Found(entry.path, state.st_size, None)
            elif stat.S_ISDIR(state.st_mode):
                ancestor = here.get(_identity(state)) if entry.is_symlink() else None
                if ancestor is None:
                    waiting.append((entry.path, here))
                else:
                    back = named(os.fsdecode(ancestor), folder, os.fsdecode(root))
                    yield Found(entry.path, 0, f"a link that leads back to {shown(back)}")


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _said(error: OSError) -> str:
    """As the program says it."""
    return f"{error.strerror} (os error {error.errno})"
