"""A process killed while it records leaves a file that opens, whole but for the last second."""

from __future__ import annotations

import os
import random
import signal
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


def killed_run(path: Path, after_s: float) -> tuple[int, int, int]:
    """Steps done, and moments (ns) of the first and the last, as the child told before it died."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    first = child.stdout.readline().split()
    time.sleep(after_s)
    os.kill(child.pid, signal.SIGKILL)
    lines = [line for line in child.stdout.read().splitlines() if line.count(" ") == 1]
    child.wait()
    child.stdout.close()
    done, moment = lines[-1].split()
    return int(done), int(first[1]), int(moment)


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
