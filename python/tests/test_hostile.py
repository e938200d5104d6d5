"""Texts that no page should hold come out as the library has them, or are refused clearly."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import lines, page, printed

import citesift
from citesift import Emit


def test_a_lone_surrogate_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match="text: character 3 is a lone surrogate"):
        citesift.parse("abc\ud800")
    with pytest.raises(ValueError, match="url: character 0 is a lone surrogate"):
        citesift.parse("abc", "\udfff")


def test_other_types_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="text: str or bytes is needed, and this is int"):
        citesift.parse(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="batch: .* this is a list"):
        citesift.parse_batch([PAGE])  # type: ignore[arg-type]


def test_a_rejected_text_says_why_and_shows_its_beginning() -> None:
    with pytest.raises(citesift.Rejected, match="report pages only") as raised:
        citesift.parse("  Some other page\n" * 20)
    assert raised.value.reason == "not_a_report"
    assert raised.value.excerpt.startswith("  Some other page\n")
    assert isinstance(raised.value, (citesift.Error, ValueError))
    with pytest.raises(citesift.Rejected):
        citesift.parse("")


def test_a_page_is_found_wherever_it_stands_in_a_text() -> None:
    record = citesift.parse("Skip to content\n2012\n" + PAGE)
    assert (record["doi"], record["year"], record["warnings"]) == ("10.5555/x", 2012, [])
    assert record["source"]["offset"] == 16


def test_a_text_of_several_pages_is_refused_and_not_mixed() -> None:
    with pytest.raises(citesift.Rejected, match="second report page begins at byte") as raised:
        citesift.parse(PAGE + "\n" + page("10.5555/y", "Other", "Also cited."))
    assert raised.value.reason == "several_reports"
    assert raised.value.excerpt.startswith("DOI: 10.5555/y")
    assert "parse_batch and clean" in str(raised.value)


def test_a_kept_number_of_any_length_ends_no_run(tmp_path: Path) -> None:
    digits = "9" * 5000
    dump = tmp_path / "dump.jsonl"
    dump.write_text(f'{{"id": [7, {digits}], "text": {json.dumps(PAGE)}}}\n' * 2)
    records = list(citesift.clean(dump, keep=["id"]))
    assert [record["meta"] for record in records] == [{"id": [7, Decimal(digits)]}] * 2
    [table] = citesift.parse_file(dump, keep=["id"])
    assert list(citesift.to_dicts(table)) == records


def test_a_kept_field_of_any_depth_ends_no_run(tmp_path: Path) -> None:
    depth = 200_000
    odd = '{"a": "[,\\"", "b": {}, "c": [-1.5, null, true]}'
    fields = f'"deep": {"[" * depth}{odd}, {"9" * 5000}{"]" * depth}, "other": {odd}'
    dump = tmp_path / "dump.jsonl"
    dump.write_text(f'{{{fields}, "text": {json.dumps(PAGE)}}}\n' * 2)
    clean = list(citesift.clean(dump, keep=["deep", "other"]))
    [table] = citesift.parse_file(dump, keep=["deep", "other"])
    assert len(clean) == 2
    for record in [*clean, *citesift.to_dicts(table)]:
        meta = record.pop("meta")
        assert record["doi"] == "10.5555/x"
        assert meta["other"] == json.loads(odd)
        found = meta["deep"]
        for _ in range(depth - 1):
            [found] = found
        assert found == [json.loads(odd), Decimal("9" * 5000)]


PAGE = page("10.5555/x", "Title", "Cited.")
EMITS: list[Emit] = ["reports", "statements"]
TEXTS = {
    "NUL": page("10.5555/n", "A\0B", "C\0D", "\0"),
    "controls": page(
        "10.5555/c", "".join(map(chr, range(1, 9))), "\x0b\x0c\x1b\x7f\x85\u2028\u202e"
    ),
    "a title of a megabyte": page("10.5555/t", "Title " * 170_000, "Cited."),
    "a statement of a megabyte": page("10.5555/s", "Title", 'word “ ” \\ " ' * 70_000),
    "many statements": page("10.5555/m", "Title", *(f"Number {n}." for n in range(20_000))),
    "many repeats": page("10.5555/r", "Title", *("Again.", "and again.") * 10_000),
    "astral": page("10.5555/a", "\U0001f600" * 10_000, "\U0010ffff"),
    "the largest count": PAGE + "citations\nCited by 9223372036854775807 publications\n",
    "more than the largest": PAGE + "citations\nCited by 9223372036854775808 publications\n",
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("emit", EMITS)
def test_hostile_texts_are_the_same_records_everywhere(
    name: str, emit: Emit, tmp_path: Path
) -> None:
    text = TEXTS[name]
    dump = tmp_path / "dump.txt"
    dump.write_bytes(text.encode())
    expected = lines(citesift.clean(dump, emit=emit))
    assert expected
    rows = pa.table({"text": [text], "at": [str(dump)]})
    table = citesift.parse_batch(rows, path="at", emit=emit)
    table.validate(full=True)
    assert lines(citesift.to_dicts(table)) == expected
    assert citesift.to_lines(table).to_pylist() == printed(str(dump), emit=emit)
    if emit == "reports":
        record = citesift.parse(text)
        record["source"]["path"] = str(dump)
        assert lines([record]) == expected


def test_bytes_that_are_no_utf_8_are_replaced_and_told() -> None:
    broken = PAGE.encode().replace(b"Cited", b"Ci\xff\xfeted")
    record = citesift.parse(broken)
    assert record["statements"][0]["text"] == "Ci\ufffd\ufffdted."
    assert record["warnings"] == ["invalid_utf8"]
    for kind in (pa.binary(), pa.large_binary()):
        table = citesift.parse_batch(pa.table({"text": pa.array([broken], kind)}))
        assert list(citesift.to_dicts(table)) == [record]
    # A string of Arrow may hold anything: nobody has looked.
    array = pa.array([broken], pa.binary()).view(pa.string())
    assert list(citesift.to_dicts(citesift.parse_batch(pa.table({"text": array})))) == [record]


def test_a_result_that_is_too_large_is_an_error_that_says_what_to_do() -> None:
    text = page("10.5555/x", "Title " * 350_000, *(f"Number {n}." for n in range(1100)))
    with pytest.raises(ValueError, match=re.escape("2 GiB; give fewer rows at once")):
        citesift.parse_batch(pa.table({"text": [text]}), emit="statements")


def test_lines_that_are_too_large_are_an_error_that_says_what_to_do() -> None:
    table = pa.table(citesift.parse_batch(pa.table({"text": [PAGE]})))
    # What is long here is copied as it is; a debug build takes a minute for a title of this size.
    meta = pa.array([json.dumps({"long": "x" * 2_000_000})])
    long = table.set_column(table.schema.get_field_index("meta"), "meta", meta)
    with pytest.raises(ValueError, match=re.escape("2 GiB; give fewer rows at once")):
        citesift.to_lines(pa.concat_tables([long] * 1100))


def test_lines_that_are_no_utf_8_are_an_error() -> None:
    table = citesift.parse_batch(pa.table({"text": [PAGE]}))
    for name in ("title", "report_id", "meta"):
        column = table.schema.get_field_index(name)
        broken = pa.array([b"Ti\xff\xfetle"], pa.binary()).view(pa.string())
        with pytest.raises(ValueError, match="(?i)utf-?8"):
            citesift.to_lines(table.set_column(column, name, broken))


def test_the_schema_of_json_is_that_of_the_program() -> None:
    schemas = Path(__file__).resolve().parents[2] / "schemas"
    for emit in EMITS:
        kept = [json.loads(path.read_text()) for path in schemas.glob(f"**/*{emit}*")]
        assert citesift.json_schema(emit) in kept
