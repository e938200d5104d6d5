"""What the measuring programs share: how to build citesift, and how to get a dump."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build():
    """Builds the program and returns its path."""
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    found = subprocess.run(metadata, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return str(Path(json.loads(found)["target_directory"]) / "release" / "citesift")


def write_dump(size, dump):
    """Writes a dump of invented pages, of so many bytes, and returns its path."""
    bench = ["cargo", "bench", "--quiet", "--bench", "end_to_end", "--"]
    subprocess.run([*bench, "--write-dump", str(size), str(dump)], cwd=ROOT, check=True)
    return dump
