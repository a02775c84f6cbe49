"""A memory in another process does what it would do here, and leaves the same trace."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.errors import BudgetError, UserError
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ChatResponse, ModelFailure
from memtrace.execution import (
    Drop,
    Execution,
    Insert,
    Place,
    RecordedReplies,
    Reorder,
    Replace,
    Resample,
    execute,
    within,
)
from memtrace.memory import MemorySystem, Query
from memtrace.testing.toy_packaged import ToyConfig

from .conftest import MODEL, Hashing, Make, read, sessions, story

QUERIES = [Query("What does Ana like?", id="q1", time=datetime(2024, 2, 1)), Query("Who runs?")]


def fill(memory: MemorySystem) -> list[str]:
    for session in sessions():
        memory.add(session)
    return [answer.text for answer in memory.answer(QUERIES)]


def recorded(path: Path, build: Callable[[], MemorySystem], *interventions: Any) -> list[Any]:
    with (
        memtrace.record(path, processes=True) as recorder,
        execute(recorder, Execution(interventions=interventions)),
    ):
        memory = build()
        fill(memory)
        memory.search(QUERIES[0])
        memory.close()
    return story(path)


def test_it_is_the_system_it_stands_for(make: Make) -> None:
    here, there = make("never"), make("always")
    assert isinstance(there, MemorySystem)
    for fact in ("name", "version", "versions", "prompts", "parameters"):
        assert getattr(there, fact) == getattr(here, fact), fact
    assert there.scope.name == "toy/1"


def test_it_answers_and_finds_the_same(make: Make) -> None:
    here, there = make("never", extracts=True), make("always", extracts=True)
    assert fill(there) == fill(here)
    assert [hit.text for hit in there.search(QUERIES[0])] == [
        hit.text for hit in here.search(QUERIES[0])
    ]


def test_the_trace_is_the_same(make: Make, tmp_path: Path) -> None:
    here = recorded(tmp_path / "here.db", lambda: make("never", extracts=True))
    there = recorded(tmp_path / "there.db", lambda: make("always", extracts=True))
    assert there == here
    assert len(there) > 20
    assert memtrace.check(tmp_path / "there.db", deep=True).ok


PARSE = Place("toy/1", "add s1/s1:0/parse#0")
ASKED = f"ask {QUERIES[0].id}"


@pytest.mark.parametrize(
    "intervention",
    [
        Drop(at=PARSE, role="facts", index=0),
        Insert(at=PARSE, role="facts", value="Cleo sings", index=1),
        Replace(at=PARSE, role="facts", value=["Dan ☃ sleeps"]),
        Reorder(at=PARSE, role="facts", order=(2, 0, 1)),
        Replace(at=Place("toy/1", "add s1/s1:0/extract#0"), role="reply", value="Eve came"),
        Resample(at=Place("toy/1", "add s1/s1:0/extract#0"), role="reply", draw=1),
        Drop(at=Place("toy/1", "add s1/s1:1/write#0"), role="writes", index=0),
        Drop(at=Place("toy/1", f"{ASKED}/retrieve#0"), role="hits", index=0),
        Replace(at=Place("toy/1", f"{ASKED}/build_context#0"), role="context", value="Ana: tea"),
        Replace(at=Place("toy/1", f"{ASKED}/answer#0"), role="reply", value="tea"),
    ],
    ids=lambda one: f"{one.kind}-{one.role}",
)
def test_an_intervention_changes_the_same_here_and_there(
    make: Make, tmp_path: Path, intervention: Any
) -> None:
    plain = recorded(tmp_path / "plain.db", lambda: make("never", extracts=True))
    here = recorded(tmp_path / "here.db", lambda: make("never", extracts=True), intervention)
    there = recorded(tmp_path / "there.db", lambda: make("always", extracts=True), intervention)
    assert there == here
    assert there != plain, "the intervention had no effect"


def test_nonsense_at_a_point_is_the_users_error(make: Make, tmp_path: Path) -> None:
    nonsense = Drop(at=PARSE, role="facts", index=99)
    with pytest.raises(UserError, match="expected an index") as caught:
        recorded(tmp_path / "t.db", lambda: make("always", extracts=True), nonsense)
    assert caught.value.__cause__ is None, "it was raised here and is the error itself"


def test_recorded_replies_come_through_the_pipe(make: Make, tmp_path: Path) -> None:
    first = recorded(tmp_path / "first.db", lambda: make("always", extracts=True))

    class Refusing(ScriptedModel):
        def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
            raise AssertionError("nobody may be asked")

    model = Refusing(read)
    with memtrace.open(tmp_path / "first.db") as trace:
        execution = Execution(replies=RecordedReplies(trace))
        with (
            memtrace.record(tmp_path / "again.db", processes=True) as recorder,
            execute(recorder, execution),
        ):
            memory = make("always", extracts=True, model=model)
            fill(memory)
            memory.search(QUERIES[0])
    assert execution.ledger.called == 0, execution.ledger
    assert execution.ledger.recorded == 5
    outputs = [row[-1] for row in story(tmp_path / "again.db")]
    assert outputs == [row[-1] for row in first]


def test_a_recording_of_one_process_is_refused(make: Make, tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"), pytest.raises(UserError, match="processes=True"):
        make("always")


def test_the_work_hangs_below_the_step_of_the_caller(make: Make, tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db", processes=True):
        memory = make("always")
        with memtrace.step("mine") as mine:
            memory.add(sessions()[0])
    with memtrace.open(tmp_path / "t.db") as trace:
        added = next(one for one in trace.operations() if one.name == "add")
    assert added.parent == mine.id


def test_a_place_of_the_caller_holds_there_too(make: Make, tmp_path: Path) -> None:
    for isolation in ("never", "always"):
        with memtrace.record(tmp_path / f"{isolation}.db", processes=True):
            memory = make(isolation)
            with within("twice", scope=memory.scope, time=datetime(2020, 1, 1)):
                memory.add(Session(id="s", turns=(Turn(id="t", speaker="A", text="x"),)))
    there = story(tmp_path / "always.db")
    assert there == story(tmp_path / "never.db")
    assert there[0][2]["place"] == ["toy/1", "twice/add s/add#0"] or "twice" in str(there[0][2])


def test_the_store_of_the_trace_is_the_memory(make: Make, tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db", processes=True):
        memory = make("always", extracts=True)
        for session in sessions():
            memory.add(session)
        hits = {hit.item: hit.text for hit in memory.search(QUERIES[0])}
        memory.close()
    with memtrace.open(tmp_path / "t.db") as trace:
        held = trace.state_at(trace.last_seq).items()
        assert {item: trace.value(version.id) for item, version in held} == hits


def test_it_goes_back_to_a_state(make: Make) -> None:
    memory = make("always")
    empty = memory.snapshot()
    fill(memory)
    full = memory.snapshot()
    memory.restore(empty)
    assert memory.search(QUERIES[0]) == []
    memory.restore(full)
    assert len(memory.search(QUERIES[0])) == 3
    del empty, full
    gc.collect()
    assert len(memory.search(QUERIES[0])) == 3


def test_a_state_of_another_memory_is_refused(make: Make) -> None:
    state = make("always", scope="a").snapshot()
    with pytest.raises(ValueError, match="state of this memory"):
        make("always", scope="b").restore(state)


def test_memories_of_one_factory_share_a_process_and_nothing_else(make: Make) -> None:
    first, second = make("always", scope="a"), make("always", scope="b")
    first.add(sessions()[0])
    assert second.search(QUERIES[0]) == []
    assert getattr(first, "pid", 1) == getattr(second, "pid", 2)


def test_a_worker_is_left_to_the_next_factory(make: Make) -> None:
    factory = ToyConfig(embed=Hashing(), isolation="always").build(MODEL)
    memory = factory("a")
    memory.add(sessions()[0])
    pid = getattr(memory, "pid", 0)
    del memory, factory
    gc.collect()
    second = ToyConfig(embed=Hashing(), isolation="always", timeout_s=7).build(MODEL)("a")
    assert getattr(second, "pid", 0) == pid
    assert second.search(QUERIES[0]) == [], "nothing is left of the first"
    assert second.scope.name == "a"


def test_threads_take_turns(make: Make, tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db", processes=True):
        memories = [make("always", extracts=True, scope=f"toy/{n}") for n in range(4)]
        answers: dict[int, Sequence[str]] = {}
        threads = [
            threading.Thread(target=lambda n=n: answers.update({n: fill(memories[n])}))
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 4
    assert len(set(map(tuple, answers.values()))) == 1, answers
    assert memtrace.check(tmp_path / "t.db").ok


def test_a_recording_is_free_as_soon_as_it_is_closed(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path, processes=True):
        memory = make("always")
        memory.add(sessions()[0])
    with memtrace.record(path, resume=True) as recorder:  # which needs the file for itself
        assert recorder.interrupted == 0
    with memtrace.record(tmp_path / "second.db", processes=True):
        make("always", scope="toy/2").add(sessions()[0])
    assert {row[0] for row in story(tmp_path / "second.db")} == {"add", "parse", "write"}


def test_a_large_text_goes_there_and_back(make: Make) -> None:
    text = "word ☃ " * 700_000
    memory = make("always")
    memory.add(Session(id="s", turns=(Turn(id="t", speaker="A", text=text),)))
    assert len(memory.search(Query("word"))[0].text) >= len(text)


def test_an_error_of_the_parents_model_is_raised_as_itself(make: Make) -> None:
    spent = BudgetError("the budget is spent")

    class Spent(ScriptedModel):
        def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
            raise spent

    with pytest.raises(BudgetError) as caught:
        make("always", extracts=True, model=Spent(read)).add(sessions()[0])
    assert caught.value is spent


def test_a_failed_call_of_the_model_is_data(make: Make, tmp_path: Path) -> None:
    model = ScriptedModel(lambda _: ModelFailure(kind="timeout", message="no reply"))
    with memtrace.record(tmp_path / "t.db", processes=True):
        memory = make("always", extracts=True, model=model)
        memory.add(sessions()[0])
        (answer,) = memory.answer(QUERIES[:1])
    assert (answer.text, answer.response.ok, answer.handle) == ("", False, None)
    errors = [row[5] for row in story(tmp_path / "t.db") if row[5]]
    assert errors == [("timeout", "no reply")] * 3


def test_an_error_of_the_memory_brings_its_traceback(make: Make) -> None:
    memory = make("always", fault="add:user")
    with pytest.raises(UserError, match="expected something else") as caught:
        memory.add(sessions()[0])
    assert "toy_packaged.py" in str(caught.value.__cause__)
    assert memory.search(QUERIES[0]) == [], "the worker lives"


def test_what_the_parent_redacts_never_reaches_the_disk(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "t.db"

    def hide(text: str) -> str:
        return text.replace("run", "***")

    with memtrace.record(path, processes=True, redact=hide):
        make("always").add(sessions()[0])
    texts = str(story(path))
    assert "***" in texts
    assert " run " not in texts


def test_a_model_that_uses_the_memory_is_told(make: Make) -> None:
    def nosy(_: ChatRequest) -> str:
        return str(memory.search(QUERIES[0]))

    memory = make("always", extracts=True, model=ScriptedModel(nosy))
    with pytest.raises(RuntimeError, match="busy with the call"):
        memory.add(sessions()[0])


def test_a_closed_memory_says_so(make: Make) -> None:
    memory = make("always")
    memory.close()
    memory.close()
    with pytest.raises(memtrace.memory.types.BrokenMemoryError, match="closed"):
        memory.search(QUERIES[0])
