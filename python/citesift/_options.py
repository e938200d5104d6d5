"""Options as the program's flags: they have its names, its values and its messages."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias

from . import _native

Emit: TypeAlias = Literal["reports", "statements"]
Dedup: TypeAlias = Literal["off", "page", "run", "text"]
Format: TypeAlias = Literal["auto", "text", "jsonl", "warc", "parquet", "tar", "zip"]
Value: TypeAlias = "str | float | None | Iterable[str]"

_EMIT = ("reports", "statements")
# These have a value in every run; the others may be None.
_NEEDED = ("format", "dedup", "seed", "skip", "max_page")


def flags(emit: str, **options: Value) -> list[str]:
    """The options that are given, as flags."""
    if emit not in _EMIT:
        raise ValueError(f"emit: {emit!r} gives no dicts or columns; use one of {_EMIT}")
    for name in _NEEDED:
        if name in options and options[name] is None:
            raise TypeError(f"{name}: None is no value of it")
    given = {name: option for name, option in options.items() if option is not None}
    typed = (f"--{name.replace('_', '-')}={_typed(name, option)}" for name, option in given.items())
    return [f"--emit={emit}", *typed]


def settings(emit: str, **options: Value) -> _native.Settings:
    """The options, checked; checking takes as long as some hundred pages, and is done once."""
    return _checked(tuple(flags(emit, **options)))


@lru_cache(maxsize=64)
def _checked(typed: tuple[str, ...]) -> _native.Settings:
    return _native.Settings(typed)


def names(keep: Iterable[str]) -> list[str] | None:
    """Names of fields; no field's name is given as none at all."""
    if isinstance(keep, str):
        raise TypeError(f"keep: a list of names is needed, such as [{keep!r}]")
    if not isinstance(keep, Iterable):
        raise TypeError(f"keep: a list of names is needed, and this is {type(keep).__name__}")
    return list(keep) or None


def utf8(option: str, text: str | bytes) -> bytes:
    """A text's bytes."""
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise TypeError(f"{option}: str or bytes is needed, and this is {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        message = (
            f"{option}: character {error.start} is a lone surrogate, which no UTF-8 holds; "
            "give bytes, or encode it with errors='replace'"
        )
        raise ValueError(message) from None


def listed(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[str]:
    """One path or several."""
    if isinstance(paths, (str, bytes, os.PathLike)):
        paths = [paths]
    # The lines of an open file are no paths.
    if not isinstance(paths, Iterable) or hasattr(paths, "read"):
        raise TypeError(f"paths: a path or several are needed, and this is {type(paths).__name__}")
    found = [named("paths", path) for path in paths]
    if not found:
        raise ValueError("paths: name at least one file or folder, or - for standard input")
    return found


def named(option: str, path: str | bytes | os.PathLike[Any]) -> str:
    """A path as text."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"{option}: a path is needed, and this is {type(path).__name__}")
    return os.fsdecode(path)


def _typed(name: str, option: Value) -> str:
    if isinstance(option, str):
        utf8(name, option)
        return option
    if isinstance(option, bool):
        raise TypeError(f"{name}: {option} is no value of it")
    # Those of NumPy say of themselves what they are.
    if isinstance(option, Integral):
        return str(int(option))
    if isinstance(option, (float, Real)):
        return repr(float(option))
    if name != "keep" or option is None:
        raise TypeError(f"{name}: {option!r} is no value of it")
    fields = list(option)
    for field in fields:
        if not isinstance(field, str) or "," in field:
            raise ValueError(f"{name}: {field!r} is no field's name")
        utf8(name, field)
    return ",".join(fields)
