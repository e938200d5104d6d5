"""Records in columns as the program's lines, whatever types and names others give to them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pytest
from conftest import dump_of, lines, printed
from test_tables import TEXTS

import citesift
from citesift import Emit

Parsed: TypeAlias = "tuple[pa.RecordBatch, list[str]]"
EMITS: list[Emit] = ["reports", "statements"]
LIKE = "The cat sat on the mat and slept"
# A text for every key, and most of them twice.
PAGES = [
    "2021\nDOI: 10.5555/R\n|\nTitle\nover two lines\nHelp me understand this report\n"
    "Paper Sections\n\nSelect...\n5\n1\n\nCitation Types\n\n0\n2\n0\n\nAuthors\n\nA. One\nB. Two\n\n"
    f"“…{LIKE}.…”\nSection: Resultssupporting\nconfidence: 99%\n"
    f"“…{LIKE} well.…”\nSection: Discussionmentioning\nconfidence: 7%\nSee 3 more Smart Citations\n"
    f"“…{LIKE}.…”\nSection: Resultssupporting\nconfidence: 99%\n",
    *TEXTS,
]


@pytest.fixture(scope="module", params=EMITS)
def parsed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Parsed:
    """A table, and what the program prints."""
    dump = str(dump_of(PAGES, tmp_path_factory.mktemp("lines") / "dump.jsonl"))
    options: dict[str, Any] = {"emit": request.param, "near": 0.5}
    [table] = citesift.parse_file(dump, **options)
    return table, printed(dump, **options)


def written(table: Any) -> list[str | None]:
    found = citesift.to_lines(table)
    found.validate(full=True)
    assert found.type == pa.string() and found.null_count == 0
    lines: list[str | None] = found.to_pylist()
    return lines


def of_other_types(
    table: pa.RecordBatch,
    text: pa.DataType,
    lists: Callable[[pa.DataType], pa.DataType],
    integer: pa.DataType,
) -> pa.Table:
    """The same in other types and in another order, and nothing says that there are no nulls."""

    def other(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_list(kind):
            return lists(other(kind.value_type))
        if pa.types.is_struct(kind):
            return pa.struct([(field.name, other(field.type)) for field in reversed(list(kind))])
        return {pa.string(): text, pa.int32(): integer}.get(kind, kind)

    fields = [(field.name, other(field.type)) for field in reversed(table.schema)]
    rows = table.to_pylist()
    if pa.types.is_binary(text) or pa.types.is_binary_view(text):
        rows = json.loads(json.dumps(rows), object_hook=encoded)
    return pa.Table.from_pylist(rows, pa.schema(fields))


def encoded(found: dict[str, Any]) -> dict[str, Any]:
    def one(value: Any) -> Any:
        if isinstance(value, list):
            return [one(item) for item in value]
        return value.encode() if isinstance(value, str) else value

    return {name: one(value) for name, value in found.items()}


@pytest.mark.parametrize(
    ("text", "lists", "integer"),
    [
        (pa.string(), pa.list_, pa.int32()),
        (pa.large_string(), pa.large_list, pa.int64()),
        (pa.string_view(), pa.list_, pa.int64()),
        (pa.binary(), pa.large_list, pa.int32()),
    ],
    ids=str,
)
def test_every_type_that_engines_give_is_read(
    parsed: Parsed, text: pa.DataType, lists: Any, integer: pa.DataType
) -> None:
    table, expected = parsed
    assert written(of_other_types(table, text, lists, integer)) == expected


def test_a_column_without_any_value_may_have_the_type_of_none(parsed: Parsed) -> None:
    table, expected = parsed
    untyped = pa.Table.from_pylist(table.to_pylist())
    assert pa.null() in untyped.schema.types
    assert written(untyped) == expected


def test_tables_of_other_libraries_are_written(parsed: Parsed) -> None:
    polars = pytest.importorskip("polars", reason="NOT CHECKED: polars is not installed")
    table, expected = parsed
    assert written(polars.from_arrow(table)) == expected
    untyped = polars.from_arrow(pa.Table.from_pylist(table.to_pylist()))
    assert polars.Null in untyped.dtypes
    assert written(untyped) == expected


def test_slices_and_chunks_are_written_in_order(parsed: Parsed) -> None:
    table, expected = parsed
    assert written(table.slice(2, 5)) == expected[2:7]
    assert written(pa.Table.from_batches([table.slice(3), table.slice(0, 3)])) == [
        *expected[3:],
        *expected[:3],
    ]
    for nothing in (table.slice(0, 0), pa.Table.from_batches([], table.schema)):
        assert written(nothing) == []


def test_other_columns_are_left_out(parsed: Parsed) -> None:
    table, expected = parsed
    more = table.append_column("source_row", pa.array(range(table.num_rows)))
    assert written(more) == written(more.select(more.schema.names[2:])) == expected


@pytest.mark.parametrize("dedup", ["off", "page", "run", "text"])
@pytest.mark.parametrize("outcomes", [False, True])
def test_rows_of_tables_with_keys_and_outcomes_are_written_where_they_are_records(
    dedup: citesift.Dedup, outcomes: bool, tmp_path: Path
) -> None:
    table = pa.table({"text": PAGES, "path": ["a"] * len(PAGES)})
    found = citesift.parse_batch(table, path="path", dedup=dedup, outcomes=outcomes)
    assert found.num_rows > 9 if outcomes else found.num_rows == 10
    assert written(found) == lines(citesift.to_dicts(found))


def test_what_is_no_table_of_records_is_an_error_that_names_the_column() -> None:
    with pytest.raises(TypeError, match="table: a pyarrow.RecordBatch .* this is a dict"):
        citesift.to_lines({})  # type: ignore[arg-type]
    for table in (pa.table({"text": PAGES}), pa.table({"text": PAGES}).slice(0, 0), pa.table({})):
        with pytest.raises(ValueError, match='no column "source"; those of citesift.schema'):
            citesift.to_lines(table)


def columns_of(fields: Any, above: str = "") -> Iterator[tuple[str, pa.Field]]:
    """All columns of records, with those in others."""
    for field in fields:
        path = above + field.name
        yield path, field
        kind = field.type.value_type if pa.types.is_list(field.type) else field.type
        if pa.types.is_struct(kind):
            yield from columns_of(kind, f"{path}.")


COLUMNS = [
    (emit, path, field)
    for emit in EMITS
    for path, field in columns_of(list(citesift.schema(emit))[2:])
]


def retyped(fields: Any, path: list[str], kind: pa.DataType | None) -> list[pa.Field]:
    """The fields, of which one has another type, or none and is missing."""
    found = []
    for field in fields:
        if field.name == path[0]:
            if len(path) > 1:
                is_list = pa.types.is_list(field.type)
                inside = field.type.value_type if is_list else field.type
                of_struct = pa.struct(retyped(inside, path[1:], kind))
                field = field.with_type(pa.list_(of_struct) if is_list else of_struct)
            elif kind is None:
                continue
            else:
                field = pa.field(field.name, kind)
        found.append(field.with_nullable(True))
    return found


def replaced(record: Any, path: list[str], value: Any) -> Any:
    """With another value there, and in every item of a list."""
    if not path:
        return value
    if isinstance(record, list):
        return [replaced(item, path, value) for item in record]
    name, *below = path
    return record | {name: replaced(record[name], below, value)}


def table_with(emit: Emit, path: str, value: Any, kind: pa.DataType | None = None) -> pa.Table:
    """Records, of which the third has another value there, or all of them if it has another type."""
    found = citesift.parse_batch(pa.table({"text": PAGES}), emit=emit, near=0.5)
    rows = found.to_pylist()
    for number in [2] if kind is None else range(len(rows)):
        rows[number] = replaced(rows[number], path.split("."), value)
    kind = kind or dict(columns_of(found.schema))[path].type
    return pa.Table.from_pylist(rows, pa.schema(retyped(found.schema, path.split("."), kind)))


@pytest.mark.parametrize(("emit", "path"), [column[:2] for column in COLUMNS])
def test_a_column_that_is_missing_or_of_another_type_is_an_error_that_names_it(
    emit: Emit, path: str
) -> None:
    table = citesift.parse_batch(pa.table({"text": PAGES}), emit=emit)
    schema = pa.schema(retyped(table.schema, path.split("."), None))
    missing = pa.Table.from_pylist(table.to_pylist(), schema)
    # Without statements it is no table of reports.
    named = "id" if path == "statements" else path
    with pytest.raises(ValueError, match=f'no column "{named}"; those of citesift.schema'):
        citesift.to_lines(missing)
    other = table_with(emit, path, None, pa.float32())
    with pytest.raises(ValueError, match=f'column "{path}": of type Float32, where .* is needed'):
        citesift.to_lines(other)


@pytest.mark.parametrize("name", ["doi", "statements", "outcome"])
def test_two_columns_of_one_name_are_an_error_that_names_it(name: str) -> None:
    table = citesift.parse_batch(pa.table({"text": PAGES}), outcomes=True)
    names = table.schema.names
    twice = pa.RecordBatch.from_arrays([*table.columns, table[name]], [*names, name])
    with pytest.raises(ValueError, match=f'there are 2 columns "{name}"'):
        citesift.to_lines(twice)


@pytest.mark.parametrize(
    ("emit", "path"), [(emit, path) for emit, path, field in COLUMNS if not field.nullable]
)
def test_a_null_where_every_record_has_a_value_is_an_error_with_its_place(
    emit: Emit, path: str
) -> None:
    place = re.escape(f'row 2, column "{path}": null')
    with pytest.raises(ValueError, match=place):
        citesift.to_lines(table_with(emit, path, None))
    if pa.types.is_list(dict(columns_of(citesift.schema(emit)))[path].type):
        with pytest.raises(ValueError, match=place):
            citesift.to_lines(table_with(emit, path, [None]))
    chunks = [table_with(emit, path, None).slice(1, 1), table_with(emit, path, None).slice(1, 3)]
    with pytest.raises(ValueError, match=place):
        citesift.to_lines(pa.concat_tables(chunks))


@pytest.mark.parametrize(("emit", "path"), [column[:2] for column in COLUMNS if column[2].nullable])
def test_a_null_where_a_record_may_have_none_is_written(emit: Emit, path: str) -> None:
    *_, name = path.split(".")
    found = written(table_with(emit, path, None))[2]
    if name not in ("similar_to", "similarity"):
        assert f'"{name}":null' in (found or "")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("year", 65536, "65536 is out of range"),
        ("year", -1, "-1 is out of range"),
        ("tallies.total", -1, "-1 is out of range"),
        ("doi", "10.5555/A", "lower case is needed"),
        ("statements.confidence", 256, "256 is out of range"),
        ("statements.confidence", 101, "101 is out of range"),
        ("statements.confidence", -1, "-1 is out of range"),
        ("statements.occurrences", 0, "0 is out of range"),
        ("statements.id", "0" * 31, "32 lower-case hexadecimal digits are needed"),
        ("statements.id", "A" * 32, "32 lower-case hexadecimal digits are needed"),
        ("statements.type", "Supporting", "unknown variant `Supporting`, expected one of"),
        ("warnings", ["none"], "unknown variant `none`, expected one of"),
        ("warnings", ["no_header", "no_header"], "each warning is needed once"),
        ("warnings", ["no_header", "truncated_page"], "each warning is needed once"),
        ("meta", "", "a JSON object in one line is needed"),
        ("meta", "[]", "a JSON object in one line is needed"),
        ("meta", '{"a":1', "a JSON object in one line is needed"),
        ("meta", '{"a":\n1}', "a JSON object in one line is needed"),
        ("meta", '{"a":1} ', "a JSON object in one line is needed"),
        ("meta", '{"a":1}\r', "a JSON object in one line is needed"),
        ("meta", '{"a":"\\ud800"}', "half of a surrogate pair is no text"),
        ("meta", '{"a":"\\\\\\udc00"}', "half of a surrogate pair is no text"),
        ("meta", '{"a":"\\ud83d\\n"}', "half of a surrogate pair is no text"),
    ],
)
def test_a_value_that_no_record_has_is_an_error_with_its_place(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f'row 2, column "{path}": {message}')):
        citesift.to_lines(table_with("reports", path, value))


def test_escapes_that_are_text_are_written() -> None:
    meta = '{"a":"\\ud83d\\uDE00 \\\\ud800 \\u00e9\\"\\ud83d\\ude00"}'
    assert f'"meta":{meta}' in (written(table_with("reports", "meta", meta))[2] or "")


@pytest.mark.parametrize(
    ("emit", "path"),
    [(emit, path) for emit, path, field in COLUMNS if pa.types.is_string(field.type)],
)
def test_a_text_that_is_no_utf_8_is_an_error_with_its_place(emit: Emit, path: str) -> None:
    name = re.escape(path)
    with pytest.raises(ValueError, match=f'row 0, column "{name}": (invalid utf-8|32 lower-case)'):
        citesift.to_lines(table_with(emit, path, b"a\xff", pa.binary()))


def test_a_similarity_stands_with_what_is_similar() -> None:
    with pytest.raises(ValueError, match='row 2, column "similar_to": null, and there is'):
        citesift.to_lines(table_with("statements", "similarity", 0.5))


@pytest.mark.parametrize("share", [None, 0.0, 0.0004, 0.5004, -0.5, 1.001, float("nan")])
def test_a_similarity_is_a_number_of_thousandths(share: float | None) -> None:
    rows = citesift.parse_batch(pa.table({"text": PAGES}), emit="statements").to_pylist()
    rows[1] |= {"similar_to": rows[0]["id"], "similarity": share}
    with pytest.raises(ValueError, match='row 1, column "similarity": '):
        citesift.to_lines(pa.Table.from_pylist(rows, citesift.schema("statements")))
    for share in (0.001, 0.3, 0.999, 1.0):
        rows[1]["similarity"] = share
        table = pa.Table.from_pylist(rows, citesift.schema("statements"))
        assert written(table) == lines(citesift.to_dicts(table))
