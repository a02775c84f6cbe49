"""The real packages, each in a worker of its own environment, seen from here.

Runs for every environment that is prepared (`memtrace-systems prepare=all`) and whose system this
version has; the session `systems` prepares them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.judge import NormalizedAnswerJudge
from memtrace.evaluate import evaluate
from memtrace.execution import Replace
from memtrace.memory.config import MEMORY_SCHEMAS
from memtrace.memory.isolated import ENVIRONMENTS, prepared
from memtrace.memory.isolated.linking import lent_packages
from memtrace.memory.types import BrokenMemoryError
from memtrace.replaying import Replayer, first_mismatch, points

from .isolated_support import QUERY, build, model_of, record, sessions

pytestmark = pytest.mark.systems

ALONE = """
import sys
sys.path.insert(0, {folder!r})
from isolated_support import record
record({name!r}, {path!r}, isolation="never")
"""


def story(path: Path) -> list[Any]:
    """A trace without ids and times."""
    with memtrace.open(path) as trace:
        operations = list(trace.operations())
        order = {operation.id: number for number, operation in enumerate(operations)}
        return [
            (
                one.name, one.kind, one.metadata, order.get(one.parent or ""), one.parameters,
                one.error and (one.error.type, one.error.message),
                {role: list(map(trace.value, ids)) for role, ids in one.inputs.items()},
                {role: list(map(trace.value, ids)) for role, ids in one.outputs.items()},
            )
            for one in operations
        ]  # fmt: skip


@pytest.fixture(params=ENVIRONMENTS)
def name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name not in MEMORY_SCHEMAS:
        pytest.skip(f"{name} is no option of the group memory in this version")
    if prepared(ENVIRONMENTS[name]) is None:
        pytest.skip(f"not prepared: memtrace-systems prepare={name}")
    return name


def test_the_trace_is_the_one_of_the_same_system_without_isolation(
    name: str, tmp_path: Path
) -> None:
    found = prepared(ENVIRONMENTS[name])
    assert found is not None
    code = ALONE.format(
        folder=str(Path(__file__).parent), name=name, path=str(tmp_path / "alone.db")
    )
    lent = lent_packages(tmp_path)
    alone = subprocess.run(
        [found.python, "-c", code], capture_output=True, text=True, timeout=300,
        check=False, env={**os.environ, "PYTHONPATH": str(lent)},
    )  # fmt: skip
    assert alone.returncode == 0, alone.stderr
    record(name, tmp_path / "isolated.db")
    assert story(tmp_path / "isolated.db") == story(tmp_path / "alone.db")
    assert memtrace.check(tmp_path / "isolated.db", deep=True).ok


def test_a_factual_replay_asks_nothing_and_is_the_same(name: str, tmp_path: Path) -> None:
    path = _evaluated(name, tmp_path)
    with Replayer(path, model=model_of(name)) as replayer, replayer.run() as done:
        assert (done.calls, done.ledger.refused, done.unapplied) == (0, 0, ())
        assert done.ledger.recorded > 0
        assert first_mismatch(replayer.trace, done.trace) is None


def test_an_intervention_reaches_the_worker(name: str, tmp_path: Path) -> None:
    path = _evaluated(name, tmp_path)
    with Replayer(path, model=model_of(name)) as replayer:
        point = [one for one in points(replayer.trace) if one.role == "context"][-1]
        change = Replace(at=point.operation, role="context", value="Nothing.")
        with replayer.run([change]) as done:
            assert (done.calls, done.unapplied) == (1, ())
            assert not done.diff().is_empty


def _evaluated(name: str, folder: Path) -> Path:
    row = generate_conversation(5, num_sessions=2, num_people=2, num_questions=2)
    with memtrace.record(folder / "t.db", processes=True):
        memory = build(name)(f"memory/{row.id}")
        list(evaluate(memory, row, NormalizedAnswerJudge()))
        memory.close()
    return folder / "t.db"


def test_a_killed_worker_breaks_its_memory_and_the_next_is_well(name: str, tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db", processes=True):
        make = build(name)
        memory = make("memory/c1")
        memory.add(sessions()[0])
        os.kill(memory.pid, signal.SIGKILL)
        with pytest.raises(BrokenMemoryError, match="SIGKILL"):
            memory.add(sessions()[1])
        fresh = make("memory/c2")
        fresh.add(sessions()[0])
        assert fresh.answer([QUERY])[0].response.ok
        fresh.close()
    assert memtrace.check(tmp_path / "t.db", deep=True).ok


def test_memories_share_a_process_only_where_the_system_allows(name: str) -> None:
    make = build(name)
    first, second = make("memory/c1"), make("memory/c2")
    assert (first.pid == second.pid) == (not ENVIRONMENTS[name].one_per_process)
    first.close()
    second.add(sessions()[0])
    assert second.search(QUERY)
    second.close()


def test_it_is_listed_as_prepared(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "memtrace.run.systems"], capture_output=True, text=True, check=True,
        timeout=120,
    )  # fmt: skip
    rows = {row["name"]: row for row in json.loads(done.stdout.splitlines()[-1])["systems"]}
    assert rows[name]["environment"], rows[name]
    assert rows[name]["missing"] is None
