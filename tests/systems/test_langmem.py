"""LangMem, the real package: what it does is in the trace, and a replay can change it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langmem", reason="langmem is not installed here; see memtrace-systems")

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ModelFailure
from lmcommon.testing.hash_embedder import HashEmbedder
from memtrace.execution import (
    Drop,
    Execution,
    Insert,
    Intervention,
    Place,
    Reorder,
    Replace,
    execute,
)
from memtrace.memory import MemorySystem, Query
from memtrace.memory.langmem import LangMemConfig, LangMemMemory
from memtrace.testing import RuleModel
from memtrace.testing.rules_langmem import langmem_rules

LISBON, DOG = "Ana: I moved to Lisbon, the city is lovely.", "Bo: The name of my dog is Pickle."
SAID = (
    ("s1", "Ana", "I moved to Lisbon, the city is lovely."),
    ("s1", "Bo", "The name of my dog is Pickle."),
    ("s2", "Ana", "I moved to Porto, the city is lovely."),
    ("s3", "Bo", "Forget the name of my dog Pickle."),
)


def sessions() -> list[Session]:
    return [
        Session(
            id=name,
            time=datetime(2024, 1, day),
            turns=tuple(
                Turn(id=f"{name}:{place}", speaker=speaker, text=text)
                for place, (session, speaker, text) in enumerate(SAID)
                if session == name
            ),
        )
        for day, name in enumerate(("s1", "s2", "s3"), 1)
    ]


def build(model: ChatModel | None = None, **options: Any) -> LangMemMemory:
    return LangMemMemory(model or RuleModel(langmem_rules()), HashEmbedder(), scope="c1", **options)


def filled(count: int = 3, model: ChatModel | None = None) -> LangMemMemory:
    system = build(model)
    for session in sessions()[:count]:
        system.add(session)
    return system


def texts(system: MemorySystem) -> list[str]:
    return sorted(hit.text.partition("] ")[2] for hit in system.search(Query("Ana Bo city dog")))


def recorded(path: Path, run: Callable[[], Any], interventions: Sequence[Intervention] = ()) -> Any:
    with memtrace.record(path) as recorder:
        deciding = Execution(interventions=interventions)  # type: ignore[arg-type]
        with execute(recorder, deciding):
            result = run()
        assert deciding.unapplied == ()
        return result


def calling(*calls: dict[str, Any]) -> str:
    return json.dumps({"calls": calls})


# What happens -------------------------------------------------------------------------------


def test_a_changed_fact_is_a_new_version_of_its_memory(tmp_path: Path) -> None:
    recorded(tmp_path / "t.db", lambda: filled(2))
    with memtrace.open(tmp_path / "t.db") as trace:
        histories = [
            [trace.value(v.id) for v in trace.history(item)]
            for item in trace.state_at(trace.last_seq)
        ]
    assert sorted(map(len, histories)) == [1, 2], histories
    assert "Lisbon" in max(histories, key=len)[0]
    assert "Porto" in max(histories, key=len)[1]


def test_a_removed_memory_is_a_deletion(tmp_path: Path) -> None:
    recorded(tmp_path / "t.db", filled)
    with memtrace.open(tmp_path / "t.db") as trace:
        (deletion,) = trace.variables(kind="deletion")
        assert "Pickle" in trace.value(next(iter(trace.history(deletion.item or ""))).id)
        assert deletion.item not in trace.state_at(trace.last_seq)


def test_after_every_session_the_trace_holds_what_the_store_holds(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    system = build()
    for number, session in enumerate(sessions()):
        with memtrace.record(path, resume=number > 0):
            system.add(session)
        with memtrace.open(path) as trace:
            live = {i: trace.value(v.id) for i, v in trace.state_at(trace.last_seq).items()}
        store = {f"c1/{key}": text for key, text in system._store.texts().items()}
        assert live == store


def test_every_declared_input_stands_in_the_request(tmp_path: Path) -> None:
    recorded(tmp_path / "t.db", lambda: filled().answer([Query("Where does Ana live?")]))
    with memtrace.open(tmp_path / "t.db") as trace:
        assert [str(warning) for warning in trace.check_edges()] == []


def test_two_runs_are_the_same_to_the_last_id(tmp_path: Path) -> None:
    def seen(path: Path) -> list[Any]:
        recorded(path, lambda: filled().answer([Query("Where does Ana live?", id="q1")]))
        with memtrace.open(path) as trace:
            values = [(v.kind, v.item, trace.value(v.id)) for v in trace.variables()]
            return values + [(o.name, o.metadata["place"]) for o in trace.operations()]

    assert seen(tmp_path / "a.db") == seen(tmp_path / "b.db")


def test_outside_a_scope_langmem_has_its_own_random_ids() -> None:
    import langmem.knowledge.extraction as package

    filled(1)
    assert package.uuid.uuid4() != package.uuid.uuid4()
    assert package.uuid.uuid4().version == 4


def test_answers_come_from_the_newest_version() -> None:
    assert "Porto" in filled().answer([Query("Which city did Ana move to?")])[0].text


def test_restoring_brings_memories_and_versions_back() -> None:
    system = filled(1)
    state = system.snapshot()
    for session in sessions()[1:]:
        system.add(session)
    after = texts(system)
    system.restore(state)
    assert texts(system) == sorted([LISBON, DOG])
    for session in sessions()[1:]:
        system.add(session)
    assert texts(system) == after


def test_of_many_memories_only_those_in_the_prompt_are_inputs(tmp_path: Path) -> None:
    """From eight on LangMem searches several times, and cuts what it found together."""

    def run() -> None:
        system = build(query_limit=8)
        lines = [Turn(id=f"t{n}", speaker="Ana", text=f"Fact {n} is about {n}.") for n in range(30)]
        system.add(Session(id="s1", turns=tuple(lines)))
        system.add(Session(id="s2", turns=tuple(lines[:3])))

    recorded(tmp_path / "t.db", run)
    with memtrace.open(tmp_path / "t.db") as trace:
        assert [str(warning) for warning in trace.check_edges()] == []
        searches = [o.metadata["place"][1] for o in trace.operations(name="find")]
        last = list(trace.operations(name="extract"))[-1]
    assert searches[-2:] == ["add s2/find#0", "add s2/find#1"]
    assert len(last.inputs["existing"]) == 8


# What goes wrong ----------------------------------------------------------------------------


def errors(path: Path, name: str) -> list[str]:
    with memtrace.open(path) as trace:
        return [op.error.type for op in trace.operations(name=name) if op.error]


def test_a_failed_call_adds_nothing_and_is_recorded(tmp_path: Path) -> None:
    failing = ScriptedModel(lambda _: ModelFailure(kind="timeout", message="no reply"))
    system = recorded(tmp_path / "t.db", lambda: filled(1, failing))
    assert texts(system) == []
    assert errors(tmp_path / "t.db", "extract") == ["timeout"]
    assert errors(tmp_path / "t.db", "write") == ["swallowed"]


def test_a_failure_that_trustcall_retries_is_one_operation_a_call(tmp_path: Path) -> None:
    class Fading(RuleModel):
        """Answers the first request only."""

        def _by_rule(self, request: ChatRequest) -> str | ModelFailure:
            if len(self.requests) > 1:
                return ModelFailure(kind="timeout", message="no reply")
            return super()._by_rule(request)

    system = recorded(tmp_path / "t.db", lambda: filled(2, Fading(langmem_rules())))
    assert texts(system) == sorted([LISBON, DOG])
    assert len(errors(tmp_path / "t.db", "extract")) > 1
    assert errors(tmp_path / "t.db", "write") == ["swallowed"]


@pytest.mark.parametrize("sessions_before", [0, 1])
def test_a_fault_of_our_own_is_not_taken_for_one_of_langmem(sessions_before: int) -> None:
    class Broken(RuleModel):
        """Cannot be asked any more after some calls."""

        def _by_rule(self, request: ChatRequest) -> str | ModelFailure:
            if len(self.requests) > sessions_before:
                raise ModuleNotFoundError("no such package")
            return super()._by_rule(request)

    with pytest.raises(ModuleNotFoundError, match="no such package"):
        filled(2, Broken(langmem_rules()))


@pytest.mark.parametrize("reply", ["Nothing to note.", '{"calls": 3}', '{"calls": []}'])
def test_a_model_that_calls_no_tool_records_nothing(reply: str, tmp_path: Path) -> None:
    talking = ScriptedModel(lambda _: reply)
    assert texts(recorded(tmp_path / "t.db", lambda: filled(1, talking))) == []


def test_a_patch_of_an_unknown_memory_is_recorded_as_swallowed(tmp_path: Path) -> None:
    def rule(request: ChatRequest) -> str:
        if "<existing>" not in request.messages[0].content:
            return calling({"name": "Memory", "args": {"content": "Ana sails."}})
        args = {"json_doc_id": "nowhere", "planned_edits": "", "patches": []}
        return calling({"name": "PatchDoc", "args": args})

    recorded(tmp_path / "t.db", lambda: filled(2, ScriptedModel(rule)))
    with memtrace.open(tmp_path / "t.db") as trace:
        failed = [op.error.message for op in trace.operations(name="write") if op.error]
    assert len(failed) == 1
    assert "nowhere" in failed[0]


def test_a_call_that_does_not_validate_is_repaired_in_another_operation(tmp_path: Path) -> None:
    def rule(request: ChatRequest) -> str:
        if "PatchFunctionErrors" not in request.messages[0].content:
            return calling({"name": "Memory", "args": {"text": "Ana sails."}})
        call = request.messages[-2].content
        edit = {"op": "add", "path": "/content", "value": "Ana sails."}
        args = {
            "json_doc_id": json.loads(call)["calls"][0]["id"], "planned_edits": "",
            "patches": [edit],
        }  # fmt: skip
        return calling({"name": "PatchFunctionErrors", "args": args})

    system = recorded(tmp_path / "t.db", lambda: filled(1, ScriptedModel(rule)))
    assert [hit.text for hit in system.search(Query("?"))] == ["Ana sails."]
    with memtrace.open(tmp_path / "t.db") as trace:
        assert [op.name for op in trace.operations(kind="extraction")] == ["extract", "repair"]


# What a replay may change -------------------------------------------------------------------

EXTRACT, WRITE = Place("c1", "add s1/extract#0"), Place("c1", "add s1/write#0")
FIND = Place("c1", "add s2/find#0")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Drop(at=EXTRACT, role="facts", index=0), [DOG]),
        (Insert(at=EXTRACT, role="facts", value="[x] Ana: I sail."), [LISBON, DOG, "Ana: I sail."]),
        (Replace(at=EXTRACT, role="facts", value=["[x] Ana: I sail."]), ["Ana: I sail."]),
        (Reorder(at=EXTRACT, role="facts"), [LISBON, DOG]),
        (Replace(at=EXTRACT, role="reply", value='{"calls": []}'), []),
        (Drop(at=WRITE, role="writes", index=1), [LISBON]),
        (Insert(at=WRITE, role="writes", value={"event": "ADD", "text": "[x] I: Hi."}),
         [LISBON, DOG, "I: Hi."]),
        (Reorder(at=WRITE, role="writes"), [LISBON, DOG]),
        (Drop(at=WRITE, role="writes"), []),
    ],
    ids=lambda value: type(value).__name__ + getattr(value, "role", ""),
)  # fmt: skip
def test_a_list_can_be_changed_at_its_point(
    change: Intervention, expected: list[str], tmp_path: Path
) -> None:
    system = recorded(tmp_path / "t.db", lambda: filled(1), [change])
    assert texts(system) == sorted(expected)


def test_a_memory_that_is_not_shown_is_not_patched(tmp_path: Path) -> None:
    system = recorded(tmp_path / "t.db", lambda: filled(2), [Drop(at=FIND, role="hits")])
    assert sum("I moved" in text for text in texts(system)) == 2


def test_hits_of_a_question_can_be_changed(tmp_path: Path) -> None:
    place = Place("c1", "ask city/retrieve#0")

    def run() -> list[str]:
        return [hit.item for hit in filled(1).search(Query("city"))]

    plain = run()
    assert recorded(tmp_path / "a.db", run, [Reorder(at=place, role="hits")]) == plain[::-1]
    twice = Insert(at=place, role="hits", value={"item": plain[0]})
    assert recorded(tmp_path / "b.db", run, [twice]) == [*plain, plain[0]]


@pytest.mark.parametrize(
    "change",
    [
        Insert(at=EXTRACT, role="facts", value={"name": "Shout", "args": {}}),
        Insert(at=EXTRACT, role="facts", value={"content": "Ana sails."}),
        Insert(at=WRITE, role="writes", value={"event": "UPDATE", "item": "c1/x", "text": "a"}),
        Insert(at=WRITE, role="writes", value={"item": "c1/x"}),
        Insert(at=FIND, role="hits", value={"item": "c1/nowhere"}),
        Insert(at=FIND, role="hits", value="Ana sails."),
    ],
    ids=str,
)
def test_nonsense_is_refused_with_what_was_expected(change: Intervention, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected"):
        recorded(tmp_path / "t.db", lambda: filled(2), [change])


# Configuration ------------------------------------------------------------------------------


class Embedding:
    """A configuration of an embedder."""

    def build(self) -> HashEmbedder:
        return HashEmbedder()


def test_the_configuration_builds_it_with_its_wordings() -> None:
    config = LangMemConfig(embed=Embedding(), isolation="never", prompts={"instructions": "Note."})
    system = config.build(RuleModel(langmem_rules()))("langmem/c1")
    assert set(system.prompts) == {"qa", "instructions", "tools"}
    system.add(sessions()[0])
    assert texts(system) == sorted([LISBON, DOG])


def test_instructions_reach_the_model() -> None:
    model = RuleModel(langmem_rules())
    config = LangMemConfig(embed=Embedding(), isolation="never", prompts={"instructions": "Note."})
    config.build(model)("langmem/c1").add(sessions()[0])
    assert any("Note." in message.content for message in model.requests[0].messages)


def test_memories_can_be_kept_from_being_removed() -> None:
    system = build(enable_deletes=False)
    for session in sessions():
        system.add(session)
    assert any("Pickle" in text for text in texts(system))
