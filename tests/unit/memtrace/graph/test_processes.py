"""Several processes, one trace: one order, every edge, and a killed one harms no other."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import networkx
import pytest

import memtrace
from lmcommon.errors import UserError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX file locks")

WORK = """
import os, signal, sys, time
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import memtrace

PATH = sys.argv[1]

@memtrace.operation
def work(text, number):
    with memtrace.step("inner", inputs={"text": memtrace.variable(text)}) as inner:
        made = inner.output("made", f"{text} {number} of {os.getpid()}", item=f"m{number}")
    return made

def plain(number):
    work(memtrace.variable("plain"), number)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.db"


def perform(path: Path, script: str, *, code: int = 0) -> None:
    """Run a script on a trace in a fresh process."""
    file = path.with_name("script.py")
    file.write_text(WORK + script)
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(file), str(path)], capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr


def check_whole(path: Path) -> None:
    """No loose end, no number twice, nothing left behind beside the trace."""
    with memtrace.open(path) as trace:
        graph = trace.to_networkx(values=True)
        assert all("type" in attributes for _, attributes in graph.nodes(data=True))
        assert networkx.is_directed_acyclic_graph(graph)
        numbers = [op.seq for op in trace.operations()]
        numbers += [op.end_seq for op in trace.operations() if op.end_seq is not None]
        numbers += [variable.seq for variable in trace.variables()]
        assert [number for number, times in Counter(numbers).items() if times > 1] == []
    beside = {file.name for file in path.parent.iterdir()} - {"script.py", "__pycache__"}
    assert beside == {path.name}


POOL = """
if __name__ == "__main__":
    with memtrace.record(PATH, processes=True, metadata={{"pid": os.getpid()}}):
        with memtrace.step("parent") as parent:
            seed = memtrace.variable("seed")
            {pool} as pool:
                {calls}
            with memtrace.step("gather", inputs={{"made": made}}):
                pass
"""
EXECUTOR = 'with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("{}"){})'
SUBMIT = "made = [f.result() for f in [pool.submit({}, seed, n) for n in range(40)]]"


