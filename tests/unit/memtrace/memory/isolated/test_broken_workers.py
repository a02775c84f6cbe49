"""A worker that breaks down breaks its memories, loses no record and takes nobody with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data.types import Conversation, Question
from lmcommon.errors import UserError
from lmcommon.judge import NormalizedAnswerJudge
from memtrace.evaluate import evaluate
from memtrace.memory import MemorySystem, Query
from memtrace.memory.isolated.environments import HERE
from memtrace.memory.isolated.preparing import prepared
from memtrace.memory.isolated.process import WorkerProcess
from memtrace.memory.types import BrokenMemoryError

from .conftest import Make, sessions, story

QUERY = Query("What does Ana like?", id="q1")
CALLS: dict[str, Callable[[MemorySystem], Any]] = {
    "add": lambda memory: memory.add(sessions()[0]),
    "search": lambda memory: memory.search(QUERY),
    "answer": lambda memory: memory.answer([QUERY]),
    "snapshot": lambda memory: memory.snapshot(),
    "restore": lambda memory: memory.restore(memory.snapshot()),
    "close": lambda memory: memory.close(),
}
ENDS = {"exit": "ended with exit code 3", "kill": "was killed by SIGKILL"}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("call", CALLS)
def test_a_worker_that_dies_is_told_with_its_last_words(make: Make, call: str, how: str) -> None:
    memory = make(fault=f"{call}:{how}")
    with pytest.raises(BrokenMemoryError) as caught:
        CALLS[call](memory)
    said = str(caught.value)
    assert f"{ENDS[how]} during '{call}'; it said last: about to fail: {how}" in said


@pytest.mark.parametrize("how", ENDS)
def test_a_worker_that_dies_while_it_builds_is_told(make: Make, how: str) -> None:
    with pytest.raises(BrokenMemoryError, match=ENDS[how]):
        make(fault=f"build:{how}")


def test_a_broken_memory_stays_broken_and_the_next_one_is_well(make: Make) -> None:
    broken, neighbour = make(fault="search:kill", scope="a"), make(fault="search:kill", scope="b")
    with pytest.raises(BrokenMemoryError):
        broken.search(QUERY)
    for memory in (broken, neighbour):
        with pytest.raises(BrokenMemoryError, match="SIGKILL during 'search'"):
            memory.add(sessions()[0])
    broken.close()
    fresh = make(fault="search:kill", scope="c")
    fresh.add(sessions()[0])
    assert fresh.answer([QUERY])[0].text


def test_a_hanging_worker_is_killed(make: Make) -> None:
    memory = make(fault="answer:hang", timeout_s=1.0)
    began = time.monotonic()
    with pytest.raises(BrokenMemoryError, match="said nothing for 1 s"):
        memory.answer([QUERY])
    assert time.monotonic() - began < 20


def test_time_that_the_parents_model_takes_does_not_count(make: Make) -> None:
    from lmcommon.llm.scripted import ScriptedModel

    def slow(_: Any) -> str:
        time.sleep(1.5)
        return "late"

    memory = make(timeout_s=1.0, model=ScriptedModel(slow))
    assert memory.answer([QUERY])[0].text == "late"


def test_a_stranger_in_the_pipe_breaks_the_protocol(make: Make) -> None:
    with pytest.raises(BrokenMemoryError, match="broke the protocol"):
        make(fault="search:garbage").search(QUERY)


def test_noise_on_standard_output_disturbs_nothing(make: Make) -> None:
    memory = make(fault="search:noise")
    memory.add(sessions()[0])
    assert len(memory.search(QUERY)) == 2


def test_an_error_called_timeout_is_no_hang(make: Make) -> None:
    memory = make(fault="search:timeout")
    with pytest.raises(TimeoutError, match="the store did not answer"):
        memory.search(QUERY)
    assert memory.answer([QUERY]), "the worker lives"


def test_an_error_of_a_library_breaks_the_memory(make: Make) -> None:
    with pytest.raises(BrokenMemoryError, match="LibraryError: only the library knows"):
        make(fault="search:foreign").search(QUERY)


def test_what_was_recorded_before_a_kill_is_kept(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path, processes=True):
        memory = make(extracts=True, fault="answer:kill")
        for session in sessions():
            memory.add(session)
        with pytest.raises(BrokenMemoryError):
            memory.answer([QUERY])
        make(extracts=True, fault="answer:kill", scope="toy/2").add(sessions()[0])
    told = story(path)
    assert memtrace.check(path, deep=True).ok
    assert [row[0] for row in told].count("write") == 5
    (death,) = [row for row in told if row[0] == "worker"]
    assert death[4] == {"call": "answer"}
    assert death[5][0] == "BrokenMemoryError"
    assert "SIGKILL" in death[5][1]


def test_its_questions_are_unscored(make: Make, tmp_path: Path) -> None:
    conversation = Conversation(
        id="c", sessions=tuple(sessions()),
        questions=(Question(id="q1", text="What does Ana like?", answer="tea"),),
    )  # fmt: skip
    with memtrace.record(tmp_path / "t.db", processes=True):
        memory = make(fault="add:exit")
        (episode,) = evaluate(memory, conversation, NormalizedAnswerJudge())
    assert episode.failure_kind == "internal"
    assert "exit code 3" in str(episode.verdict.failure)


def test_an_interrupted_call_ends_the_worker(make: Make) -> None:
    from lmcommon.llm.scripted import ScriptedModel

    def interrupt(_: Any) -> str:
        raise KeyboardInterrupt

    memory = make(model=ScriptedModel(interrupt))
    with pytest.raises(KeyboardInterrupt):
        memory.answer([QUERY])
    with pytest.raises(BrokenMemoryError, match="KeyboardInterrupt"):
        memory.search(QUERY)


def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from memtrace.memory.isolated import ENVIRONMENTS\n"
        "from memtrace.memory.isolated.environments import HERE\n"
        "from memtrace.memory.isolated.preparing import prepared\n"
        "from memtrace.memory.isolated.process import WorkerProcess\n"
        "print(WorkerProcess(prepared(HERE), timeout_s=60).pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    worker = int(done.stdout)
    for _ in range(100):
        if not _runs(worker):
            return
        time.sleep(0.1)
    raise AssertionError(f"worker {worker} outlived its parent")


def test_what_a_killed_parent_leaves_is_unfinished_and_no_error(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import memtrace\n"
        "from lmcommon.embed.config import HashEmbedConfig\n"
        "from lmcommon.llm.scripted import ScriptedModel\n"
        "from memtrace.testing.toy_packaged import ToyConfig\n"
        "from conftest import sessions\n"
        "def reply(request):\n"
        "    if 'coffee' in request.messages[-1].content:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return 'Ana likes tea.'\n"
        "config = ToyConfig(embed=HashEmbedConfig(), extracts=True, isolation='always')\n"
        "with memtrace.record(sys.argv[2], processes=True):\n"
        "    memory = config.build(ScriptedModel(reply))('toy/1')\n"
        "    for session in sessions():\n"
        "        memory.add(session)\n"
    )
    path = tmp_path / "trace.db"
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    time.sleep(2.0)  # the worker looks for its parent every second
    with memtrace.open(path) as trace:
        names = [operation.name for operation in trace.operations()]
        assert names.count("add") == 2, names
        assert [one.error for one in trace.operations() if one.error] == []


def test_a_forked_child_is_told_that_the_worker_is_not_its_own(make: Make) -> None:
    memory = make()
    child = os.fork()
    if not child:
        try:
            memory.search(QUERY)
        except BrokenMemoryError as error:
            os._exit(0 if "forked" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert memory.search(QUERY) == [], "the parent's worker is undisturbed"


def test_a_worker_ends_though_a_forked_child_holds_its_pipes() -> None:
    found = prepared(HERE)
    assert found is not None
    worker = WorkerProcess(found, timeout_s=60)
    child = os.fork()
    if not child:
        time.sleep(30)
        os._exit(0)
    began = time.monotonic()
    worker.stop()
    took = time.monotonic() - began
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert took < 8, took
    assert not _runs(worker.pid)


def started(code: str) -> WorkerProcess:
    found = prepared(HERE)
    assert found is not None
    command = [sys.executable, "-c", f"import json, os, struct, sys\n{code}"]
    return WorkerProcess(found, timeout_s=5, command=command)


SAY = (
    "def say(message):\n"
    "    data = json.dumps(message).encode()\n"
    "    os.write(int(sys.argv[2]), struct.pack('>4sQ', b'MTW1', len(data)) + data)\n"
)


def test_another_version_in_the_environment_is_refused() -> None:
    with pytest.raises(UserError, match=r"speaks another version.*'memtrace': '0.0.1'"):
        started(SAY + "say({'hello': {'protocol': 1, 'memtrace': '0.0.1'}})")


def test_a_program_that_does_not_greet_is_refused() -> None:
    with pytest.raises(BrokenMemoryError, match="expected a greeting"):
        started(SAY + "say(['good day'])")


def test_a_program_that_cannot_start_says_why() -> None:
    with pytest.raises(BrokenMemoryError, match=r"exit code 1 .*ModuleNotFoundError: .*no_such"):
        started("import no_such_module")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return stat.rpartition(")")[2].split()[0] != "Z"
