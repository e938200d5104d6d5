"""Turns dumps of scite report pages into clean, deduplicated records.

* `parse` takes a text with one page.
* `clean` carries out a whole run of the program's pipeline, and gives its records one by one.
* `parse_batch` and `parse_file` turn pages into Arrow tables, for engines that spread the work.
"""

from __future__ import annotations

import json
from typing import Any

from . import _native
from ._arrow import parse_batch, parse_file, schema, to_dicts, to_lines
from ._clean import Records, clean
from ._errors import Error, ReadError, Rejected, RunError
from ._options import Dedup, Emit, Format, settings, utf8

__version__: str = _native.VERSION

__all__ = [
    "Dedup",
    "Emit",
    "Error",
    "Format",
    "ReadError",
    "Records",
    "Rejected",
    "RunError",
    "clean",
    "json_schema",
    "parse",
    "parse_batch",
    "parse_file",
    "schema",
    "to_dicts",
    "to_lines",
]


def parse(text: str | bytes, url: str | None = None) -> dict[str, Any]:
    """The record of a text with one report page, repeats removed.

    It is the one that a run gives for a file of this text alone, under the empty path: text of
    other sites may stand around the page. With ``url``, the page's address, the record has it and
    the report's id.

    Raises `Rejected` for a text without a report page, and for one with several: `parse_batch` and
    `clean` give a record of each.
    """
    if url is not None:
        url = utf8("url", url).decode()
    record, reject = _native.parse(utf8("text", text), url)
    if record is None:
        rejected = json.loads(reject or "{}")
        message, reason = rejected["message"], rejected["reason"]
        if reason == "several_reports":
            message += "; parse_batch and clean give a record of each"
        raise Rejected(message, reason=reason, excerpt=rejected["excerpt"])
    parsed: dict[str, Any] = json.loads(record)
    return parsed


def json_schema(emit: Emit = "reports") -> dict[str, Any]:
    """The JSON Schema of the records, as ``citesift schema`` prints it."""
    described: dict[str, Any] = json.loads(_native.json_schema(settings(emit)))
    return described
