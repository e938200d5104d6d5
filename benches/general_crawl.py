#!/usr/bin/env python3
"""Makes a general crawl to measure with: 1 page of 1,000 is a report page, the others are not.

    benches/general_crawl.py wet|jsonl BYTES DUMP FOLDER

writes FOLDER/crawl.wet (WARC/1.0 conversion records, as Common Crawl has them) or
FOLDER/crawl.jsonl (one object per line) of about BYTES bytes; the same beside it as .gz (WET
with one member per record, JSON Lines with one in all) and, where zstd is installed, as .zst;
and prints how many report pages and how many others are in it, as JSON.

The report pages are the first ones of DUMP, a plain dump. The others are invented: words
that come as often as a language's words do, in lines like those of web sites. Their text is
cut from one long text, from its beginning to its end and then again, so what repeats is far
outside the window of gzip and of zstd at its usual level, and takes them as long as the text
of a real crawl does. At a level that looks back further than LONG_TEXT the ratios are wrong.

The same seed gives the same bytes; there is no clock. It is a program of its own because of its
memory: a process counts what its parent had, and `compare` measures peaks of its children.
"""

import base64
import gzip
import hashlib
import itertools
import json
import mmap
import re
import shutil
import subprocess
import sys
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

SEED = 1
EVERY = 1000  # pages, of which one is a report page
FIRST = 10  # the first report page's number, so that small crawls have one too
LONG_TEXT = 32_000_000  # bytes; zstd -3 looks back 2 MiB
MEDIAN, SPREAD = 3_500, 0.9  # of a page's bytes, log-normal: 5.2 kB in the mean
SHORTEST, LONGEST = 200, 1_000_000
PHRASES = 0.8  # of all runs of words that end in one
LEVEL = 5  # of gzip; 6 takes half as long again and gains 2 %

# A page of a plain dump, also where it is glued to the line before.
PAGE_START = re.compile(rb"(?=\d{4}\r?\nDOI: 10\.[^\n]*\n\|)")

LANGUAGES = [("en", "eng")] * 12 + [("de", "deu"), ("fr", "fra"), ("es", "spa"), ("pl", "pol")]
BEGAN = datetime(2024, 2, 20, 20, 40, 32)
CRAWL = "CC-MAIN-2024-10"


class Page(NamedTuple):
    """What a crawler keeps of a page."""

    url: str
    text: bytes
    language: tuple[str, str]
    number: int
    id: str
    origin: str


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in FORMS:
        sys.exit("usage: general_crawl.py wet|jsonl BYTES DUMP FOLDER")
    form, size, dump, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    crawl = folder / f"crawl.{form}"
    reports = others = 0
    with FORMS[form](crawl) as sink:
        for page in pages(report_texts(dump)):
            sink.write(page)
            reports += is_report(page.number)
            others += not is_report(page.number)
            if sink.written >= size and reports:
                break
    if shutil.which("zstd"):
        subprocess.run(["zstd", "-q", "-f", "-3", "-T0", str(crawl)], check=True)
    print(json.dumps({"reports": reports, "others": others}))


def is_report(number):
    return number % EVERY == FIRST


def report_texts(dump):
    """The dump's pages, one after the other, and again when they do not suffice."""
    with open(dump, "rb") as file:
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if next(single_pages(text), None) is None:
        sys.exit(f"{dump}: no report page is in it")
    while True:
        yield from single_pages(text)


def single_pages(text):
    """What stands between two starts, unless a page without a year is hidden in it."""
    starts = (start.start() for start in PAGE_START.finditer(text))
    for start, end in itertools.pairwise(itertools.chain(starts, [len(text)])):
        if text[start:end].count(b"DOI: 10.") == 1:
            yield text[start:end]


