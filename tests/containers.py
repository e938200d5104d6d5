"""Writes report pages into every container that citesift reads, by programs that are not citesift.

A reader that is tested on its own writer's files shares that writer's mistakes. So the
containers come from the tools that fill real crawls: Debian's compressors, tar and zip, and
the Python packages warcio, pyarrow and json. Two runs with the same tools write the same bytes.

    python3 tests/containers.py PAGES_FOLDER OUT_FOLDER

PAGES_FOLDER holds one page a file, `*.txt`, taken in byte order of the names and counted from
zero. OUT_FOLDER gets the containers and `manifest.json`, a list of

    file       the container's name
    format     text, jsonl, warc, parquet, tar or zip: what is left below the compression
    args       flags that citesift needs for it
    has_urls   whether the container tells the address of every page
    writer     the program that wrote it, with its version
    pages      the pages in the order in which they come out: name, and url or null

JSON and Parquet cannot hold invalid UTF-8: pages that do are left out there, and the others
keep their numbers. Other sites' texts stand between the pages wherever a container has records.

Needs Python 3.9, and `pip install warcio pyarrow`. Without `zip`, Python's zipfile stands in.
"""

import base64
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
import zipfile
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from itertools import accumulate, cycle
from pathlib import Path
from typing import Callable

try:
    import pyarrow
    import pyarrow.parquet
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter
except ImportError as error:
    package = (error.name or "warcio pyarrow").partition(".")[0]
    sys.exit(f"containers.py: Python package {package} is missing; run: pip install {package}")

# The Debian package of each command line tool.
TOOLS = {
    "gzip": "gzip",
    "zstd": "zstd",
    "xz": "xz-utils",
    "bzip2": "bzip2",
    "lz4": "lz4",
    "tar": "tar",
}

