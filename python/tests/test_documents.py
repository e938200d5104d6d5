"""What the documents say of the package: their code runs, and their names are there."""

from __future__ import annotations

import inspect
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import citesift
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import lines, needed, page
from test_golden import TEXTS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "python/README.md", "docs/src/python.md"]
BOOK = (ROOT / "docs/src/python.md").read_text()


def blocks(document: str) -> list[str]:
    """The code, but for that which needs an engine, and is run by `test_spark.py`."""
    found = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    return [block for block in found if "spark" not in block]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_code_runs(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page("10.5555/x", "Title", "Cited.")
    monkeypatch.chdir(tmp_path)
    for folder in ("dump", "more"):
        (tmp_path / folder).mkdir()
    for name in ("page.txt", "dump.txt.zst", "dump/a.txt", "more/b.txt"):
        (tmp_path / name).write_text(text)
    found = blocks(document)
    assert found
    for block in found:
        names = {"citesift": citesift, "pyarrow": pa, "text": text, "texts": [text], "urls": [None]}
        exec(compile(block, document, "exec"), names)
        assert names.get("table") is None or names["table"].num_rows == 1


def test_every_function_of_the_readme_is_there_and_every_one_is_in_it() -> None:
    readme = (ROOT / "python/README.md").read_text()
    told = set(re.findall(r"^\| `(\w+)\(", readme, re.MULTILINE))
    functions = {name for name in citesift.__all__ if inspect.isfunction(getattr(citesift, name))}
    assert told == functions


def test_every_option_of_a_run_is_told() -> None:
    options = set(inspect.signature(citesift.clean).parameters) - {"paths"}
    section = BOOK.split("## A run")[1].split("\n## ")[0]
    assert options <= set(re.findall(r"`(\w+)`", section))


def test_every_column_beside_the_record_is_told_and_only_those() -> None:
    section = BOOK.split("## Tables")[1]
    told = set(re.findall(r"`(\w+)`", section))
    plain, all_columns = (
        set(citesift.schema().names),
        set(citesift.schema(dedup="run", outcomes=True).names),
    )
    assert (all_columns - plain) | {"row", "page", "statement_key"} <= told
    outcomes = set(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| .* \| .* \|$", section, re.MULTILINE))
    assert {name for names in outcomes for name in re.findall(r"\w+", names)} == {
        "report",
        "rejected",
        "skipped",
        "not_read",
        "between_pages",
        "container",
        "fault",
        "outcome",
    }


@pytest.mark.parametrize("name", citesift.__all__)
def test_everything_has_a_docstring(name: str) -> None:
    found = getattr(citesift, name)
    if inspect.isclass(found) or inspect.isfunction(found):
        assert found.__doc__


def recipe(engine: str) -> str:
    """The code that the book has for an engine other than Spark."""
    code = (ROOT / "docs/src/spark.md").read_text().split("## Without DataFrames")[1]
    found: list[str] = re.findall(r"```python\n(.*?)```", code, re.DOTALL)
    [block] = [block for block in found if f"import {engine}\n" in block]
    return block


def test_the_recipe_for_daft_gives_reports(tmp_path: Path) -> None:
    needed("daft")
    (tmp_path / "pages").mkdir()
    texts = [page("10.5555/x", "X", "One.", "Two."), "Nothing.", page("10.5555/y", "Y") * 2]
    pyarrow.parquet.write_table(pa.table({"text": texts}), tmp_path / "pages/a.parquet")
    # A process of its own, for it starts threads. It must also end well: see what the book says
    # of a script's end.
    command = [sys.executable, "-c", recipe("daft")]
    ended = subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    table = pyarrow.parquet.read_table(tmp_path / "reports")
    expected = citesift.parse_batch(pa.table({"text": texts}))
    assert int(ended.stdout) == expected.num_rows
    found = citesift.to_dicts(table.select(expected.schema.names))
    assert sorted(lines(found)) == sorted(lines(citesift.to_dicts(expected)))


def test_the_recipe_for_ray_gives_the_expected_lines(tmp_path: Path) -> None:
    needed("ray")
    plain = [case for case in TEXTS if not case.options]
    assert len(plain) >= 50
    (tmp_path / "pages").mkdir()
    for number, some in enumerate((plain[::2], plain[1::2])):
        texts = [(case.folder / case.inputs[0]).read_bytes() for case in some]
        table = pa.table({"text": pa.array(texts, pa.binary())})
        pyarrow.parquet.write_table(table, tmp_path / f"pages/{number}.parquet")
    # Sockets have short paths, and those of pytest's folders are too long. Nothing joins another's
    # Ray, tells of its use or leaves a token in the home folder.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="ray-") as short:
        begin = "import ray\nray.init('local', num_cpus=2, include_dashboard=False, "
        begin += f"object_store_memory=100_000_000, _temp_dir={short!r})\n"
        told = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        subprocess.run(
            [sys.executable, "-c", begin + recipe("ray") + "ray.shutdown()\n"],
            cwd=tmp_path,
            env={**os.environ, **told, "RAY_USAGE_STATS_ENABLED": "0"},
            check=True,
            timeout=300,
        )
    found = pyarrow.parquet.read_table(tmp_path / "reports")
    assert found.schema.remove_metadata() == citesift.schema()
    records = [json.loads(expected) for case in plain for expected in case.expected()]
    for record in records:
        # The recipe names no column with the path.
        record["source"]["path"] = ""
    assert sorted(lines(citesift.to_dicts(found))) == sorted(lines(records))
