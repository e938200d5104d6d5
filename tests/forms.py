"""Reads what a run wrote in its forms by programs that are not citesift, and compares.

    python3 tests/forms.py FOLDER

FOLDER holds `rows.ndjson`, and of the same rows `rows.csv`, `rows.parquet` (where it was built)
and `rows.nq`. Each reader's rows must be those of the NDJSON, in order. What a reader of CSV
cannot tell apart, null and the empty text, is taken for the same there.

Needs Python 3.9, and `pip install duckdb-cli pandas polars pyarrow rdflib`.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pandas
import polars
import pyarrow.parquet
import rdflib
from rdflib.namespace import DC, DCTERMS, PROV, RDF, XSD

NUMBERS = ["confidence", "see_more", "occurrences", "year", "source_offset", "source_length"]
SOURCE = ["path", "offset", "length", "record", "date"]

C4O = rdflib.Namespace("http://purl.org/spar/c4o/")
CITO = rdflib.Namespace("http://purl.org/spar/cito/")
FABIO = rdflib.Namespace("http://purl.org/spar/fabio/")
ITS = rdflib.Namespace("http://www.w3.org/2005/11/its/rdf#")
OA = rdflib.Namespace("http://www.w3.org/ns/oa#")
PATTERN = rdflib.Namespace("http://www.essepuntato.it/2008/12/pattern#")
PRISM = rdflib.Namespace("http://prismstandard.org/namespaces/basic/2.0/")


def main():
    folder = Path(sys.argv[1])
    lines = (folder / "rows.ndjson").read_bytes().split(b"\n")[:-1]
    rows = [in_table(line) for line in lines]
    checks = [(csv_module, "csv"), (of_pandas, "csv"), (of_polars, "csv"), (of_duckdb, "csv")]
    if (folder / "rows.parquet").exists():
        checks += [(f, "parquet") for f in (of_pyarrow, of_pandas, of_polars, of_duckdb)]
    for read, ending in checks:
        found = read(folder / f"rows.{ending}")
        name = f"{read.__name__}, {ending}"
        if ending == "csv":
            same(name, [without_empty(row) for row in found], [without_empty(flat(r)) for r in rows])
        else:
            same(name, found, rows)
    check_quads(folder / "rows.nq", rows)


def in_table(line):
    """A line as a row of a table: every key is there, and `meta` is the text that it was."""
    row = json.loads(line)
    meta = line[line.index(b',"meta":') + 8 : -1].decode()
    row["meta"] = None if meta == "null" else meta
    return {"similar_to": None, "similarity": None, **row}


def flat(row):
    row = dict(row)
    source = row.pop("source")
    return {**row, **{f"source_{key}": source[key] for key in SOURCE}}


def without_empty(row):
    return {key: None if value == "" else value for key, value in row.items()}


def same(name, found, expected):
    for number, (one, other) in enumerate(zip(found, expected)):
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                sys.exit(f"{name}: row {number}: {key}: {one.get(key)!r:.300} is not {other.get(key)!r:.300}")
    if len(found) != len(expected):
        sys.exit(f"{name}: {len(found)} rows and not {len(expected)}")
    print(f"{name}: {len(found)} rows")


def plain(cell):
    """What a text in CSV stands for."""
    return cell[1:] if isinstance(cell, str) and cell.startswith("'") else cell


def csv_module(path):
    csv.field_size_limit(1 << 30)
    with path.open(newline="", encoding="utf-8") as file:
        return [of_cells(row) for row in csv.DictReader(file, strict=True)]


def of_cells(row):
    row = {key: plain(cell) or None for key, cell in row.items()}
    for key in NUMBERS:
        row[key] = row[key] and int(row[key])
    row["similarity"] = row["similarity"] and float(row["similarity"])
    return row


def of_pyarrow(path):
    return pyarrow.parquet.read_table(path).to_pylist()


def of_pandas(path):
    if path.suffix == ".parquet":
        table = pandas.read_parquet(path, dtype_backend="pyarrow")
        return [{key: missing(cell) for key, cell in row.items()} for row in table.to_dict("records")]
    # Its reader in C cuts texts at NUL before pandas 3.
    with path.open(newline="", encoding="utf-8") as file:
        table = pandas.read_csv(file, dtype=str, keep_default_na=False, engine="python")
    return [of_cells(row) for row in table.to_dict("records")]


def missing(cell):
    return None if cell is pandas.NA else cell


def of_polars(path):
    if path.suffix == ".parquet":
        return polars.read_parquet(path).to_dicts()
    types = {**{key: polars.Int64 for key in NUMBERS}, "similarity": polars.Float64}
    header = path.open(encoding="utf-8").readline().strip().split(",")
    schema = {key: types.get(key, polars.String) for key in header}
    table = polars.read_csv(path, schema=schema)
    return [{key: plain(cell) for key, cell in row.items()} for row in table.to_dicts()]


def of_duckdb(path):
    if path.suffix == ".parquet":
        return duckdb(f"SELECT * FROM read_parquet('{path}')")
    header = path.open(encoding="utf-8").readline().strip().split(",")
    types = {**{key: "BIGINT" for key in NUMBERS}, "similarity": "DOUBLE"}
    columns = ", ".join(f"'{key}': '{types.get(key, 'VARCHAR')}'" for key in header)
    texts = [key for key in header if key not in types]
    back = ", ".join(f"regexp_replace({key}, '^''', '') AS {key}" for key in texts)
    return duckdb(
        f"SELECT * REPLACE ({back}) FROM read_csv('{path}', header = true, columns = {{{columns}}}, "
        "delim = ',', quote = '\"', escape = '\"', new_line = '\\n', max_line_size = 50000000, "
        "auto_detect = false)"
    )


def duckdb(query):
    program = Path(sys.executable).with_name("duckdb")
    printed = subprocess.run([program, "-json", "-c", query], check=True, capture_output=True)
    return json.loads(printed.stdout or "[]")


def check_quads(path, rows):
    data = rdflib.Dataset()
    data.parse(path, format="nquads")
    found = set()
    for this, _, _, page in data.quads((None, RDF.type, rdflib.URIRef("http://purl.org/spar/doco/TextChunk"), None)):
        graph = data.graph(page)
        one = lambda *pair: graph.value(*pair, any=False)
        properties = [quad for quad in graph.predicate_objects(this) if quad[0] in CITO]
        if len(properties) != 1:
            sys.exit(f"{this}: {properties}")
        (property, paper) = properties[0]
        section = one(this, PATTERN.isContainedBy)
        source, selector = one(page, OA.hasSource), one(page, OA.hasSelector)
        start, end = (one(selector, name) for name in (OA.start, OA.end))
        year = one(paper, FABIO.hasPublicationYear)
        percent = one(this, ITS.taConfidence)
        if one(this, PROV.wasQuotedFrom) != page or start.datatype != XSD.nonNegativeInteger:
            sys.exit(f"{this}: {page}")
        values = [
            one(this, DCTERMS.identifier),
            one(this, C4O.hasContent),
            None if section is None else one(section, DCTERMS.title),
            one(this, DC.type),
            None if percent is None else round(float(percent) * 100),
            one(paper, PRISM.doi),
            None if year is None else int(str(year)),
            one(paper, DCTERMS.title),
            one(page, DCTERMS.identifier),
            one(source, DCTERMS.title),
            int(start),
            int(end) - int(start),
            one(source, DCTERMS.identifier),
            one(source, DCTERMS.date),
            one(source, RDF.value),
        ]
        words = {"supports": "supporting", "disagreesWith": "contrasting", "citesForInformation": "mentioning"}
        word = words.get(property[len(CITO) :])
        found.add((word, *(str(v) if isinstance(v, rdflib.Literal) else v for v in values)))
    expected = {
        (
            row["type"] if row["type"] != "unclassified" else None,
            *(row[key] for key in ("id", "text", "section", "type", "confidence", "doi", "year", "title", "report_id")),
            *(row["source"][key] for key in SOURCE),
            row["meta"],
        )
        for row in rows
    }
    if found != expected:
        sys.exit(f"rdflib: {sorted(map(repr, found ^ expected))[:4]!r:.3000}")
    print(f"rdflib: {len(found)} statements")


main()
