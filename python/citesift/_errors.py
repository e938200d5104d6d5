"""What is raised: each with a place where there is one."""

from __future__ import annotations

from typing import Any


class Error(Exception):
    """Whatever this package raises, but for wrong options (``ValueError``, ``TypeError``)."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Python would make it anew of its message alone, and a pool of processes waits for ever for
        # an error that it cannot make.
        return _again, (type(self), self.args), self.__dict__


class Rejected(Error, ValueError):
    """A text without a report page, or with several.

    ``reason`` is a word to group by, ``excerpt`` the text's beginning, or that of the second page.
    """

    def __init__(self, message: str, *, reason: str, excerpt: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.excerpt = excerpt


class ReadError(Error):
    """An input that could not be read, or not to its end, or is damaged.

    What could be saved of it has come out before, and so have the other inputs. ``path``,
    ``offset`` (bytes before it), ``line`` and ``record`` say where it is, as far as that is known;
    ``others`` are further inputs that could not be read.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str,
        offset: int | None = None,
        line: int | None = None,
        record: str | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.offset = offset
        self.line = line
        self.record = record
        self.others: list[ReadError] = []


class RunError(Error):
    """A run that could not be carried through, such as for want of temporary space."""


def interrupted() -> RunError:
    """What is raised for all that would have come behind an interrupt."""
    return RunError("this was interrupted, and what would have come behind is missing; begin anew")


def _again(kind: type[Error], args: tuple[Any, ...]) -> Error:
    return kind.__new__(kind, *args)
