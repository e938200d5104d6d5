"""Records in Polars and pandas, with types that are the schema's and not those of one file's values.

A column that is null in every row has no type of its own, and pandas takes a year beside a
missing one for a fraction.
"""

import json
import subprocess


def schema(form):
    return json.loads(subprocess.run(["citesift", "schema", form], check=True, capture_output=True).stdout)


def resolved(value, definitions):
    """What a value is where it is not null."""
    if "anyOf" in value:
        value = next(one for one in value["anyOf"] if one.get("type") != "null")
    if "$ref" in value:
        value = definitions[value["$ref"].rsplit("/", 1)[1]]
    types = value.get("type", "string")
    kind = next(one for one in types if one != "null") if isinstance(types, list) else types
    return value, kind


def scan_polars(path, form="reports"):
    """A lazy frame. `meta`, which has no fixed fields, is left out."""
    import polars as pl

    whole = schema(form)

    def dtype(value):
        value, kind = resolved(value, whole["$defs"])
        if kind == "array":
            return pl.List(dtype(value["items"]))
        if kind == "object":
            return pl.Struct({name: dtype(one) for name, one in value["properties"].items()})
        return {"integer": pl.Int64, "number": pl.Float64, "boolean": pl.Boolean, "string": pl.String}[kind]

    columns = {name: dtype(value) for name, value in whole["properties"].items() if name != "meta"}
    return pl.scan_ndjson(path, schema=columns)


def read_pandas(path, form="reports"):
    """A frame; what is nested stays lists and dictionaries."""
    import pandas as pd

    whole = schema(form)
    known = {"integer": "Int64", "number": "Float64", "boolean": "boolean", "string": "string"}
    kinds = {name: resolved(value, whole["$defs"])[1] for name, value in whole["properties"].items()}
    types = {name: known.get(kind, "object") for name, kind in kinds.items()}
    # Read as they stand: pandas would take a title such as "2011" for a number.
    rows = pd.read_json(path, lines=True, dtype=False)
    return rows.reindex(columns=list(types)).astype(types)