@pytest.mark.parametrize(
    ("pool", "calls"),
    [
        (EXECUTOR.format("fork", ""), SUBMIT.format("work")),
        (EXECUTOR.format("fork", ""), SUBMIT.format("memtrace.bind(work)")),
        pytest.param(
            EXECUTOR.format("spawn", ""), SUBMIT.format("memtrace.bind(work)"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            EXECUTOR.format("forkserver", ", initializer=memtrace.join, initargs=(PATH,)"),
            SUBMIT.format("work"), marks=pytest.mark.slow,
        ),
        (
            'with multiprocessing.get_context("fork").Pool(3)',
            "made = pool.starmap(work, [(seed, n) for n in range(40)])",
        ),
    ],
    ids=["fork", "fork-bound", "spawn-bound", "forkserver-join", "pool"],
)  # fmt: skip
def test_a_process_pool_records_every_call_and_edge(path: Path, pool: str, calls: str) -> None:
    perform(path, POOL.format(pool=pool, calls=calls))
    check_whole(path)
    with memtrace.open(path) as trace:
        names = {op.id: op.name for op in trace.operations()}
        (gather,) = trace.operations(name="gather")
        done = list(trace.operations(name="work"))
        assert sorted(op.parameters["number"] for op in done) == list(range(40))
        joined = "join" in pool
        assert {names.get(op.parent or "") for op in done} == {None if joined else "parent"}
        seed = trace.variable(done[0].inputs["text"][0])
        assert {op.inputs["text"] for op in done} == {(seed.id,)}
        assert set(gather.inputs["made"]) == {op.outputs["result"][0] for op in done}
        workers = {trace.value(part).rpartition(" ")[2] for part in gather.inputs["made"]}
        assert str(trace.metadata["pid"]) not in workers
        back = trace.graph.upstream(gather.inputs["made"][0]).operations
        assert {names[identifier] for identifier in back} == {"work", "inner"}
        assert {op.status for op in trace.operations()} == {"ok"}


def test_a_pool_whose_calls_return_no_handles_loses_nothing_when_it_ends(path: Path) -> None:
    perform(path, """
if __name__ == "__main__":
    with memtrace.record(PATH, processes=True):
        with multiprocessing.get_context("fork").Pool(3) as pool:
            pool.map(plain, range(60))
""")  # fmt: skip
    check_whole(path)
    with memtrace.open(path) as trace:
        assert len(list(trace.operations(name="work"))) == 60
        assert {op.status for op in trace.operations()} == {"ok"}


def test_a_foreign_process_joins_while_the_first_records(path: Path) -> None:
    perform(path, """
import pickle, subprocess
JOINED = '''
import sys, pickle, memtrace
with memtrace.join(sys.argv[1]) as run:
    given = pickle.loads(bytes.fromhex(sys.argv[2]))
    assert run.live("m1").value == "tea"
    with memtrace.step("there", inputs={"given": given, "seen": run.live("m1")}) as op:
        out = op.output("out", "coffee", item="m1")
    print(pickle.dumps(out).hex())
'''
with memtrace.record(PATH, processes=True) as run:
    tea = memtrace.variable("tea", item="m1")
    packed = pickle.dumps(tea).hex()
    told = subprocess.run([sys.executable, "-c", JOINED, PATH, packed], check=True, stdout=-1)
    back = pickle.loads(bytes.fromhex(told.stdout.decode()))
    assert (run.live("m1").value, run.live("m1").version) == ("coffee", 2)
    with memtrace.step("here", inputs={"back": back}) as op:
        op.deleted("m1")
    assert run.live("m1") is None
""")  # fmt: skip
    check_whole(path)
    with memtrace.open(path) as trace:
        there, here = trace.operations()
        assert there.inputs["given"] == there.inputs["seen"]
        assert here.inputs == {"back": there.outputs["out"]} | {
            role: ids for role, ids in here.inputs.items() if role == "deleted"
        }
        assert there.end_seq is not None
        assert there.end_seq < here.seq
        assert [version.version for version in trace.history("m1")] == [1, 2, 3]
        assert len(trace.metadata["sessions"]) == 1


def test_processes_may_outlive_the_one_that_began(path: Path) -> None:
    perform(path, """
run = memtrace.record(PATH, processes=True)
with memtrace.step("before"):
    child = os.fork()
    if child == 0:
        time.sleep(0.3)
        work(memtrace.variable("late"), 1)
        sys.exit(0)
run.close()
os.waitpid(child, 0)
""")  # fmt: skip
    check_whole(path)
    with memtrace.open(path) as trace:
        assert [op.name for op in trace.operations()] == ["before", "work", "inner"]
        assert {op.status for op in trace.operations()} == {"ok"}


def test_a_step_of_another_process_takes_nothing_here(path: Path) -> None:
    perform(path, """
with memtrace.record(PATH, processes=True):
    with memtrace.step("parent") as parent:
        child = os.fork()
        if child == 0:
            for act in (
                lambda: parent.output("out", 1), lambda: parent.usage(model="m"),
                lambda: parent.input("in", 1), lambda: memtrace.current().parameter("p", 1),
                lambda: parent.deleted("m1"),
            ):
                try:
                    act()
                except RuntimeError as error:
                    assert "another process" in str(error)
                else:
                    os._exit(3)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        parent.output("out", 2)
""")  # fmt: skip
    with memtrace.open(path) as trace:
        (found,) = trace.operations()
        assert (found.status, list(found.outputs)) == ("ok", ["out"])


def test_a_child_that_records_nothing_leaves_no_trace_of_itself(path: Path) -> None:
    perform(path, """
with memtrace.record(PATH, processes=True):
    for _ in range(5):
        child = os.fork()
        if child == 0:
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        work(memtrace.variable("x"), 1)
""")  # fmt: skip
    check_whole(path)
    with memtrace.open(path) as trace:
        assert len(list(trace.operations(name="work"))) == 5


def test_forks_while_threads_record_lose_nothing(path: Path) -> None:
    perform(path, """
import threading
def many(first):
    for number in range(first, first + 100):
        plain(number)
with memtrace.record(PATH, processes=True):
    threads = [threading.Thread(target=many, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            plain(1000 + number)
            sys.exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    for thread in threads:
        thread.join()
""")  # fmt: skip
    check_whole(path)
    with memtrace.open(path) as trace:
        found = sorted(op.parameters["number"] for op in trace.operations(name="work"))
        assert found == [*range(400), *range(1000, 1008)]


KILLED = """
with memtrace.record(PATH, processes=True):
    children = []
    for part in range(3):
        child = os.fork()
        if child == 0:
            number = 0
            while True:
                work(memtrace.variable(f"part {part}"), number)
                number += 1
                if part == 2 and number == 300:
                    sys.exit(0)
        children.append(child)
    time.sleep(float(sys.argv[2]))
    for child in children[:2]:
        os.kill(child, signal.SIGKILL)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    assert statuses == [9, 9, 0], statuses
    with memtrace.step("after"):
        pass
"""


@pytest.mark.parametrize("after_s", [0.1, pytest.param(0.7, marks=pytest.mark.slow)])
def test_a_killed_process_harms_no_other(path: Path, after_s: float) -> None:
    perform(path, KILLED.replace("float(sys.argv[2])", str(after_s)))
    check_whole(path)
    with memtrace.open(path) as trace:
        mine = [
            op for op in trace.operations(name="work")
            if trace.value(op.inputs["text"][0]) == "part 2"
        ]  # fmt: skip
        assert [op.parameters["number"] for op in mine] == list(range(300))
        assert {op.status for op in mine} == {"ok"}
        assert all(op.status != "running" for op in trace.operations())
        assert [op.status for op in trace.operations(name="after")] == ["ok"]


def test_a_recording_whose_processes_were_all_killed_is_resumed(path: Path) -> None:
    perform(path, """
with memtrace.record(PATH, processes=True) as run:
    with memtrace.step("killed"):
        run.flush()
        os.kill(os.getpid(), signal.SIGKILL)
""", code=-9)  # fmt: skip
    with memtrace.record(path, resume=True) as run:
        assert run.interrupted == 1
        with memtrace.step("after"):
            pass
    check_whole(path)


# Who may and who may not ------------------------------------------------------------------------


def test_there_must_be_something_to_join(path: Path) -> None:
    with pytest.raises(UserError, match="none with processes=True is open"):
        memtrace.join(path)
    with memtrace.record(path):
        pass
    with pytest.raises(UserError, match="none with processes=True is open"):
        memtrace.join(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("processes", [True, False])
def test_a_second_recording_of_the_same_file_is_refused(path: Path, processes: bool) -> None:
    code = "import memtrace, sys; memtrace.record(sys.argv[1], resume=True, processes={})"
    with memtrace.record(path, processes=True):
        ended = subprocess.run(
            [sys.executable, "-c", code.format(processes), str(path)], capture_output=True,
            text=True, check=False,
        )  # fmt: skip
    assert "another recording is writing this trace" in ended.stderr
    check_whole(path)


def test_who_joins_a_recording_that_redacts_must_redact_too(path: Path) -> None:
    joining = "import memtrace, sys; memtrace.join(sys.argv[1]{})"
    with memtrace.record(path, processes=True, redact=str.lower):
        for extra, code in (("", 1), (", redact=str.lower", 0)):
            ended = subprocess.run(
                [sys.executable, "-c", joining.format(extra), str(path)], capture_output=True,
                text=True, check=False,
            )  # fmt: skip
            assert ended.returncode == code, ended.stderr
    check_whole(path)


def test_a_recording_of_one_process_still_forgets_its_forks(path: Path) -> None:
    perform(path, """
with memtrace.record(PATH):
    child = os.fork()
    if child == 0:
        assert memtrace.variable("x").id is None
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
""")  # fmt: skip
    check_whole(path)


def test_the_counter_continues_above_what_a_resumed_trace_holds(path: Path) -> None:
    with memtrace.record(path):
        first = memtrace.variable("a")
    with memtrace.record(path, resume=True, processes=True):
        second = memtrace.variable("b")
    assert (first.number, second.number) == (1, 2)


def test_pickling_a_handle_brings_what_it_names_to_the_disk(path: Path) -> None:
    import pickle

    with memtrace.record(path, processes=True):
        handle = memtrace.variable("x")
        pickle.dumps(handle)
        with closing(sqlite3.connect(path)) as connection:
            rows: list[Any] = connection.execute("SELECT number FROM variables").fetchall()
    assert rows == [(handle.number,)]
    assert os.path.exists(path)