def pages(reports):
    """All pages of the crawl, without end; the form they are written in changes none of them."""
    chance = Random(SEED)
    words = vocabulary(chance)
    text, place = long_text(words, chance), 0
    hosts = [word for word in words if word.isascii() and word.islower()]
    for number in itertools.count():
        language = chance.choice(LANGUAGES)
        ids = [f"<urn:uuid:{uuid.UUID(int=chance.getrandbits(128), version=4)}>" for _ in range(2)]
        if is_report(number):
            url = f"https://scite.ai/reports/{'-'.join(chance.choices(hosts, k=5))}-{number:08d}"
            yield Page(url, next(reports), LANGUAGES[0], number, *ids)
            continue
        length = min(max(int(chance.lognormvariate(0, SPREAD) * MEDIAN), SHORTEST), LONGEST)
        end = text.find(b"\n", place + length)
        if end < 0:
            place, end = 0, text.find(b"\n", length)
        yield Page(address(hosts, chance), text[place:end], language, number, *ids)
        place = end + 1


def address(words, chance):
    host, section, *rest = chance.choices(words, k=4)
    top, number = chance.choice(["com", "org", "net", "de", "co.uk"]), chance.randrange(10**6)
    folder = chance.choice(["news", "blog", "reports", "shop", "wiki", section])
    return f"https://www.{host}.{top}/{folder}/{'-'.join(rest)}-{number}.html"


# Text


COMMON = """the of and to in a is for that on with was it as by are be this at from you have or an
not your will we can all has but more our their they which about one also when other his if new
time so what there its were up out who her would like some been do into than any just make no get
only my very people use how these most over""".split()

# Words that a search for report pages stumbles over; in running text, never a line of their own.
LOOKALIKES = """report section confidence citation citations references cited abstract publications
statement mentioning supporting contrasting authors journals scite""".split()

MENU = """Home|About us|Contact|Sign in|Privacy Policy|Terms of Use|Read more|Share this|Next page
Menu|Skip to content|Newsletter|Leave a comment|Back to top|All rights reserved|Add to cart
Subscribe|Reply|English|Advertisement""".replace("\n", "|").split("|")


def vocabulary(chance, size=20_000):
    """Words from the commonest to the rarest; the rarer, the longer."""
    onsets = "b c d f g h j k l m n p r s t v w z br ch cl cr dr fl fr gr pl pr sh sl sp st str"
    onsets = f"{onsets} th tr".split()
    vowels = "a e i o u a e i o ea ou ai io".split() * 2 + "é ü ö ä á ó í ł".split()
    codas = ["", "", "", "n", "r", "s", "t", "l", "nd", "st", "ng", "m", "ck"]
    endings = ["", "", "", "ed", "ing", "er", "s", "ly", "ion"]
    coined = {}
    while len(coined) < size:
        reach = 1 + len(coined) // 5_000
        syllables = range(chance.randint(1, min(reach, 4)))
        word = "".join(chance.choice(onsets) + chance.choice(vowels) for _ in syllables)
        word += chance.choice(codas) + chance.choice(endings)
        coined[word.capitalize() if chance.random() < 0.15 else word] = None
    words = COMMON + list(coined)
    for rank, word in enumerate(LOOKALIKES):
        words.insert(400 + 50 * rank, word)
    return words


def long_text(words, chance):
    """Pieces of sites, one after the other, each a line or some."""
    subject = Subject(words, chance)
    pieces, size = [], 0
    while size < LONG_TEXT:
        if chance.random() < 0.1:
            subject.change()
        piece = chance.choices([paragraph, heading, menu, entries], [60, 20, 8, 12])[0]
        pieces.append(piece(subject, chance).encode())
        size += len(pieces[-1]) + 1
    return b"\n".join(pieces) + b"\n"


class Subject:
    """What a site is about: words as they come, and now and then a phrase that it likes."""

    def __init__(self, words, chance):
        weights = itertools.accumulate((rank + 3) ** -1.1 for rank in range(len(words)))
        self.drawn = chance.choices(words, cum_weights=list(weights), k=1_000_000)
        self.chance = chance
        self.change()

    def change(self):
        self.phrases = [self._run(self.chance.randint(3, 6)) for _ in range(25)]

    def words(self, fewest, most):
        run = self._run(self.chance.randint(fewest, most))
        if self.chance.random() < PHRASES:
            liked = self.phrases[int(self.chance.random() ** 2 * len(self.phrases))]
            return f"{run} {liked}"
        return run

    def _run(self, number):
        start = self.chance.randrange(len(self.drawn) - number)
        return " ".join(self.drawn[start : start + number])


