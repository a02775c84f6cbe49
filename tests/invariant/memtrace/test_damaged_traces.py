"""Mutated trace files: none crashes or hangs anything, each is diagnosed or proven to be as it was.

`MEMTRACE_FUZZ_CASES=10000 MEMTRACE_FUZZ_SEED=7 pytest -m slow -s <this file>` runs more; a failure
names the seed of its case, and leaves its file: recordings differ in their times, so the same seed
damages another byte next time.
"""

from __future__ import annotations

import faulthandler
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError

FIRST_SEED = int(os.environ.get("MEMTRACE_FUZZ_SEED", "0"))
FEW = 200
MANY = int(os.environ.get("MEMTRACE_FUZZ_CASES", "1500"))
PATIENCE_S = 120
"""A case takes milliseconds. One that takes this long ends the whole process, with a traceback."""

UNSEEN = "sound but changed"

Files = dict[str, bytes]
"""A trace as its files: suffix ("" or "-wal") to bytes."""
Random = random.Random


# The traces that are damaged ----------------------------------------------------------------


def write_trace(path: Path, *, copy_to: Path | None = None) -> None:
    """A small trace with something of everything; `copy_to` takes a copy while it is written."""
    with memtrace.record(path, metadata={"purpose": "to be damaged"}) as run:
        context = ""
        for turn in range(24):
            said = memtrace.variable(
                f"Turn {turn}: ünï {turn * 7}", kind="message", name=f"D{turn}"
            )
            with memtrace.step("write", kind="update", inputs={"turn": said}, parameters={"n": turn}
                               ) as op:  # fmt: skip
                note = op.output("note", {"text": f"fact {turn}", "at": (turn, 2)},
                                 kind="memory_item", item=f"item-{turn % 5}")  # fmt: skip
                context += f"line {turn} " + "".join(f"{turn * n} " for n in range(60)) + "\n"
                op.output("context", context, kind="context")
            if turn == 11:
                run.flush()
        with memtrace.step("forget", kind="deletion", inputs={"old": note}) as op:
            op.output("gone", b"\0\xff" * 40, kind="deletion", item="item-3")
        with pytest.raises(ZeroDivisionError), memtrace.step("fail", metadata={"why": "x" * 5000}):
            _ = 1 / 0
        run.flush()
        if copy_to is not None:
            for suffix in ("", "-wal"):
                shutil.copy(f"{path}{suffix}", f"{copy_to}{suffix}")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> dict[str, Files]:
    folder = tmp_path_factory.mktemp("originals")
    write_trace(folder / "closed.db", copy_to=folder / "open.db")
    return {
        "closed": {"": (folder / "closed.db").read_bytes()},
        "open": {s: Path(f"{folder}/open.db{s}").read_bytes() for s in ("", "-wal")},
        "version 1": {"": (repo_root / "tests/data/memtrace/trace_v1.db").read_bytes()},
    }


# The damage ---------------------------------------------------------------------------------


def flip_bits(data: bytearray, rng: Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)


def set_bytes(data: bytearray, rng: Random) -> None:
    for _ in range(rng.choice((1, 3))):
        data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))


def blank_range(data: bytearray, rng: Random) -> None:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((4, 100, 512, 4096, 20_000)))
    data[start:end] = bytes(end - start)


def garble_range(data: bytearray, rng: Random) -> None:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((4, 100, 512, 4096, 20_000)))
    data[start:end] = rng.randbytes(end - start)


def cut_off(data: bytearray, rng: Random) -> None:
    del data[rng.choice((rng.randrange(len(data)), rng.randrange(len(data)) & ~4095)) :]


def cut_out(data: bytearray, rng: Random) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 16, 4096))]


def append(data: bytearray, rng: Random) -> None:
    data += rng.randbytes(rng.choice((1, 100, 4096)))


