#!/usr/bin/env python3
"""What a user of DataTrove would write instead: a reader, a step in Python and a writer.

    benches/peer_datatrove.py PAGES.jsonl > records.ndjson

The step extracts what `peer.py` does, with its regular expressions, from pages that come one a
line. One task, for tasks share files between them and there is one file. The writer wants a
folder and a name, so standard output is called `stdout` in `/dev`.
"""

import sys
import tempfile
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.logging import logger
from peer import HEADER, record


class Reports(PipelineStep):
    """Puts the records of report pages into their metadata and drops all other pages."""

    name = "Reports"
    type = "PARSER"

    def run(self, data, rank=0, world_size=1):
        for document in data:
            with self.track_time():
                header = HEADER.match(document.text)
                if header:
                    document.metadata = record(header, document.text)
            if header:
                yield document


def main():
    logger.disable("datatrove")  # tells each step's statistics on standard error
    pages = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as logs:
        pipeline = [
            JsonlReader(str(pages.parent), glob_pattern=pages.name, add_file_path=False),
            Reports(),
            JsonlWriter("/dev", "stdout", compression=None, adapter=adapted),
        ]
        LocalPipelineExecutor(pipeline, logging_dir=logs).run()


def adapted(_, document):
    """The record alone, without the page's text."""
    return document.metadata


if __name__ == "__main__":
    main()