def paragraph(subject, chance):
    sentences = range(chance.choice([1, 1, 2, 3, 3, 4, 5, 8]))
    return " ".join(sentence(subject, chance) for _ in sentences)


def sentence(subject, chance):
    shape = chance.choices(SHAPES, SHARES)[0]
    made = shape.format(subject.words(2, 9), subject.words(2, 9), chance.randint(1, 2_030))
    return made[0].upper() + made[1:]


SHAPES, SHARES = zip(
    ("{0} {1}.", 40),
    ("{0}, {1}.", 30),
    ("{0} {2} {1}.", 8),
    ("{0}’s {1}.", 5),
    ("{0} – {1}!", 4),
    ("“{0},” {1}.", 3),
    ('{0} "{1}".', 3),
    ("{0} ({1})?", 3),
    ("{0} … {1}…", 3),
    ("{0}: {1}; {2} %.", 1),
)


def heading(subject, _):
    return subject.words(4, 9).title()


def menu(_, chance):
    return "\n".join(chance.sample(MENU, chance.randint(3, 12)))


def entries(subject, chance):
    """Offers, dates, comments: a number and a few words a line."""
    shapes = ["{0} {1}", "{1} ({0})", "• {1}", "{1}: ${0}.99", "{0}/2023 | {1}"]
    shape, lines = chance.choice(shapes), range(chance.randint(2, 8))
    return "\n".join(shape.format(chance.randint(1, 400), subject.words(3, 6)) for _ in lines)


# Forms


class Wet:
    """WARC/1.0, after a record that describes the file; a gzip member per record."""

    def __init__(self, path):
        self.plain, self.packed = open(path, "wb"), open(f"{path}.gz", "wb")
        self.written = 0

    def __enter__(self):
        fields = f"Software-Info: general_crawl.py\r\nisPartOf: {CRAWL}\r\n".encode()
        head = {
            "WARC-Type": "warcinfo",
            "WARC-Date": moment(0),
            "WARC-Filename": "crawl.warc.wet.gz",
            "WARC-Record-ID": f"<urn:uuid:{uuid.UUID(int=0)}>",
            "Content-Type": "application/warc-fields",
        }
        self._record(head, fields)
        return self

    def write(self, page):
        digest = base64.b32encode(hashlib.sha1(page.text).digest()).decode()
        head = {
            "WARC-Type": "conversion",
            "WARC-Target-URI": page.url,
            "WARC-Date": moment(page.number),
            "WARC-Record-ID": page.id,
            "WARC-Refers-To": page.origin,
            "WARC-Block-Digest": f"sha1:{digest}",
            "WARC-Identified-Content-Language": page.language[1],
            "Content-Type": "text/plain",
        }
        self._record(head, page.text)

    def _record(self, head, body):
        lines = ["WARC/1.0", *(f"{name}: {value}" for name, value in head.items())]
        lines += [f"Content-Length: {len(body)}", "", ""]
        record = "\r\n".join(lines).encode() + body + b"\r\n\r\n"
        self.plain.write(record)
        self.packed.write(gzip.compress(record, LEVEL, mtime=0))
        self.written += len(record)

    def __exit__(self, *_):
        self.plain.close()
        self.packed.close()


class Jsonl:
    """An object per line; one gzip member."""

    def __init__(self, path):
        self.plain = open(path, "wb")
        self.packed = gzip.GzipFile(f"{path}.gz", "wb", LEVEL, mtime=0)
        self.written = 0

    def __enter__(self):
        return self

    def write(self, page):
        text = page.text.decode(errors="replace")
        keys = {"url": page.url, "text": text, "id": page.id, "dump": CRAWL}
        keys["language"] = page.language[0]
        line = json.dumps(keys, ensure_ascii=False).encode() + b"\n"
        self.plain.write(line)
        self.packed.write(line)
        self.written += len(line)

    def __exit__(self, *_):
        self.plain.close()
        self.packed.close()


def moment(number):
    return (BEGAN + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


FORMS = {"wet": Wet, "jsonl": Jsonl}


if __name__ == "__main__":
    main()
