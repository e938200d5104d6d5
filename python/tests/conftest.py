"""Where the golden cases and the real pages are, and how records are written down."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import citesift

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
FEWEST_CASES = 70


class Case:
    """A folder with an input, the program's arguments and what it must print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        args = folder / "args"
        typed = args.read_text().splitlines() if args.exists() else ["input.txt"]
        self.options: dict[str, Any] = {}
        self.told: dict[str, str] = {}
        self.inputs: list[str] = []
        words = iter(typed)
        for word in words:
            if not word.startswith("--"):
                self.inputs.append(word)
                continue
            name, value = word[2:].replace("-", "_"), next(words)
            match name:
                case "rejects" | "duplicates":
                    self.told[name] = f"expected.{name}.ndjson"
                case "keep":
                    self.options[name] = value.split(",")
                case "limit":
                    self.options[name] = int(value)
                case "near":
                    self.options[name] = float(value)
                case _:
                    self.options[name] = value

    def expected(self, name: str = "expected.ndjson") -> list[str]:
        return lines_of((self.folder / name).read_bytes().decode())


def lines_of(ndjson: str) -> list[str]:
    """Lines; a text in one may hold what `splitlines` takes for a line's end."""
    return ndjson.split("\n")[:-1]


def cases() -> list[Case]:
    folders = sorted(path for path in SAMPLES.iterdir() if (path / "expected.ndjson").exists())
    found = [Case(folder) for folder in folders if folder.name != "forms"]
    assert len(found) >= FEWEST_CASES, len(found)
    return found


def line(record: dict[str, Any]) -> str:
    """A record as the program writes it."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def as_python(expected: str) -> str:
    """A line with `meta` as Python writes it: 0.50 is 0.5 there."""
    record = json.loads(expected)
    head, meta, _ = expected.rpartition(',"meta":')
    return f"{head}{meta}{line(record['meta'])}}}" if record["meta"] else expected


def printed(paths: str | list[str], **options: Any) -> list[str]:
    """The lines that the program prints."""
    run = citesift.clean(paths, **options)._run
    assert run is not None
    pieces = iter(run.next, None)
    return lines_of(b"".join(records for records, _, _ in pieces).decode())


def lines(records: Iterable[dict[str, Any]]) -> list[str]:
    return [line(record) for record in records]


def real_pages() -> list[Path]:
    """Pages that are not in the repository, in the folder that a variable names."""
    named = os.environ.get("CITESIFT_REAL_PAGES")
    if not named:
        pytest.skip("NOT CHECKED: CITESIFT_REAL_PAGES names no folder of real pages")
    folders = [Path(named) / "seeds", Path(named) / "captures"]
    found = [page for folder in folders for page in sorted(folder.iterdir())]
    assert len(found) == 6, found
    return found


def page(doi: str, title: str, *statements: str) -> str:
    """A page with these statements."""
    blocks = "".join(
        f"“…{text}…”\nSection: Resultsmentioning\nconfidence: 99%\n" for text in statements
    )
    return f"DOI: {doi}\n|\n{title}\nHelp me understand this report\n{blocks}"


def dump_of(texts: list[str], path: Path) -> Path:
    """The texts as lines that all have a place."""
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def needed(tool: str) -> None:
    """Ends a test whose tool is missing: as a failure where all is to be checked."""
    if importlib.util.find_spec(tool) or shutil.which(tool):
        return
    message = f"NOT CHECKED: {tool} is not installed"
    if "CITESIFT_PYTHON" in os.environ:
        pytest.fail(message)
    pytest.skip(message)
