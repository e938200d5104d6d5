#!/usr/bin/env python3
"""What a user would write instead: regular expressions and the standard library's JSON.

    benches/peer.py DUMP > records.ndjson

It extracts less than citesift does (the paper, its tallies and its statements; no checks, no
places, no other form of a page than the usual one), drops repeats within a page, and expects
plain text that fits into memory. `compare` holds its counts against those of citesift.
"""

import json
import re
import sys

HEADER = re.compile(r"(\d{4})\nDOI: (10\.\S+)\n\|.*\n(?:\|.*\n|Sign up.*\n|\n)*(.*)")
TALLIES = re.compile(r"Citation Types\n\n(\d+)\n(\d+)\n(\d+)\n")
CITED = re.compile(r"Cited by ([\d,]+) publications?\n\(([\d,]+) citation statements?\)")
STATEMENT = re.compile(
    r"“…([^”]*(?:”(?!\nSection: )[^”]*)*)”\n"
    r"Section: (.*?) ?(supporting|mentioning|contrasting|unclassified)\nconfidence: (\d+)%"
)


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace", newline="\n") as file:
        text = file.read()
    encoded = json.JSONEncoder(ensure_ascii=False).encode
    for page in re.split(r"\n(?=\d{4}\nDOI: 10\.)", text):
        if header := HEADER.match(page):
            print(encoded(record(header, page)))


def record(header, page):
    year, doi, title = header.groups()
    tallies, cited = TALLIES.search(page), CITED.search(page)
    statements = dict.fromkeys(STATEMENT.findall(page))
    return {
        "doi": doi.lower(),
        "year": int(year),
        "title": title,
        "tallies": [int(number) for number in tallies.groups()] if tallies else None,
        "cited": [int(number.replace(",", "")) for number in cited.groups()] if cited else None,
        "statements": [
            {"text": text, "section": section or None, "type": kind, "confidence": int(percent)}
            for text, section, kind, percent in statements
        ],
    }


if __name__ == "__main__":
    main()
