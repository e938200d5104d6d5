"""Records from their lines."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any


def loaded(line: str) -> Any:
    """What a line of JSON stands for. A field that ``keep`` names may hold a number of more digits
    than Python makes an int of; such a number is a Decimal. It may also nest deeper than Python
    recurses."""
    try:
        try:
            return json.loads(line)
        except ValueError:
            return json.loads(line, parse_int=_whole)
    except RecursionError:
        return _nested(line)


_TOKEN = re.compile(r'[\[\]{}]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\[\]{}",:\s]+')


def _nested(line: str) -> Any:
    """As `loaded`, without recursion. That it is JSON was looked at before."""
    above: list[list[Any]] = []
    items: list[Any] = []
    for token in _TOKEN.finditer(line):
        match token[0]:
            case "[" | "{":
                above.append(items)
                items = []
            case "]":
                above[-1].append(items)
                items = above.pop()
            case "}":
                above[-1].append(dict(zip(items[::2], items[1::2], strict=True)))
                items = above.pop()
            case scalar:
                items.append(json.loads(scalar, parse_int=_whole))
    return items[0]


def _whole(digits: str) -> int | Decimal:
    try:
        return int(digits)
    except ValueError:
        return Decimal(digits)
