"""`clean`: wrong options, inputs that cannot be read, early ends and interrupts."""

from __future__ import annotations

import dis
import gzip
import io
import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from conftest import dump_of, page

import citesift

PAGE = page("10.5555/x", "Title", "Cited.")


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def wait_for_threads(before: int) -> None:
    """What has ended may be listed for a moment."""
    until = time.monotonic() + 60
    while threads() > before:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """More than the pipeline holds at once."""
    path = tmp_path / "dump.txt"
    path.write_text(PAGE * 200_000)
    return path


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("format", "docx"),
        ("emit", "cito"),
        ("dedup", "all"),
        ("near", 1.5),
        ("memory", "much"),
        ("threads", 0),
        ("sample", "0.5"),
        ("seed", -1),
        ("skip", "few"),
        ("limit", -1),
        ("max_page", "0"),
        ("keep", ["a", "a.b"]),
        ("keep", ["a,b"]),
        ("keep", ["\ud800"]),
        ("text_field", "\ud800"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_its_option(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=option.replace("_", "[-_]")):
        citesift.clean("dump.txt", **{option: value})


class Mine:
    """A path whose own error is not to be taken for another."""

    def __fspath__(self) -> str:
        raise TypeError("mine")


def test_a_wrong_type_is_an_error_that_names_its_option() -> None:
    wrong: list[dict[str, Any]] = [
        {"threads": True},
        {"keep": "a"},
        {"keep": 5},
        {"keep": None},
        {"limit": [1]},
        {"rejects": 5},
        {"duplicates": "a"},
        {"dedup": None},
        {"format": None},
        {"max_page": None},
        {"paths": 5},
        {"paths": [5]},
        {"paths": io.StringIO("dump.txt")},
    ]
    for option in wrong:
        with pytest.raises(TypeError, match=f"^{next(iter(option))}: "):
            citesift.clean(**{"paths": "dump.txt", **option})
    with pytest.raises(TypeError, match="^mine$"):
        citesift.clean(Mine())
    with pytest.raises(TypeError, match="resume"):
        citesift.clean("dump.txt", resume=True)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="paths"):
        citesift.clean([])


def test_the_summary_is_the_accounting(tmp_path: Path) -> None:
    dump = tmp_path / "dump.txt"
    dump.write_text(PAGE * 3)
    records = citesift.clean(dump, dedup="run", emit="statements", threads=2)
    assert records.summary is None
    assert [record["text"] for record in records] == ["Cited."]
    assert list(records) == []
    summary = records.summary
    assert summary is not None
    assert summary["version"] == citesift.__version__
    assert summary["pages"] == {
        "seen": 3,
        "emitted": 1,
        "repeated": 2,
        "rejected": 0,
        "skipped": 0,
        "passed_over": 0,
        "unsampled": 0,
    }
    assert summary["bytes"]["read"] == len(dump.read_bytes())
    assert not summary["stopped"]


def test_an_input_that_is_missing_is_told_behind_all_others(tmp_path: Path) -> None:
    dump, missing = tmp_path / "dump.txt", tmp_path / "missing"
    dump.write_text(PAGE)
    records = citesift.clean([missing, dump, tmp_path / "other"])
    assert next(records)["doi"] == "10.5555/x"
    with pytest.raises(citesift.ReadError, match="missing: No such file") as raised:
        next(records)
    assert raised.value.path == str(missing)
    assert raised.value.offset is None
    assert [other.path for other in raised.value.others] == [str(tmp_path / "other")]
    assert next(records, None) is None
    assert records.summary is not None
    assert len(records.summary["read_errors"]) == 2


def test_an_input_that_is_cut_is_told_with_its_place(tmp_path: Path) -> None:
    dump = tmp_path / "dump.txt.gz"
    whole = gzip.compress(PAGE.encode() * 3)
    dump.write_bytes(whole[:-6])
    records = citesift.clean(dump)
    with pytest.raises(citesift.ReadError) as raised:
        for _ in records:
            pass
    assert raised.value.path == str(dump)
    assert raised.value.offset == 3 * len(PAGE.encode())
    assert records.summary is not None
    assert records.summary["pages"]["emitted"] == 3


def test_damage_is_told_with_its_line(tmp_path: Path) -> None:
    dump = tmp_path / "dump.jsonl"
    dump.write_text('{"text": "some other page"}\nno JSON\n[]\n')
    rejects: list[dict[str, Any]] = []
    records = citesift.clean(dump, format="jsonl", rejects=rejects.append)
    with pytest.raises(citesift.ReadError, match="dump.jsonl, byte 28, line 2") as raised:
        list(records)
    error = raised.value
    assert (error.path, error.offset, error.line) == (str(dump), 28, 2)
    assert [reject["reason"] for reject in rejects] == ["invalid_json", "wrong_type"]