START = datetime(2024, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
SECOND = int(START.timestamp())

# What a crawl mostly holds: no report page is among these. The second looks like JSON and the
# third like a record of a WARC file, for readers that search where they should count.
OTHER_SITES = (
    ("https://bakery.example/hours", "The bakery opens at seven.\nRye is sold out by noon.\n"),
    ("https://code.example/json", 'It printed {"text": "a \\"quoted\\" }brace{"}, [] and \\'),
    (
        "https://archives.example/warc",
        "A record begins like this:\r\n\r\nWARC/1.1\r\nWARC-Type: response\r\n"
        "Content-Length: 4\r\n\r\nbody\r\n\r\nand ends with two empty lines.\r\n",
    ),
    ("https://weather.example/alps", "Föhn until evening, 12 °C 😀\u2028snow above 2,400 m"),
)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: containers.py PAGES_FOLDER OUT_FOLDER")
    pages_folder, out = map(Path, sys.argv[1:])
    check_tools()
    pages = read_pages(pages_folder)
    out.mkdir(parents=True, exist_ok=True)
    for container in CONTAINERS:
        (out / container.file).write_bytes(container.write(pages))
    manifest = [container.entry(pages) for container in CONTAINERS]
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def check_tools():
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        packages = " ".join(TOOLS[tool] for tool in missing)
        sys.exit(f"containers.py: {', '.join(missing)} missing; run: apt-get install {packages}")


@dataclass(frozen=True)
class Page:
    number: int
    name: str
    body: bytes

    @property
    def url(self):
        """scite serves the same reports under both hosts, and crawls hold both."""
        host = "staging.scite.ai" if self.number % 2 else "scite.ai"
        return f"https://{host}/reports/invented-slug-{self.number}-Ab{self.number}Z"

    @property
    def text(self):
        return self.body.decode("utf-8")


def read_pages(folder):
    paths = sorted(folder.glob("*.txt"), key=lambda path: os.fsencode(path.name))
    if not paths:
        sys.exit(f"containers.py: no *.txt in {folder}")
    return [Page(number, path.name, path.read_bytes()) for number, path in enumerate(paths)]


def in_utf8(pages):
    """The pages that JSON and Parquet can hold."""
    return [page for page in pages if page.body.decode("utf-8", "ignore").encode() == page.body]


def with_others(pages):
    """Pages with another site's address and text behind every second one: (page, other) pairs."""
    others = cycle(OTHER_SITES)
    return [(page, next(others) if place % 2 else None) for place, page in enumerate(pages)]


# What the records of a container must show, page by page.


def unaddressed(pages):
    return [{"name": page.name, "url": None} for page in pages]


def addressed(pages):
    return [{"name": page.name, "url": page.url} for page in pages]


def addressed_in_utf8(pages):
    return addressed(in_utf8(pages))


def addressed_twice(pages):
    return [shown for shown in addressed(pages) for _ in range(2)]


def mixed(pages):
    return addressed_in_utf8(pages) + addressed(pages) + unaddressed(pages)


@dataclass(frozen=True)
class Container:
    file: str
    format: str
    writer: str
    shows: Callable
    args: tuple
    write: Callable

    def entry(self, pages):
        """This container's line of the manifest."""
        shown = self.shows(pages)
        return {
            "file": self.file,
            "format": self.format,
            "args": list(self.args),
            "has_urls": all(page["url"] for page in shown),
            "writer": " + ".join(map(named_with_version, self.writer.split("+"))),
            "pages": shown,
        }


CONTAINERS = []


def container(file, format, writer, shows=unaddressed, args=()):
    """Marks a function that makes the container's bytes from the pages."""

    def register(write):
        CONTAINERS.append(Container(file, format, writer, shows, args, write))
        return write

    return register


PYTHON = {"python": "Python", "json": "Python json", "zipfile": "Python zipfile"}


def named_with_version(writer):
    if writer in ("warcio", "pyarrow"):
        return f"{writer} {version(writer)}"
    if writer in PYTHON:
        return f"{PYTHON[writer]} {platform.python_version()}"
    # bzip2 takes standard input for data even when it is asked for its version.
    said = subprocess.run(
        [writer, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return f"{writer} {re.search(rb'[0-9]+([.][0-9]+)+', said.stdout + said.stderr)[0].decode()}"


def run(*command, data=b"", folder=None):
    """A tool's standard output. Its environment is bare, because most tools take options from it."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run(
        command, input=data, stdout=subprocess.PIPE, cwd=folder, env=env, check=True
    )
    return done.stdout


# Text and its compression. Each of these unpacks to the bytes of pages.txt.


@container("pages.txt", "text", "python")
def plain(pages):
    """What all the others are compared with."""
    return b"\n".join(page.body for page in pages)


def pieces(pages):
    """pages.txt, cut behind the newline that joins two pages."""
    return [page.body + b"\n" for page in pages[:-1]] + [pages[-1].body]


def gzip(data):
    return run("gzip", "-nc", data=data)


def zstd(data, *options):
    return run("zstd", "-qc", *options, data=data)


def xz(data):
    return run("xz", "-c", "-T1", data=data)


@container("pages.txt.gz", "text", "gzip")
def gzip_text(pages):
    """The commonest compression, in one member."""
    return gzip(plain(pages))


@container("pages.members.txt.gz", "text", "gzip")
def gzip_members(pages):
    """A reader that stops behind the first member loses all pages but one."""
    return b"".join(map(gzip, pieces(pages)))


@container("pages.txt.zst", "text", "zstd")
def zstd_text(pages):
    """One frame with a checksum and, from a pipe, without its size."""
    return zstd(plain(pages))


@container("pages.frames.txt.zst", "text", "zstd")
def zstd_frames(pages):
    """A reader that stops behind the first frame loses all pages but one."""
    return b"".join(map(zstd, pieces(pages)))


@container("pages.long.txt.zst", "text", "zstd")
def zstd_long(pages):
    """A window of 128 MiB, the most that zstd itself unpacks unasked."""
    return zstd(plain(pages), "--long=27")


@container("pages.txt.xz", "text", "xz")
def xz_text(pages):
    """Many corpora are published in it."""
    return xz(plain(pages))


@container("pages.txt.bz2", "text", "bzip2")
def bzip2_text(pages):
    """Old dumps are in it."""
    return run("bzip2", "-c", data=plain(pages))


@container("pages.txt.lz4", "text", "lz4")
def lz4_text(pages):
    """The frame format, as the tool writes it from a pipe."""
    return run("lz4", "-qc", data=plain(pages))


# WARC.


class Warc:
    """A WARC file in memory. Ids and dates count up, where warcio takes the clock and chance."""

    def __init__(self, warc_version, gzip=False):
        self.version = warc_version
        self.out = io.BytesIO()
        self.writer = WARCWriter(self.out, gzip=gzip, warc_version=warc_version)
        self.count = 0

    def identity(self):
        self.count += 1
        date = START + timedelta(seconds=self.count, microseconds=self.count)
        form = "%Y-%m-%dT%H:%M:%SZ" if self.version == "1.0" else "%Y-%m-%dT%H:%M:%S.%fZ"
        return {
            "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, str(self.count))}>",
            "WARC-Date": date.strftime(form),
        }

    def info(self, filename):
        fields = {"software": "warcio", "format": f"WARC File Format {self.version}"}
        record = self.writer.create_warcinfo_record(filename, fields)
        for name, value in self.identity().items():
            record.rec_headers.replace_header(name, value)
        self.writer.write_record(record)

    def add(self, kind, url, body, content_type="", headers=None, http=None):
        """Writes a record and gives its id. Headers stand in the order in which they are given."""
        headers = {**(headers or {}), **self.identity()}
        record = self.writer.create_warc_record(
            url,
            kind,
            payload=io.BytesIO(body),
            length=len(body),
            warc_content_type=content_type,
            warc_headers_dict=headers,
            http_headers=http,
        )
        self.writer.write_record(record)
        return headers["WARC-Record-ID"]

    def request(self, url):
        host, path = url[len("https://") :].split("/", 1)
        headers = [("Host", host), ("Accept", "*/*")]
        http = StatusAndHeaders(f"GET /{path} HTTP/1.1", headers, is_http_request=True)
        return self.add("request", url, b"", http=http)

    def response(self, url, body, content_type, *more, length=True):
        headers = [("Content-Type", content_type), *more]
        headers += [("Content-Length", str(len(body)))] if length else []
        return self.add("response", url, body, http=ok(headers))

    def revisit(self, page):
        digest = base64.b32encode(hashlib.sha1(page.body).digest()).decode()
        record = self.writer.create_revisit_record(
            page.url,
            f"sha1:{digest}",
            page.url,
            START.strftime("%Y-%m-%dT%H:%M:%SZ"),
            http_headers=ok([("Content-Type", "text/plain; charset=utf-8")]),
            warc_headers_dict=self.identity(),
        )
        self.writer.write_record(record)


def ok(headers):
    return StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1")


def wet(pages, gzip):
    """Extracted text. As in Common Crawl, the type is the first header; warcio has it third."""
    warc = Warc("1.0", gzip)
    warc.info("pages.wet")
    for page, other in with_others(pages):
        convert(warc, page.url, page.body)
        if other:
            convert(warc, other[0], other[1].encode())
    return warc.out.getvalue()


def convert(warc, url, body):
    origin = uuid.uuid5(uuid.NAMESPACE_URL, url)
    headers = {
        "WARC-Type": "conversion",
        "WARC-Target-URI": url,
        "WARC-Refers-To": f"<urn:uuid:{origin}>",
        "WARC-Identified-Content-Language": "eng",
    }
    warc.add("conversion", url, body, "text/plain", headers)


@container("pages.wet", "warc", "warcio", addressed)
def wet_plain(pages):
    """A WET file as people keep it once unpacked."""
    return wet(pages, gzip=False)


@container("pages.wet.gz", "warc", "warcio", addressed)
def wet_gzip(pages):
    """A WET file as Common Crawl serves it, one gzip member a record."""
    return wet(pages, gzip=True)


@container("pages.warc.gz", "warc", "warcio", addressed)
def crawl(pages):
    """A crawl's own file: a page's address stands on three records, and only one is the page."""
    warc = Warc("1.1", gzip=True)
    warc.info("pages.warc.gz")
    others = cycle([add_html, add_image, add_revisit, add_html, add_dns])
    for page in pages:
        request = warc.request(page.url)
        response = warc.response(page.url, page.body, "text/plain; charset=utf-8")
        fields = f"via: https://scite.ai/\r\nfetchTimeMs: {page.number}\r\n".encode()
        links = {"WARC-Concurrent-To": request, "WARC-Refers-To": response}
        warc.add("metadata", page.url, fields, "application/warc-fields", links)
        next(others)(warc, page)
    return warc.out.getvalue()


def add_html(warc, page):
    url, text = OTHER_SITES[page.number % len(OTHER_SITES)]
    html = f"<!doctype html>\n<title>{page.number}</title>\n<p>{text}</p>\n"
    warc.response(url, html.encode(), "text/html; charset=utf-8")


def add_image(warc, page):
    gif = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
    warc.response(f"https://bakery.example/{page.number}.gif", gif, "image/gif")


def add_revisit(warc, page):
    warc.revisit(page)


def add_dns(warc, _page):
    answer = b"20240301120000\nscite.ai.\t60\tIN\tA\t192.0.2.1\n"
    warc.add("response", "dns:scite.ai", answer, "text/dns")


@container("pages.resource.warc", "warc", "warcio", addressed)
def resources(pages):
    """Archivers put files that came without HTTP into resource records."""
    warc = Warc("1.1")
    warc.info("pages.resource.warc")
    for page, other in with_others(pages):
        warc.add("resource", page.url, page.body, "text/plain")
        if other:
            warc.add("resource", other[0], other[1].encode(), "text/plain")
    return warc.out.getvalue()


@container("pages.encoded.warc", "warc", "warcio+gzip", addressed_twice)
def encoded(pages):
    """Crawlers keep the bytes of the wire: every page once in chunks and once in gzip."""
    warc = Warc("1.1")
    warc.info("pages.encoded.warc")
    kind = "text/plain; charset=utf-8"
    for page in pages:
        in_chunks = ("Transfer-Encoding", "chunked")
        warc.response(page.url, chunked(page.body), kind, in_chunks, length=False)
        warc.response(page.url, gzip(page.body), kind, ("Content-Encoding", "gzip"))
    return warc.out.getvalue()


def chunked(body):
    """Chunks of growing size, so that some end inside a line and some inside a character."""
    ends = [0, *(end for end in accumulate(range(1, len(body) + 1)) if end < len(body)), len(body)]
    chunks = [body[start:end] for start, end in zip(ends, ends[1:]) if end > start]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])


# JSON Lines.


def json_lines(pages, record, **options):
    """One object a line; every other one has its keys in another order."""
    found = []
    for page, other in with_others(in_utf8(pages)):
        found.append((page.url, page.text))
        if other:
            found.append(other)
    lines = [
        json.dumps(record(url, text, number), sort_keys=number % 2 == 1, **options) + "\n"
        for number, (url, text) in enumerate(found)
    ]
    return "".join(lines).encode()


def usual_names(url, text, number):
    return {
        "text": text,
        "url": url,
        "id": f"record-{number}",
        "date": START.isoformat(),
        "meta": {"lang": "en", "score": 0.5},
    }


def other_names(url, text, number):
    """The usual names are there too, as decoys."""
    return {
        "text": None,
        "url": f"file:{number}",
        "content": {"title": "body", "body": text, "text": "not this"},
        "address": url,
    }


@container("pages.jsonl", "jsonl", "json", addressed_in_utf8)
def json_utf8(pages):
    """Letters as they are; only quotes, backslashes and controls are escaped."""
    return json_lines(pages, usual_names, ensure_ascii=False)


@container("pages.ascii.jsonl", "jsonl", "json", addressed_in_utf8)
def json_ascii(pages):
    """Python's default: curly quotes are escapes, and so are the halves of a surrogate pair."""
    return json_lines(pages, usual_names, ensure_ascii=True)


@container(
    "pages.other-names.jsonl",
    "jsonl",
    "json",
    addressed_in_utf8,
    ("--text-field", "content.body", "--url-field", "address"),
)
def json_other_names(pages):
    """Corpora agree on no names, and some nest the text."""
    return json_lines(pages, other_names, ensure_ascii=False, separators=(",", ":"))


@container("pages.jsonl.gz", "jsonl", "json+gzip", addressed_in_utf8)
def json_gzip(pages):
    """How most corpora are published."""
    return gzip(json_utf8(pages))


@container("pages.jsonl.zst", "jsonl", "json+zstd", addressed_in_utf8)
def json_zstd(pages):
    """How the newer ones are published."""
    return zstd(json_utf8(pages))


# Parquet.


def rows(pages):
    """(text, url, id, date): pages, other sites, and rows whose text or address is null."""
    found = []
    for page, other in with_others(in_utf8(pages)):
        found.append((page.text, page.url))
        if other:
            found += [(other[1], None), (None, other[0])]
    return [(*row, number, START.replace(tzinfo=None)) for number, row in enumerate(found)]


def columns(pages, text_type):
    texts, urls, ids, dates = zip(*rows(pages)) if in_utf8(pages) else ((), (), (), ())
    return {
        "text": pyarrow.array(texts, text_type),
        "url": pyarrow.array(urls, pyarrow.string()),
        "id": pyarrow.array(ids, pyarrow.int64()),
        "date": pyarrow.array(dates, pyarrow.timestamp("ms")),
    }


def parquet(columns, **options):
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns), sink, **options)
    return sink.getvalue().to_pybytes()


@container("pages.snappy.parquet", "parquet", "pyarrow", addressed_in_utf8)
def parquet_snappy(pages):
    """pyarrow's defaults: snappy, a dictionary, one row group."""
    return parquet(columns(pages, pyarrow.string()))


@container("pages.zstd.parquet", "parquet", "pyarrow", addressed_in_utf8)
def parquet_zstd(pages):
    """Several row groups, the last one short, without dictionaries."""
    table = columns(pages, pyarrow.large_string())
    return parquet(table, compression="zstd", row_group_size=3, use_dictionary=False)


@container("pages.gzip.parquet", "parquet", "pyarrow", addressed_in_utf8)
def parquet_gzip(pages):
    """Data pages of version 2, whose levels are not compressed, and many of them in a column."""
    return parquet(
        columns(pages, pyarrow.string()),
        compression="gzip",
        use_dictionary=False,
        data_page_version="2.0",
        data_page_size=2048,
        write_batch_size=2,
    )


@container(
    "pages.nested.parquet", "parquet", "pyarrow", addressed_in_utf8, ("--text-field", "doc.text")
)
def parquet_nested(pages):
    """The text in a struct that is null itself in every other row without text."""
    table = columns(pages, pyarrow.string())
    without_text = cycle([None, {"lang": "en", "text": None}])
    docs = [
        next(without_text) if text is None else {"lang": "en", "text": text}
        for text, *_ in rows(pages)
    ]
    doc = pyarrow.struct([("lang", pyarrow.string()), ("text", pyarrow.string())])
    table["doc"] = pyarrow.array(docs, doc)
    del table["text"]
    return parquet(table)


# Archives.


def member(page):
    """A page's name in an archive. Page 1 needs more than 100 bytes, page 2 more than ASCII."""
    if page.number == 1:
        return f"pages/0001-{'long-' * 16}folder/page.txt"
    if page.number == 2:
        return "pages/0002-Ärzte-“調査”.txt"
    return f"pages/{page.number:04}.txt"


def plant(pages, folder):
    """Lays out what goes into an archive: a member a page, an empty one, a folder, a link."""
    for page in pages:
        path = folder / member(page)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page.body)
    (folder / "pages/empty.txt").touch()
    (folder / "pages/folder").mkdir()
    (folder / "pages/link.txt").symlink_to("0000.txt")
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
            os.utime(path, (SECOND, SECOND))


