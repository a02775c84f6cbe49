"""Mem0 as a memory system: the trace is what happened, twice the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import memtrace
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ModelFailure
from memtrace.memory import Query
from memtrace.memory.types import BrokenMemoryError
from memtrace.testing import RuleModel, mem0_rules

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from mem0_support import (
    LINE,
    QUESTION,
    memory,
    only_additive,
    only_classic,
    replies,
    run,
    sessions,
    state_of,
    store_of,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mem0") / "t.db"
    run(made)
    return made


def test_every_input_goes_back_to_something_said(path: Path) -> None:
    with memtrace.open(path) as trace:
        loose = [
            (variable.id, variable.kind)
            for variable in trace.variables()
            if variable.producer is None and variable.kind not in ("message", "question", "prompt")
        ]
    assert loose == []


def test_the_edge_check_finds_nothing(path: Path) -> None:
    with memtrace.open(path) as trace:
        assert list(map(str, trace.check_edges())) == []


def test_the_check_of_the_trace_finds_nothing(path: Path) -> None:
    report = memtrace.check(path)
    assert not report.problems, report.problems


def test_after_every_message_the_trace_holds_what_the_store_holds(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    states, moments = [], []
    with memtrace.record(path):
        system = memory()
        for session in sessions():
            for turn in session.turns:
                from dataclasses import replace

                system.add(replace(session, turns=(turn,)))
                states.append(store_of(system))
                moments.append(memtrace.variable("mark", kind="mark").number)
    with memtrace.open(path) as trace:
        for expected, moment in zip(states, moments, strict=True):
            held = {i: trace.value(v.id) for i, v in trace.state_at(moment).items()}
            assert held == expected


def test_mem0_writes_what_was_read_in_its_replies(path: Path) -> None:
    with memtrace.open(path) as trace:
        writing = [op for op in trace.operations() if op.name == "apply"]
        assert len(writing) == 5
        assert [op.metadata["unplanned"] for op in writing if "unplanned" in op.metadata] == []


def test_a_second_run_is_the_same_to_the_byte(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.db"
    run(again)
    with memtrace.open(path) as one, memtrace.open(again) as two:
        first = [(v.id, v.kind, v.item, v.version, one.value(v.id)) for v in one.variables()]
        second = [(v.id, v.kind, v.item, v.version, two.value(v.id)) for v in two.variables()]
        places = [[op.metadata["place"] for op in trace.operations()] for trace in (one, two)]
    assert first == second
    assert places[0] == places[1]


def test_requests_hold_neither_today_nor_random_ids(path: Path) -> None:
    from datetime import datetime

    with memtrace.open(path) as trace:
        sent = "\n".join(str(trace.value(v.id)) for v in trace.variables(kind="request"))
    assert datetime.now().strftime("%Y-%m-%d") not in sent
    assert "2024-01-02" in sent
    assert "c1/" not in sent


@only_classic
def test_classic_updates_and_deletes(path: Path) -> None:
    held = set(state_of(path).values())
    assert "Ana: I moved to Porto for a new job." in held
    assert not any("Lisbon" in text or "Pickle" in text for text in held), held


@only_additive
def test_additive_keeps_what_contradicts(path: Path) -> None:
    held = set(state_of(path).values())
    assert {
        "Ana: I moved to Lisbon for a new job.", "Ana: I moved to Porto for a new job."
    } <= held, held  # fmt: skip


def test_prompts_are_variables_of_the_trace(path: Path) -> None:
    with memtrace.open(path) as trace:
        named = {v.name for v in trace.variables(kind="prompt") if v.name}
    expected = {"extraction", "qa"} | ({"update"} if LINE == "classic" else set())
    assert expected <= named


def test_another_wording_of_a_prompt_is_what_is_sent(tmp_path: Path) -> None:
    from dataclasses import replace

    other = memory().prompts["extraction"]
    changed = replace(other, text=other.text + "\nBe brief, be complete.")
    run(tmp_path / "t.db", prompts={"extraction": changed})
    with memtrace.open(tmp_path / "t.db") as trace:
        sent = [str(trace.value(v.id)) for v in trace.variables(kind="request")]
        assert list(map(str, trace.check_edges())) == []
    assert sum("Be brief, be complete." in one for one in sent) == 5


@only_additive
def test_instructions_are_sent_and_declared(tmp_path: Path) -> None:
    from lmcommon.prompt import Prompt

    run(tmp_path / "t.db", prompts={"instructions": Prompt("instructions", "Mind the pets.")})
    with memtrace.open(tmp_path / "t.db") as trace:
        extracts = [op for op in trace.operations(kind="extraction") if op.name == "extract"]
        assert all("instructions" in op.inputs for op in extracts)
        assert list(map(str, trace.check_edges())) == []


@only_additive
def test_entity_linking_stays_offline_and_same(tmp_path: Path) -> None:
    answer, held = run(tmp_path / "a.db", entities=True)
    again, _ = run(tmp_path / "b.db", entities=True)
    assert state_of(tmp_path / "a.db") == held
    assert [h.score for h in answer.hits] == [h.score for h in again.hits]


@only_additive
def test_restoring_brings_entities_back_too() -> None:
    system = memory(entities=True)
    first, second = sessions()
    system.add(first)
    state = system.snapshot()
    before = [(h.text, h.score) for h in system.search(QUESTION)]
    system.add(second)
    assert [(h.text, h.score) for h in system.search(QUESTION)] != before
    system.restore(state)
    assert [(h.text, h.score) for h in system.search(QUESTION)] == before
    rows = system._memory.entity_store.client.scroll("memories_entities", limit=100)[0]
    assert {row.payload["data"] for row in rows} >= {"Lisbon", "Pickle"}, rows


def test_a_failed_extraction_loses_the_message_and_no_more(tmp_path: Path) -> None:
    rules = RuleModel(mem0_rules())

    def sometimes(request: object) -> object:
        text = str(request.messages[-1].content)  # type: ignore[attr-defined]
        said = text.rpartition("## New Messages")[2]
        if "Pickle" in (said or text).partition("## Observation")[0] and "Question" not in text:
            return ModelFailure(kind="timeout", message="no reply")
        return rules.generate([request])[0]  # type: ignore[list-item]

    path = tmp_path / "t.db"
    run(path, model=ScriptedModel(sometimes, name="sometimes"))  # type: ignore[arg-type]
    with memtrace.open(path) as trace:
        failed = [op.metadata["place"][1] for op in trace.operations() if op.error]
        lost = [key for op in trace.operations() for key in op.metadata if "lost" in key]
    assert {"add s1/s1:1/extract#0", "add s2/s2:3/extract#0"} <= set(failed)
    assert lost == ["lost s1:1", "lost s2:3"]
    assert any("Porto" in text for text in state_of(path).values())


def test_an_unreadable_reply_is_a_failed_parse(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path):
        memory(model=ScriptedModel(lambda _: "I think so.", name="chatty")).add(sessions()[0])
    with memtrace.open(path) as trace:
        errors = [op.error.type for op in trace.operations() if op.error]
    assert errors == ["unreadable_reply"] * 2


def test_a_broken_store_is_a_broken_memory() -> None:
    system = memory()
    system._memory.vector_store.client.close()
    with pytest.raises(BrokenMemoryError):
        system.answer([QUESTION])


def test_a_memory_filled_before_the_recording_is_adopted(tmp_path: Path) -> None:
    system = memory()
    for session in sessions():
        system.add(session)
    with memtrace.record(tmp_path / "t.db"):
        hits = system.search(QUESTION)
    held = state_of(tmp_path / "t.db")
    assert hits
    assert {hit.item: hit.text for hit in hits} == held


def test_versions_say_which_line_it_is() -> None:
    versions = memory().versions
    assert versions["line"] == LINE
    assert versions["mem0ai"].startswith("1." if LINE == "classic" else "2.")


def test_closing_twice_is_fine() -> None:
    system = memory()
    system.close()
    system.close()


def test_replies_are_where_they_are_expected(path: Path) -> None:
    assert replies(path)[-1][0] == "ask q1/answer#0"
    assert memory().search(Query("Anything?")) == []