def test_a_rejected_page_is_no_error(tmp_path: Path) -> None:
    dump = tmp_path / "dump.txt"
    dump.write_text(PAGE + page("10.5555/y", "Long" * 1000) + PAGE)
    rejects: list[dict[str, Any]] = []
    records = list(citesift.clean(dump, max_page=1000, rejects=rejects.append))
    assert len(records) == 2
    assert rejects[0]["source"]["offset"] == len(PAGE.encode())
    assert rejects[0]["source"]["line"] == PAGE.count("\n") + 1


def test_an_iterator_may_be_left_early(dump: Path) -> None:
    before = threads()
    records = citesift.clean(dump, threads=3)
    assert next(records)["doi"] == "10.5555/x"
    assert threads() > before
    records.close()
    wait_for_threads(before)
    assert next(records, None) is None
    assert records.summary is not None
    assert records.summary["stopped"]
    records.close()


def test_a_block_ends_the_run_also_when_it_fails(dump: Path) -> None:
    before = threads()
    with pytest.raises(KeyError), citesift.clean(dump) as records:
        for record in records:
            record["none"]
    wait_for_threads(before)


def test_an_iterator_that_is_dropped_ends_its_run(dump: Path) -> None:
    before = threads()
    records = citesift.clean(dump)
    next(records)
    del records
    wait_for_threads(before)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Path]:
    """A pipe from which a page comes, and then nothing."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Open for both, so that nobody waits.
    end = os.open(pipe, os.O_RDWR)
    os.write(end, PAGE.encode())
    yield pipe
    os.close(end)


def test_an_input_that_says_nothing_is_not_waited_for_in_the_end(silent: Path) -> None:
    with alarm(30):
        records = citesift.clean(silent)
        records.close()
        assert records.summary is None
        assert next(records, None) is None
        with pytest.raises(KeyError), citesift.clean(silent):
            raise KeyError
        tables: Any = citesift.parse_file(silent)
        tables.close()
        assert next(tables, None) is None


def test_an_interrupt_in_a_block_is_obeyed_while_an_input_is_waited_for(silent: Path) -> None:
    begun = time.monotonic()
    with alarm(0.2), pytest.raises(TimeoutError), citesift.clean(silent) as records:
        list(records)
    assert time.monotonic() - begun < 30


def test_another_thread_may_close_while_an_input_is_waited_for(silent: Path) -> None:
    records = citesift.clean(silent)
    found: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: found.extend(records), daemon=True)
    waiting.start()
    time.sleep(0.2)
    with alarm(30):
        records.close()
    waiting.join(timeout=30)
    assert not waiting.is_alive()


def test_no_record_comes_behind_the_end_that_another_thread_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = tmp_path / "dump.txt"
    dump.write_text(PAGE * 3)
    records = citesift.clean(dump)
    lines = citesift._clean._lines

    def closed_meanwhile(ndjson: bytes) -> list[str]:
        records.close()
        return lines(ndjson)

    monkeypatch.setattr("citesift._clean._lines", closed_meanwhile)
    assert list(records) == []


def test_a_teller_that_fails_ends_the_iteration(tmp_path: Path) -> None:
    dump = tmp_path / "dump.txt"
    dump.write_text(PAGE * 2)

    def fail(duplicate: dict[str, Any]) -> None:
        raise LookupError(duplicate["kind"])

    with (
        pytest.raises(LookupError, match="page"),
        citesift.clean(dump, dedup="run", duplicates=fail) as records,
    ):
        list(records)


def test_who_goes_on_behind_a_teller_that_fails_misses_nothing(tmp_path: Path) -> None:
    dump = tmp_path / "dump.jsonl"
    text = json.dumps({"text": PAGE})
    dump.write_text(f"{{1\n{text}\n{{2\n{text}\n{{3\n")
    told: list[Any] = []

    def fail(line: dict[str, Any]) -> None:
        told.append(line.get("reason", line.get("kind")))
        raise LookupError

    records = citesift.clean(dump, format="jsonl", dedup="run", rejects=fail, duplicates=fail)
    found = []
    while True:
        try:
            found.append(next(records))
        except LookupError:
            continue
        except citesift.ReadError:
            break
    assert told == ["invalid_json"] * 3 + ["page", "block"]
    assert len(found) == 1


def test_a_teller_that_stops_an_iteration_does_not_end_the_records(tmp_path: Path) -> None:
    dump = tmp_path / "dump.jsonl"
    dump.write_text("{1\n" + json.dumps({"text": PAGE}) + "\n")
    records = citesift.clean(dump, format="jsonl", rejects=lambda _: next(iter(())))
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        list(records)
    assert next(records)["doi"] == "10.5555/x"


WAITING = """
import sys, threading, citesift
main = threading.main_thread()

