"""The golden cases of the program: the same records, byte for byte as JSON."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from conftest import Case, as_python, cases, line, lines, printed

import citesift
from citesift import Emit

CASES = cases()
# A file by itself, whose pages are decided one by one.
PARSED = [
    case
    for case in CASES
    if len(case.inputs) == 1
    and (case.folder / case.inputs[0]).is_file()
    and case.options.get("dedup") not in ("run", "text")
    and "limit" not in case.options
]
TEXTS = [case for case in PARSED if case.inputs[0].endswith(".txt")]
LINES = [case for case in PARSED if case.inputs[0].endswith(".jsonl")]
PAGES = [case for case in TEXTS if not case.options and len(case.expected()) == 1]


def named(case: Case) -> str:
    return case.name


def test_so_many_cases_are_parsed_by_each_function() -> None:
    assert len(CASES) >= len(PARSED) >= 65
    assert len(TEXTS) >= 55
    assert len(LINES) >= 3
    assert len(PAGES) >= 45


@pytest.mark.parametrize("case", CASES, ids=named)
def test_clean_gives_the_expected_lines(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.folder)
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in case.told}
    tellers: dict[str, Any] = {name: found.append for name, found in told.items()}
    records = citesift.clean(case.inputs, **case.options, **tellers)
    assert lines(records) == [as_python(expected) for expected in case.expected()]
    for name, expected in case.told.items():
        assert lines(told[name]) == case.expected(expected)
    assert records.summary is not None
    assert records.summary["records"] == len(case.expected())


@pytest.mark.parametrize("is_in_memory", [True, False])
@pytest.mark.parametrize("case", PARSED, ids=named)
def test_parse_file_gives_the_expected_lines(case: Case, is_in_memory: bool) -> None:
    [name] = case.inputs
    path = case.folder / name
    file = path.read_bytes() if is_in_memory else path
    tables = list(citesift.parse_file(file, name, **case.options))
    found = [record for table in tables for record in citesift.to_dicts(table)]
    assert lines(found) == [as_python(expected) for expected in case.expected()]
    for table in tables:
        table.validate(full=True)
        assert table.schema == citesift.schema(case.options.get("emit", "reports"))
        for meta, expected in zip(table["meta"].to_pylist(), case.expected(), strict=True):
            assert expected.endswith(f',"meta":{meta or "null"}}}')


@pytest.mark.parametrize("emit", ["reports", "statements"])
@pytest.mark.parametrize("case", PARSED, ids=named)
def test_to_lines_gives_what_the_program_prints(
    case: Case, emit: Emit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(case.folder)
    [name] = case.inputs
    options = {**case.options, "emit": emit}
    tables = citesift.parse_file(name, **options)
    found = [line for table in tables for line in citesift.to_lines(table).to_pylist()]
    assert found == printed(name, **options)
    if emit == case.options.get("emit", "reports"):
        assert found == case.expected()


@pytest.mark.parametrize("case", TEXTS, ids=named)
def test_a_text_in_a_row_gives_the_expected_lines(case: Case) -> None:
    [name] = case.inputs
    text = (case.folder / name).read_bytes()
    rows = {"text": pa.array([text], pa.binary()), "at": [name]}
    table = citesift.parse_batch(pa.table(rows), path="at", **case.options)
    assert lines(citesift.to_dicts(table)) == case.expected()


@pytest.mark.parametrize("case", LINES, ids=named)
def test_rows_give_the_expected_lines(case: Case) -> None:
    [name] = case.inputs
    content = (case.folder / name).read_bytes().decode()
    rows = [(number, json.loads(row)) for number, row in enumerate(content.split("\n"), 1) if row]
    if "text_field" in case.options:
        found = [(number, row["content"]["body"], row["address"]) for number, row in rows]
    else:
        found = [(number, row.get("text"), row.get("url")) for number, row in rows]
    columns = {
        "text": pa.array([text for _, text, _ in found], pa.string()),
        "url": pa.array([url for _, _, url in found], pa.string()),
        "number": [str(number) for number, _, _ in found],
        "name": [name] * len(found),
    }
    table = citesift.parse_batch(pa.table(columns), path="name", record="number")
    expected = [json.loads(record) | {"meta": None} for record in case.expected()]
    assert lines(citesift.to_dicts(table)) == lines(expected)


@pytest.mark.parametrize("case", PAGES, ids=named)
def test_parse_gives_the_page_of_a_text(case: Case) -> None:
    [name] = case.inputs
    text = (case.folder / name).read_bytes()
    expected = json.loads(case.expected()[0])
    place = expected["source"]
    page = text[place["offset"] : place["offset"] + place["length"]]
    expected["source"] = place | {"path": "", "offset": 0}
    assert line(citesift.parse(page)) == line(expected)
    if "invalid_utf8" not in expected["warnings"]:
        assert line(citesift.parse(page.decode())) == line(expected)
