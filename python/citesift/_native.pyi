"""The native half: see `citesift`, whose functions call it."""

from collections.abc import Sequence
from os import PathLike
from typing import Protocol, final

VERSION: str
# Reasons of rejects that say that an input is damaged.
DAMAGE: list[str]

class ArrowStream(Protocol):
    """A table of any library, such as ``pyarrow.Table`` or ``polars.DataFrame``."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class Batch:
    """A table that any Arrow library takes."""

    def __arrow_c_array__(
        self, requested_schema: object | None = None
    ) -> tuple[object, object]: ...

@final
class BatchSchema:
    """A schema that any Arrow library takes."""

    def __arrow_c_schema__(self) -> object: ...

@final
class Settings:
    """Options that were checked: each of the flags is one of the program's, as it is typed."""

    def __new__(cls, flags: Sequence[str]) -> Settings: ...

@final
class Run:
    """A run under way."""

    def __new__(
        cls,
        paths: Sequence[str],
        flags: Sequence[str],
        *,
        tells_rejects: bool,
        tells_duplicates: bool,
    ) -> Run: ...
    def next(self) -> tuple[bytes, bytes, bytes] | None:
        """The next records, rejects and duplicates, as lines of NDJSON; None at the end."""

    def end(self) -> tuple[str, str, str | None] | None:
        """End it, and give its figures, its faults and the first sign of damage, as JSON."""

    def close(self) -> tuple[str, str, str | None] | None:
        """As `end`, but None where it does not end soon, as its input says nothing."""

@final
class File:
    """A file that is being parsed."""

    def next(self) -> Batch | None:
        """The next table; None at the end."""

    def end(self) -> tuple[str, str | None] | None:
        """End it, and give what could not be read and the first sign of damage, as JSON."""

    def close(self) -> None:
        """End it, but do not wait for an input that says nothing."""

def parse(text: bytes, url: str | None) -> tuple[str | None, str | None]:
    """The page's record as JSON, or else the reject."""

def parse_batch(
    batch: ArrowStream,
    settings: Settings,
    *,
    path: str | None,
    record: str | None,
    outcomes: bool,
) -> Batch:
    """The table of the pages in a table's rows."""

def parse_file(
    file: bytes | str | PathLike[str],
    name: str,
    settings: Settings,
    *,
    outcomes: bool,
    share: tuple[int, int, int] | None,
) -> File:
    """The tables of the pages in a file, or in a share of one: its first byte, its end, and the
    line feeds before it."""

def share_in(file: str, settings: Settings, start: int, end: int) -> tuple[int, int, int] | None:
    """The share of a file that begins in one of its cells: its first byte, its end, and the line
    feeds in it."""

def schema(settings: Settings, *, outcomes: bool) -> BatchSchema:
    """The schema of what they give."""

def to_lines(table: ArrowStream) -> Batch:
    """The records in a table as lines, without their line feeds: the column ``value``."""

def json_schema(settings: Settings) -> str:
    """The JSON Schema of a record."""