def tell():
    # Runs only while the main thread, which waits for a record, holds no lock on the interpreter.
    while sys._current_frames()[main.ident].f_code.co_name != "_take":
        pass
    print("waiting", flush=True)

threading.Thread(target=tell).start()
try:
    next(citesift.clean(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_an_interrupt_is_obeyed_while_an_input_is_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Nobody writes into the pipe, so the run waits until it is told to stop.
    with interrupted(WAITING, pipe, "waiting") as said:
        assert said == "interrupted\n"


RUNNING = """
import sys, citesift
count = 0
try:
    for record in citesift.clean([sys.argv[1]] * 1000):
        count += 1
        if count == 1:
            print("begun", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_an_interrupt_is_obeyed_while_records_come(dump: Path) -> None:
    with interrupted(RUNNING, dump, "begun") as said:
        assert said == "interrupted\n"


PARSING = """
import os, sys, threading, citesift

def write():
    with open(sys.argv[1], "wb", buffering=0) as pipe:
        try:
            for number in range(1_000_000):
                pipe.write(b"Text of another site. " * 3000)
                if number == 100:
                    print("begun", flush=True)
        except BrokenPipeError:
            print("nobody reads", flush=True)

writing = threading.Thread(target=write)
writing.start()
try:
    list(citesift.parse_file(sys.argv[1]))
except KeyboardInterrupt:
    writing.join()
"""


def test_an_interrupt_is_obeyed_where_no_table_fills(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with interrupted(PARSING, pipe, "begun") as said:
        assert said == "nobody reads\n"


@pytest.mark.parametrize("begin", [citesift.clean, citesift.parse_file])
def test_nothing_is_missing_in_silence_behind_an_interrupt(
    begin: Callable[[Path], Iterator[Any]], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    rows = begin(pipe)
    with pipe.open("w") as writing:
        writing.write(PAGE * 2)
        writing.flush()
        with alarm(0.2), pytest.raises(TimeoutError):
            list(rows)
    for _ in range(2):
        with pytest.raises(citesift.RunError, match="interrupt"):
            next(rows)
    if isinstance(rows, citesift.Records):
        assert rows.summary is None
        rows.close()
        assert rows.summary is None


def test_a_record_that_is_read_when_a_signal_comes_is_given_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = dump_of([page(f"10.5555/{n}", "Title") for n in range(3)], tmp_path / "dump.jsonl")
    dump.write_text("{1\n" + dump.read_text())
    fails = [True, False] * 4

    def loaded(line: str) -> Any:
        if fails.pop(0):
            raise KeyboardInterrupt
        return json.loads(line)

    monkeypatch.setattr("citesift._clean.loaded", loaded)
    told: list[dict[str, Any]] = []
    records = citesift.clean(dump, format="jsonl", rejects=told.append)
    found: list[str] = []
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            next(records)
        if not found:
            with pytest.raises(KeyboardInterrupt):
                next(records)
        found.append(next(records)["doi"])
    assert found == ["10.5555/0", "10.5555/1", "10.5555/2"]
    assert len(told) == 1


@pytest.mark.parametrize("begin", [citesift.clean, citesift.parse_file])
def test_nothing_is_missing_in_silence_wherever_a_signal_comes(
    begin: Callable[..., Iterator[Any]], tmp_path: Path
) -> None:
    dump = dump_of([page(f"10.5555/{n}", "Title") for n in (0, 1, 1)], tmp_path / "dump.jsonl")
    dump.write_text("{1\n" + dump.read_text())
    told: list[dict[str, Any]] = []
    tells = {"rejects": told.append, "duplicates": told.append} if begin is citesift.clean else {}

    def run(number: int) -> tuple[list[str], tuple[object, ...]]:
        """Where it was interrupted, and what came out of it."""
        told.clear()
        rows = begin(dump, format="jsonl", dedup="run", **tells)
        came, end = 0, ""
        with interrupted_at(number) as interrupts:
            while not end:
                try:
                    next(rows)
                    came += 1
                except KeyboardInterrupt:
                    continue
                except (citesift.Error, StopIteration) as error:
                    end = type(error).__name__
        return interrupts, (came, len(told), end, getattr(rows, "summary", None) is None)

    _, whole = run(-1)
    assert whole[2] == "ReadError"
    ends = set()
    for number in itertools.count():
        interrupts, found = run(number)
        if not interrupts:
            break
        ends.add(found[2])
        if found[2:] != ("RunError", True):
            assert found == whole, interrupts
    assert ends == {"ReadError", "RunError"}


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """A signal after so long, whose handler raises."""

    def ring(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def interrupted_at(number: int) -> Iterator[list[str]]:
    """An interrupt at one of the places where Python looks for signals in the package's code: at a
    function's beginning, behind a call, and where a loop begins again. Gives where that was."""
    places: Iterator[int] = itertools.count()
    interrupts: list[str] = []

    def trace(frame: FrameType, *_: object) -> Any:
        if Path(frame.f_code.co_filename).parent != Path(citesift.__file__).parent:
            return None
        frame.f_trace_opcodes = True
        before = "RESUME"

        def look(frame: FrameType, event: str, _: object) -> Any:
            nonlocal before
            if event == "exception":
                before = ""
            elif event == "opcode":
                is_place = before.startswith(("RESUME", "CALL", "JUMP_BACKWARD"))
                before = dis.opname[frame.f_code.co_code[frame.f_lasti]]
                if is_place and next(places) == number:
                    interrupts.append(f"{frame.f_code.co_name}, line {frame.f_lineno}")
                    raise KeyboardInterrupt
            return look

        return look

    sys.settrace(trace)
    try:
        yield interrupts
    finally:
        sys.settrace(None)


@contextmanager
def interrupted(script: str, path: Path, until: str) -> Iterator[str]:
    """What a script says that is interrupted when it has said something."""
    # What starts tests in the background has them ignore it.
    heeded = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    command = [sys.executable, "-c", heeded + script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == until + "\n"
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=60)
        assert running.returncode == 0
        yield said


def test_another_thread_goes_on_meanwhile(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[dict[str, Any]] = []
    reading = threading.Thread(target=lambda: found.extend(citesift.clean(pipe)))
    reading.start()
    # This ends only when the waiting thread holds no lock on the interpreter.
    with pipe.open("w") as writing:
        writing.write(PAGE)
    reading.join(timeout=60)
    assert [record["doi"] for record in found] == ["10.5555/x"]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("begin", [citesift.clean, citesift.parse_file])
def test_an_iterator_is_refused_in_a_process_that_was_forked(
    begin: Callable[[Path], Iterator[Any]], silent: Path
) -> None:
    rows: Any = begin(silent)
    child = os.fork()
    if not child:
        # No test goes on in it, whatever is raised.
        said = []
        try:
            signal.setitimer(signal.ITIMER_REAL, 30)
            for _ in range(2):
                try:
                    next(rows)
                except citesift.RunError as error:
                    said.append("another process" in str(error))
            rows.close()
            del rows
        finally:
            os._exit(0 if said == [True, True] else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    rows.close()


def test_errors_come_back_from_other_processes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with pytest.raises(citesift.ReadError) as unread:
        list(citesift.clean([first, second]))
    with pytest.raises(citesift.Rejected) as rejected:
        citesift.parse("no page")
    for error in (unread.value, rejected.value):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
        known = {name: value for name, value in vars(error).items() if name != "others"}
        assert {name: vars(again)[name] for name in known} == known
    [other] = pickle.loads(pickle.dumps(unread.value)).others
    assert other.path == str(second)


def test_threads_that_share_an_iterator_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    path.write_text("".join(page(f"10.5555/{n}", "Title", "Cited.") for n in range(20_000)))
    records = citesift.clean(path)
    found: list[dict[str, Any]] = []
    takers = [threading.Thread(target=lambda: found.extend(records)) for _ in range(4)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(int(record["doi"].split("/")[1]) for record in found) == list(range(20_000))


def test_settings_of_the_working_folder_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("citesift.toml").write_text('emit = "statements"\ntext-field = "body"\nnone = 1\n')
    dump_of([PAGE], Path("dump.jsonl"))
    [record] = citesift.clean("dump.jsonl")
    [table] = citesift.parse_file("dump.jsonl")
    assert list(citesift.to_dicts(table)) == [record]
    assert len(record["statements"]) == 1


def test_numbers_of_other_packages_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    path.write_text(PAGE * 3)
    half: Any = Fraction(1, 2)
    assert len(list(citesift.clean(path, limit=2, near=half))) == 2