def swap_pages(data: bytearray, rng: Random) -> None:
    one, two = (rng.randrange(-(-len(data) // 4096)) * 4096 for _ in range(2))
    data[one : one + 4096], data[two : two + 4096] = data[two : two + 4096], data[one : one + 4096]


def copy_page(data: bytearray, rng: Random) -> None:
    one, two = (rng.randrange(-(-len(data) // 4096)) * 4096 for _ in range(2))
    data[one : one + 4096] = data[two : two + 4096]


def change_header(data: bytearray, rng: Random) -> None:
    place = rng.randrange(100)
    data[place : place + 1] = rng.randbytes(1)


def change_page_head(data: bytearray, rng: Random) -> None:
    """The type, counts and pointers that begin a page: what holds its tree together."""
    page = rng.randrange(-(-len(data) // 4096)) * 4096
    place = page + (100 if page == 0 else 0) + rng.randrange(40)
    data[place : place + 1] = rng.randbytes(1)


def point_elsewhere(data: bytearray, rng: Random) -> None:
    """Page numbers in place of others: cycles of pages, pages with two parents."""
    pages = max(1, len(data) // 4096)
    page = rng.randrange(pages) * 4096
    place = page + rng.choice((0, 8, 12, rng.randrange(4092)))
    data[place : place + 4] = rng.randrange(1, pages + 2).to_bytes(4, "big")


DAMAGE: tuple[Callable[[bytearray, Random], None], ...] = (
    flip_bits, set_bytes, blank_range, garble_range, cut_off, cut_out, append, swap_pages,
    copy_page, change_header, change_page_head, point_elsewhere,
)  # fmt: skip


def damaged(original: Files, rng: Random) -> tuple[Files, str]:
    """A damaged copy, and what was done."""
    files = {suffix: bytearray(data) for suffix, data in original.items()}
    if "-wal" in files and rng.random() < 0.1:
        del files["-wal"]
        return {suffix: bytes(data) for suffix, data in files.items()}, "log taken away"
    suffix = rng.choice(sorted(files))
    done = rng.choice(DAMAGE)
    for _ in range(rng.choice((1, 1, 1, 4))):
        if files[suffix]:
            done(files[suffix], rng)
    return {name: bytes(data) for name, data in files.items()}, f"{done.__name__} in {suffix!r}"


# What is asked of each ----------------------------------------------------------------------


def everything(path: Path) -> tuple[Any, ...]:
    """All that a trace says, through every way of asking."""
    with memtrace.open(path) as trace:
        operations = {operation.id: operation for operation in trace.operations()}
        variables = {variable.id: variable for variable in trace.variables()}
        values = {identifier: trace.value(identifier) for identifier in variables}
        assert trace.counts
        if variables:
            last = max(variables, key=lambda identifier: variables[identifier].seq)
            assert trace.variable(last) == variables[last]
            trace.graph.upstream(last)
            list(trace.upstream(last))
            trace.to_networkx()
        trace.state_at(trace.last_seq)
        for item in {variable.item for variable in variables.values() if variable.item}:
            trace.history(item)
        list(trace.operations(kind="update", since_seq=3))
        list(trace.variables(producer=next(iter(operations), "op-1")))
        return operations, variables, values, trace.metadata, trace.graph.edge_count


def what_is_left(path: Path) -> int:
    """Read on after every damaged value, as a caller may who wants what there is."""
    read = 0
    with memtrace.open(path) as trace:
        for variable in trace.variables():
            try:
                trace.value(variable.id)
                read += 1
            except (KeyError, UserError):  # a damaged tree may hide what stands in it
                continue
    return read


def lay_down(files: Files, path: Path) -> None:
    for old in path.parent.iterdir():
        old.unlink()
    for suffix, data in files.items():
        Path(f"{path}{suffix}").write_bytes(data)


def outcome(path: Path, original: tuple[Any, ...]) -> str:
    """Check, read and repair one file; an exception here is what this is all about."""
    report = memtrace.check(path, deep=True)
    assert str(report)
    try:
        found: tuple[Any, ...] | None = everything(path)
    except (KeyError, UserError):
        found = None
    with suppress(UserError):
        what_is_left(path)
    if report.ok:
        assert found is not None, f"found sound, and cannot be read: {report}"
        if found == original:
            return "as it was"
        return other_content(report, found, original)
    saved = path.with_name("saved.db")
    try:
        memtrace.repair(path, saved)
    except UserError:
        assert not report.can_be_saved, report
        return "diagnosed, nothing to save"
    again = memtrace.check(saved, deep=True)
    assert again.ok, f"the repaired trace is not sound: {again}"
    operations, variables, *_ = everything(saved)
    whole = operations.keys() == original[0].keys() and variables.keys() == original[1].keys()
    return "diagnosed, saved whole" if whole else "diagnosed, saved in part"


def other_content(
    report: memtrace.CheckReport, found: tuple[Any, ...], original: tuple[Any, ...]
) -> str:
    """The name of the outcome when a file is called sound that does not say what it said."""
    if report.schema == 1:
        return "sound but changed, without seals; said so"
    operations, variables, values, metadata, _ = found
    is_shorter = (
        metadata.items() <= original[3].items()
        and variables.items() <= original[1].items()
        and all(original[2][key] == value for key, value in values.items())
        and all(
            key in original[0] and (each.status == "running" or each == original[0][key])
            for key, each in operations.items()
        )
    )
    if not is_shorter:
        return UNSEEN
    return f"sound, shorter; {'said so' if report.notes else 'as if killed at that moment'}"


def run_cases(seeds: Iterable[int], originals: dict[str, Files], folder: Path) -> Counter[str]:
    path = folder / "trace.db"
    known = {}
    for name, files in originals.items():
        lay_down(files, path)
        known[name] = everything(path)
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        rng = Random(seed)
        name = rng.choice(sorted(originals))
        files, done = damaged(originals[name], rng)
        lay_down(files, path)
        faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
        try:
            found = outcome(path, known[name])
            outcomes[found] += 1
            if found == UNSEEN:
                shutil.copytree(folder, folder.with_name(f"unseen-{seed}"))
                print(f"\nseed {seed}, {name}, {done}: {UNSEEN}")
        except Exception as error:  # whatever it is, it is what this test looks for
            pytest.fail(
                f"seed {seed}, {name}, {done}: {type(error).__name__}: {error}; the file is {path}"
            )
        finally:
            faulthandler.cancel_dump_traceback_later()
    return outcomes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "case").mkdir()
    return tmp_path / "case"


def test_mutated_traces_are_diagnosed(originals: dict[str, Files], folder: Path) -> None:
    outcomes = run_cases(range(FEW), originals, folder)
    assert sum(outcomes.values()) == FEW
    assert outcomes["diagnosed, saved in part"] > FEW / 10, outcomes
    assert not outcomes[UNSEEN], outcomes


@pytest.mark.slow
def test_many_mutated_traces_are_diagnosed(originals: dict[str, Files], folder: Path) -> None:
    outcomes = run_cases(range(FIRST_SEED + FEW, FIRST_SEED + FEW + MANY), originals, folder)
    print(f"\n{MANY} cases from seed {FIRST_SEED + FEW}:", dict(outcomes.most_common()))
    assert sum(outcomes.values()) == MANY
    assert not outcomes[UNSEEN]