def tar(folder, *words, mtime=f"@{SECOND}"):
    owner = ("--owner=0", "--group=0", "--numeric-owner")
    return run("tar", *owner, f"--mtime={mtime}", "--sort=name", "-cf", "-", *words, folder=folder)


def tar_of_pages(pages, *options, **more):
    with tempfile.TemporaryDirectory() as folder:
        plant(pages, Path(folder))
        return tar(folder, *options, "pages", **more)


@container("pages.tar", "tar", "tar")
def tar_gnu(pages):
    """GNU tar's own format: a name of more than 100 bytes is a member of its own."""
    return tar_of_pages(pages, "--format=gnu")


@container("pages.pax.tar", "tar", "tar")
def tar_pax(pages):
    """The POSIX format: a header for all, as git archive has it, and one before each member."""
    options = (
        "exthdr.name=%d/PaxHeaders/%f",
        "globexthdr.name=GlobalHead",
        f"globexthdr.mtime={SECOND}",
        "comment=invented",
        "delete=atime",
        "delete=ctime",
    )
    pax = f"--pax-option={','.join(options)}"
    return tar_of_pages(pages, "--format=pax", pax, mtime=f"@{SECOND}.25")


@container("pages.ustar.tar", "tar", "tar")
def tar_ustar(pages):
    """The common ground of all tars: a long name is cut in two at a slash."""
    return tar_of_pages(pages, "--format=ustar")


