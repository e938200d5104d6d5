#!/usr/bin/env python3
"""Puts the pages of a plain dump into the forms that crawls come in.

    benches/forms.py DUMP FOLDER BYTES FILES

writes, of the first BYTES of DUMP cut at a page's end,

    FOLDER/pages.jsonl          a page a line
    FOLDER/one.gz               one member
    FOLDER/many.gz              a member a page, as web archives have a record a member
    FOLDER/pages.zst            where zstd is installed
    FOLDER/parts/N.gz, N.zst    the same in eight files of equal size
    FOLDER/files/N.txt          the first FILES pages, each in a file of its own

and prints their sizes in bytes of text, as JSON. A program of its own because of its memory: a
process counts what its parent had, and `compare` measures peaks of its children.
"""

import gzip
import itertools
import json
import mmap
import shutil
import subprocess
import sys
from pathlib import Path

from general_crawl import PAGE_START

PARTS = 8
LEVEL = 6  # of gzip, which is what gzip itself does unasked


def main():
    dump, folder, most, files = sys.argv[1:]
    folder, most, files = Path(folder), int(most), int(files)
    with open(dump, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        pages = itertools.takewhile(lambda page: page[1] <= most, bounds(text))
        pages = list(pages)
        sizes = {"text": pages[-1][1], "files": pages[min(files, len(pages)) - 1][1]}
        write_lines(text, pages, folder / "pages.jsonl")
        write_members(text, pages, folder / "many.gz")
        write_packed(text[: sizes["text"]], folder, "one.gz", "pages.zst")
        write_parts(text, pages, folder / "parts")
        write_files(text, pages[:files], folder / "files")
    print(json.dumps(sizes))


def bounds(text):
    """Where each page starts and ends; what stands before the first one is its own."""
    starts = (match.start() for match in PAGE_START.finditer(text))
    starts = itertools.chain([0], (start for start in starts if start > 0), [len(text)])
    return itertools.pairwise(starts)


def write_lines(text, pages, path):
    with open(path, "w", encoding="utf-8") as out:
        for start, end in pages:
            json.dump({"text": text[start:end].decode(errors="replace")}, out, ensure_ascii=False)
            out.write("\n")


def write_members(text, pages, path):
    with open(path, "wb") as out:
        for start, end in pages:
            out.write(gzip.compress(text[start:end], LEVEL))


def write_packed(text, folder, gz, zst):
    (folder / gz).write_bytes(gzip.compress(text, LEVEL))
    if shutil.which("zstd"):
        with open(folder / zst, "wb") as out:
            subprocess.run(["zstd", "--quiet", "--stdout"], input=text, stdout=out, check=True)


def write_parts(text, pages, folder):
    folder.mkdir()
    size = -(-len(pages) // PARTS)
    parts = (pages[first : first + size] for first in range(0, len(pages), size))
    for number, part in enumerate(parts):
        write_packed(text[part[0][0] : part[-1][1]], folder, f"{number}.gz", f"{number}.zst")


def write_files(text, pages, folder):
    folder.mkdir()
    for number, (start, end) in enumerate(pages):
        (folder / f"{number:06}.txt").write_bytes(text[start:end])


if __name__ == "__main__":
    main()
