"""A process killed while it records leaves a file that opens, whole but for the last second."""

from __future__ import annotations

import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import networkx
import pytest

import memtrace

CHILD = """
import sys, time
import memtrace

with memtrace.record(sys.argv[1]):
    last = memtrace.variable("start")
    with memtrace.step("session") as session:
        number = 0
        while True:
            with memtrace.step("work", inputs={"last": last}, parameters={"n": number}) as op:
                last = op.output("out", f"value {number} " + "filler " * 40, item="m1")
                with memtrace.step("inner", inputs={"x": last}) as inner:
                    inner.output("y", number)
            number += 1
            print(number, time.time_ns(), flush=True)
            time.sleep(0.0005)
"""

GROWING_CHILD = """
import sys, time
import memtrace

with memtrace.record(sys.argv[1]):
    context = ""
    number = 0
    while True:
        context += f"{number} and what was said then; " * 30
        with memtrace.step("work", inputs={"context": context}, parameters={"n": number}) as op:
            op.output("messages", [{"content": context}, number], item="m1")
        number += 1
        print(number, time.time_ns(), flush=True)
        time.sleep(0.0005)
"""


KILLS = int(os.environ.get("MEMTRACE_KILLS", "40"))


def killed_run(path: Path, after_s: float, code: str = CHILD) -> tuple[int, int, int]:
    """Steps done, and moments (ns) of the first and the last, as the child told before it died."""
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(after_s)
    os.kill(child.pid, signal.SIGKILL)
    told = (first + child.stdout.read()).splitlines(keepends=True)
    lines = [line for line in told if line.endswith("\n")]  # the last may be cut off anywhere
    child.wait()
    child.stdout.close()
    done, moment = lines[-1].split()
    return int(done), int(first.split()[1]), int(moment)


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_recording_opens_whole_but_for_the_last_second(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "trace.db"
    done, began, moment = killed_run(path, random.Random(seed).uniform(0.05, 1.3))
    with memtrace.open(path) as trace:
        graph = trace.to_networkx(values=True)
        assert all("type" in attributes for _, attributes in graph.nodes(data=True))
        assert networkx.is_directed_acyclic_graph(graph)
        for _, attributes in graph.nodes(data=True):
            assert attributes["type"] == "operation" or attributes["producer"] in {None, *graph}
            assert attributes.get("parent") is None or attributes["parent"] in graph
        kept = [op for op in trace.operations(name="work") if op.status == "ok"]
        until = max((op.finished_ns or 0 for op in kept), default=began)
        assert (moment - until) / 1e9 <= 1.0, f"{len(kept)} of {done} kept"
        assert [op.parameters["n"] for op in kept] == list(range(len(kept)))
        running = [op.name for op in trace.operations() if op.status == "running"]
    with memtrace.record(path, resume=True) as run:
        assert run.interrupted == len(running)
        with memtrace.step("after") as after:
            pass
    with memtrace.open(path) as trace:
        assert trace.operation(after.id or "").seq > max((op.seq for op in kept), default=0)
        assert {op.name for op in trace.operations() if op.status == "error"} == set(running)
        assert all(op.status != "running" for op in trace.operations())


def context_at(number: int) -> str:
    """What a growing child had recorded as context in this step."""
    return "".join(f"{n} and what was said then; " * 30 for n in range(number + 1))


def check_growing(path: Path, began: int, moment: int) -> int:
    """Assert that a killed growing recording is whole; returns how many steps it kept."""
    with memtrace.open(path) as trace:
        kept = [op for op in trace.operations(name="work") if op.status == "ok"]
        assert [op.parameters["n"] for op in kept] == list(range(len(kept)))
        until = max((op.finished_ns or 0 for op in kept), default=began)
        assert (moment - until) / 1e9 <= 1.0, f"{len(kept)} kept"
        for op in kept[:: max(1, len(kept) // 20)]:
            context = context_at(op.parameters["n"])
            assert trace.value(op.inputs["context"][0]) == context
            messages = trace.value(op.outputs["messages"][0])
            assert messages == [{"content": context}, op.parameters["n"]]
        for variable in trace.variables():
            trace.value(variable.id)
    return len(kept)


def check_edges(path: Path) -> None:
    """Assert that SQLite and a check find the file whole, and no edge or place has a loose end."""
    connection = sqlite3.connect(path)
    loose = {
        "inputs": "inputs WHERE variable NOT IN (SELECT number FROM variables)"
        " OR operation NOT IN (SELECT number FROM operations)",
        "producers": "variables WHERE producer IS NOT NULL"
        " AND producer NOT IN (SELECT number FROM operations)",
        "sources": "variables WHERE source IS NOT NULL"
        " AND source NOT IN (SELECT number FROM variables)",
        "values": "variables WHERE digest NOT IN (SELECT digest FROM blobs)",
        "chunks": "chunks WHERE pack NOT IN (SELECT number FROM packs)",
    }
    found = {
        name: connection.execute(f"SELECT count(*) FROM {where}").fetchone()[0]
        for name, where in loose.items()
    }
    verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    assert (verdict, found) == ("ok", dict.fromkeys(loose, 0))
    report = memtrace.check(path, deep=True)
    assert report.ok, report


def test_a_killed_recording_of_growing_values_keeps_them_whole(tmp_path: Path) -> None:
    _, began, moment = killed_run(tmp_path / "t.db", 0.9, GROWING_CHILD)
    assert check_growing(tmp_path / "t.db", began, moment) > 0
    check_edges(tmp_path / "t.db")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_kills_at_random_moments(tmp_path: Path, part: int) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    for number in range(part, KILLS, 4):
        path = tmp_path / f"{number}.db"
        code = draw.choice((CHILD, GROWING_CHILD))
        _, began, moment = killed_run(path, draw.uniform(0.0, 1.5), code)
        if code is GROWING_CHILD:
            check_growing(path, began, moment)
        else:
            with memtrace.open(path) as trace:
                kept = [op for op in trace.operations(name="work") if op.status == "ok"]
                until = max((op.finished_ns or 0 for op in kept), default=began)
                assert (moment - until) / 1e9 <= 1.0, f"seed {seed}, run {number}"
                for variable in trace.variables():
                    trace.value(variable.id)
        check_edges(path)
        with memtrace.record(path, resume=True):
            memtrace.variable("taken up " + context_at(40))
        check_edges(path)
        path.unlink()
