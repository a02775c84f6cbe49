"""The optional model calls of RAG and Long-Context: summarising trim, rerank, rewrite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.data.types import Session, Turn
from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ChatResponse, ModelFailure
from memtrace.execution import Execution, Insert, Place, Reorder, Replace, execute
from memtrace.memory import LongContext, LongContextConfig, MemorySystem, Query, Rag, RagConfig
from memtrace.memory.index import Bm25Index
from memtrace.memory.reranking import Reranker, parse_order
from memtrace.memory.rewriting import Rewriter
from memtrace.memory.summarising import Summariser
from memtrace.memory.tokens import approximate_tokens
from memtrace.testing import RuleModel
from memtrace.testing.rules_rag import rag_rules

ROW = generate_conversation(5, num_sessions=6, num_people=2, num_questions=4)
SAID = ("I keep bees.", "I sold the car.", "The car was red.", "Bees like clover.")
FAILING = ScriptedModel(lambda _: ModelFailure(kind="timeout", message="no reply"))


def rules() -> ChatModel:
    return RuleModel(rag_rules())


def told(system: MemorySystem) -> MemorySystem:
    turns = tuple(Turn(id=f"t{n}", speaker="Ana", text=text) for n, text in enumerate(SAID))
    system.add(Session(id="s1", turns=turns))
    return system


def summarised(model: ChatModel, budget: int = 200) -> LongContext:
    return LongContext(model, budget_tokens=budget, summariser=Summariser(model, max_tokens=60))


def reranked(model: ChatModel) -> Rag:
    return Rag(
        model, [Bm25Index()], top_k=2, chunk_turns=1, overlap_turns=0, reranker=Reranker(model)
    )


def rewritten(model: ChatModel) -> Rag:
    return Rag(model, [Bm25Index()], chunk_turns=1, overlap_turns=0, rewriter=Rewriter(model))


def recorded(path: Path, run: Callable[[], Any], *interventions: Any) -> Any:
    with memtrace.record(path) as recorder:
        if not interventions:
            return run()
        with execute(recorder, Execution(interventions=interventions)):
            return run()


def failed(path: Path, kind: str) -> list[str]:
    with memtrace.open(path) as trace:
        return [op.error.type for op in trace.operations(kind=kind) if op.error]


def test_summary_and_window_together_stay_in_the_budget() -> None:
    system = summarised(rules())
    for session in ROW.sessions:
        system.add(session)
        hits = system.search(Query("?"))
        assert sum(approximate_tokens(hit.text) for hit in hits) <= 200, hits
    assert [hit.item for hit in hits] == ["summary", "window"]


def test_a_summary_grows_out_of_the_one_before(tmp_path: Path) -> None:
    def run() -> None:
        system = summarised(rules())
        for session in ROW.sessions:
            system.add(session)

    recorded(tmp_path / "t.db", run)
    with memtrace.open(tmp_path / "t.db") as trace:
        versions = list(trace.history("summary"))
        assert len(versions) > 1, "expected several trims"
        behind = trace.graph.upstream(versions[-1].id).variables
    assert versions[0].id in behind


def test_every_trimmed_turn_is_named_and_sent_to_the_summary(tmp_path: Path) -> None:
    def run() -> tuple[str, ...]:
        system = summarised(rules())
        for session in ROW.sessions:
            system.add(session)
        return tuple(turn for hit in system.search(Query("?")) for turn in hit.turns)

    shown = recorded(tmp_path / "t.db", run)
    assert shown == tuple(turn.id for turn in ROW.turns)
    with memtrace.open(tmp_path / "t.db") as trace:
        assert list(trace.check_edges()) == []


def test_a_failed_summary_is_a_plain_drop(tmp_path: Path) -> None:
    def run() -> list[str]:
        system = summarised(FAILING)
        for session in ROW.sessions:
            system.add(session)
        return [hit.item for hit in system.search(Query("?"))]

    assert recorded(tmp_path / "t.db", run) == ["window"]
    assert set(failed(tmp_path / "t.db", "summary")) == {"timeout"}


def test_a_replay_can_change_a_summary(tmp_path: Path) -> None:
    def run() -> str:
        system = summarised(rules(), budget=75)
        for session in ROW.sessions[:1]:
            system.add(session)
        return system.search(Query("?"))[0].text

    place = Place("long_context", f"add {ROW.sessions[0].id}/summarise#0")
    change = Replace(at=place, role="summary", value="All was well.")
    assert recorded(tmp_path / "t.db", run, change) == "All was well."


def test_reranking_puts_what_the_model_names_first(tmp_path: Path) -> None:
    model = ScriptedModel({"Passages:": "3", "": "yes"})
    hits = recorded(tmp_path / "t.db", lambda: told(reranked(model)).search(Query("car bees")))
    plain = told(Rag(model, [Bm25Index()], top_k=9, chunk_turns=1, overlap_turns=0))
    before = [hit.item for hit in plain.search(Query("car bees"))]
    assert [hit.item for hit in hits] == [before[2], before[0]]
    with memtrace.open(tmp_path / "t.db") as trace:
        assert list(trace.check_edges()) == []


@pytest.mark.parametrize("reply", ["none of them", "9", "1, 1", "2 because 1", ""])
def test_a_reply_that_is_no_order_keeps_the_order(reply: str, tmp_path: Path) -> None:
    model = ScriptedModel({"Passages:": reply, "": "yes"})
    path = tmp_path / "t.db"
    hits = recorded(path, lambda: told(reranked(model)).search(Query("car")))
    plain = told(Rag(model, [Bm25Index()], top_k=2, chunk_turns=1, overlap_turns=0))
    assert [hit.item for hit in hits] == [hit.item for hit in plain.search(Query("car"))]
    assert failed(path, "rerank") == ["invalid_output"]


def test_a_failed_rerank_keeps_the_order(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    hits = recorded(path, lambda: told(reranked(FAILING)).search(Query("car")))
    assert [hit.item for hit in hits] == ["t1..t1", "t2..t2"]
    assert failed(path, "rerank") == ["timeout"]


@pytest.mark.parametrize("reply", ["2, 1", "[2, 1]", "2 1", "2 > 1", "2,1.", "2"])
def test_orders_are_read_as_models_write_them(reply: str) -> None:
    assert parse_order(reply, 2) == [1, 0]


def test_a_replay_can_reorder_and_insert_reranked_hits(tmp_path: Path) -> None:
    place = Place("rag_bm25", "ask car/rerank#0")

    def run() -> list[str]:
        return [hit.item for hit in told(reranked(rules())).search(Query("car"))]

    changes = (
        Reorder(at=place, role="hits"),
        Insert(at=place, role="hits", value={"item": "t0..t0"}),
    )
    plain = run()
    assert recorded(tmp_path / "t.db", run, *changes) == [*plain[::-1], "t0..t0"]
    unknown = Insert(at=place, role="hits", value={"item": "nowhere"})
    with pytest.raises(UserError, match="items in the store"):
        recorded(tmp_path / "u.db", run, unknown)


@pytest.mark.parametrize(
    ("path", "role", "value"),
    [
        ("add s1/chunk#0", "chunks", [[{"turn": "t9"}]]),
        ("add s1/chunk#0", "chunks", ["Ana sails."]),
        ("add s1/index#0", "items", ["Ana sails."]),
        ("add s1/index#0", "items", [{"text": "Ana sails."}]),
        ("ask car/retrieve#0", "hits", ["Ana sails."]),
        ("ask car/rerank#0", "hits", [{"text": "Ana sails."}]),
    ],
)
def test_nonsense_is_refused_with_what_was_expected(
    path: str, role: str, value: Any, tmp_path: Path
) -> None:
    change = Replace(at=Place("rag_bm25", path), role=role, value=value)
    with pytest.raises(UserError, match="expected"):
        recorded(tmp_path / "t.db", lambda: told(reranked(rules())).search(Query("car")), change)


def test_retrieval_searches_with_the_rewritten_query(tmp_path: Path) -> None:
    model = ScriptedModel({"to rewrite": "clover", "": "yes"})
    path = tmp_path / "t.db"
    hits = recorded(path, lambda: told(rewritten(model)).search(Query("What do they eat?")))
    assert hits[0].item == "t3..t3", hits
    with memtrace.open(path) as trace:
        (query,) = trace.variables(kind="query")
        assert trace.value(query.id) == "clover"
        assert list(trace.check_edges()) == []


def test_questions_are_rewritten_and_reranked_in_batches() -> None:
    class Counting(RuleModel):
        """Remembers how many requests came at once."""

        def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
            sizes.append(len(requests))
            return super().generate(requests)

    sizes: list[int] = []
    model = Counting(rag_rules())
    system = told(Rag(model, [Bm25Index()], rewriter=Rewriter(model), reranker=Reranker(model)))
    system.answer([Query("car"), Query("bees"), Query("clover")])
    assert sizes == [3, 3, 3]


@pytest.mark.parametrize("model", [FAILING, ScriptedModel({"to rewrite": " ", "": "yes"})])
def test_a_rewrite_that_fails_keeps_the_question(model: ChatModel, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    hits = recorded(path, lambda: told(rewritten(model)).search(Query("clover")))
    assert hits[0].item == "t3..t3", hits
    assert len(failed(path, "rewrite")) == 1


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (LongContextConfig(trim="summarise"), {"qa", "summary"}),
        (LongContextConfig(), {"qa"}),
        (RagConfig(retriever="bm25", rerank="llm", rewrite=True), {"qa", "rerank", "rewrite"}),
        (RagConfig(retriever="bm25"), {"qa"}),
    ],
)
def test_a_system_has_the_prompts_of_the_steps_that_are_on(config: Any, names: set[str]) -> None:
    assert set(config.build(rules())("c1").prompts) == names


def test_a_prompt_of_a_step_can_be_worded_anew() -> None:
    words = "### user\nRank {candidates} for {question}"
    config = RagConfig(retriever="bm25", rerank="llm", prompts={"rerank": words})
    assert config.build(rules())("c1").prompts["rerank"].text == words


@pytest.mark.parametrize(
    ("schema", "options", "key"),
    [
        (RagConfig, {"retriever": "bm25", "rerank": "magic"}, "memory.rerank"),
        (RagConfig, {"retriever": "bm25", "rerank": "llm", "rerank_candidates": 2},
         "memory.rerank_candidates"),
        (LongContextConfig, {"trim": "magic"}, "memory.trim"),
        (LongContextConfig, {"trim": "summarise", "budget_tokens": 300}, "memory.summary_tokens"),
    ],
)  # fmt: skip
def test_a_bad_option_is_refused_by_its_key(schema: Any, options: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=key):
        schema(**options)
