#!/usr/bin/env python3
"""Puts the pages of a dump into the containers that `guided` has the program read.

    packaging/training.py DUMP FOLDER

writes to FOLDER the pages as pages.jsonl, pages.warc, pages.tar, pages.zip and pages.bz2, and in
gzip as one.gz, a single member, and many.gz, a member a page. Only what comes with Python is used,
so that all who build a release train it on the same; what other tools would have to pack, such as
zstd, the program writes itself.
"""

import bz2
import mmap
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benches"))

from forms import LEVEL, bounds, gzip, write_lines, write_members  # noqa: E402


def main():
    dump, folder = map(Path, sys.argv[1:])
    with open(dump, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        pages = list(bounds(text))
        write_lines(text, pages, folder / "pages.jsonl")
        write_members(text, pages, folder / "many.gz")
        write_warc((text[start:end] for start, end in pages), folder / "pages.warc")
        (folder / "one.gz").write_bytes(gzip.compress(text, LEVEL))
        (folder / "pages.bz2").write_bytes(bz2.compress(text))
    with tarfile.open(folder / "pages.tar", "w") as archive:
        archive.add(dump, dump.name)
    with zipfile.ZipFile(folder / "pages.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(dump, dump.name)


def write_warc(pages, path):
    with open(path, "wb") as out:
        for number, page in enumerate(pages):
            out.write(
                b"WARC/1.0\r\nWARC-Type: conversion\r\n"
                b"WARC-Target-URI: https://example.org/%d\r\nWARC-Date: 2024-02-20T20:40:32Z\r\n"
                b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % (number, len(page))
            )
            out.write(page + b"\r\n\r\n")


if __name__ == "__main__":
    main()