@container("pages.tar.gz", "tar", "tar+gzip")
def tar_gzip(pages):
    """An archive below a compression."""
    return gzip(tar_gnu(pages))


@container("pages.tar.xz", "tar", "tar+xz")
def tar_xz(pages):
    """The same below another one."""
    return xz(tar_gnu(pages))


@container("pages.mixed.tar", "tar", "tar+json+gzip+warcio+zstd", mixed)
def tar_mixed(pages):
    """Members that are containers themselves, each of another kind."""
    members = {"pages.jsonl.gz": json_gzip, "pages.wet": wet_plain, "pages.txt.zst": zstd_text}
    with tempfile.TemporaryDirectory() as folder:
        for name, write in members.items():
            (Path(folder) / name).write_bytes(write(pages))
        return tar(folder, "--format=gnu", "--mode=644", *members)


ZIP = "zip" if shutil.which("zip") else "zipfile"


def zip_of_pages(pages, level):
    with tempfile.TemporaryDirectory() as folder:
        plant(pages, Path(folder))
        paths = [path for path in Path(folder).rglob("*") if not path.is_symlink()]
        names = sorted(str(path.relative_to(folder)) for path in paths)
        write = zip_by_tool if ZIP == "zip" else zip_by_python
        write(folder, names, level)
        return (Path(folder) / "pages.zip").read_bytes()


def zip_by_tool(folder, names, level):
    """Debian's zip writes names in UTF-8 and never sets the flag that says so."""
    lines = "".join(f"{name}\n" for name in names).encode()
    run("zip", "-qX", f"-{level}", "pages.zip", "-@", data=lines, folder=folder)


def zip_by_python(folder, names, level):
    method = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
    with zipfile.ZipFile(Path(folder) / "pages.zip", "w", method) as archive:
        for name in names:
            path = Path(folder) / name
            info = zipfile.ZipInfo(name + "/" * path.is_dir(), START.timetuple()[:6])
            archive.writestr(info, b"" if path.is_dir() else path.read_bytes(), method)


@container("pages.zip", "zip", ZIP)
def zip_deflate(pages):
    """Deflate, without the link: zip would write it as a member like any other."""
    return zip_of_pages(pages, level=6)


@container("pages.stored.zip", "zip", ZIP)
def zip_stored(pages):
    """Members that are not compressed."""
    return zip_of_pages(pages, level=0)


if __name__ == "__main__":
    main()
