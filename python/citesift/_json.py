"""Records from their lines."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def loaded(line: str) -> Any:
    """What a line of JSON stands for. A field that ``keep`` names may hold a number of more digits
    than Python makes an int of; such a number is a Decimal."""
    try:
        return json.loads(line)
    except ValueError:
        return json.loads(line, parse_int=_whole)


def _whole(digits: str) -> int | Decimal:
    try:
        return int(digits)
    except ValueError:
        return Decimal(digits)
