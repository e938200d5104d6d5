"""Arrow's types as Spark writes them: those that tables of pages have, and no others.

PySpark has such a function, inside; it needs pandas, and its parameters change.
"""

from __future__ import annotations

from typing import Any

_SIMPLE = {
    "int64": "bigint",
    "int32": "int",
    "double": "double",
    "string": "string",
    "binary": "binary",
}


def ddl(kind: Any) -> str:
    """A column's type."""
    import pyarrow

    if pyarrow.types.is_list(kind):
        return f"array<{ddl(kind.value_type)}>"
    if pyarrow.types.is_struct(kind):
        fields = (f"`{field.name}`:{ddl(field.type)}" for field in kind)
        return f"struct<{','.join(fields)}>"
    return _SIMPLE[str(kind)]
