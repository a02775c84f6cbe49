"""One suite over all memory systems: what every `MemorySystem` promises."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.embed.config import HashEmbedConfig
from lmcommon.llm.base import ChatModel
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ChatResponse, ModelFailure
from lmcommon.testing.hash_embedder import HashEmbedder
from memtrace.memory import LongContext, MemorySystem, Query, Rag
from memtrace.memory.everos.package import has_everos
from memtrace.memory.index import Bm25Index, DenseIndex
from memtrace.memory.mem0.releases import installed_line
from memtrace.memory.reranking import Reranker
from memtrace.memory.rewriting import Rewriter
from memtrace.memory.summarising import Summariser
from memtrace.testing import Rule, RuleModel, mem0_rules, perfect_reader
from memtrace.testing.rules_everos import everos_rules
from memtrace.testing.rules_langmem import langmem_rules
from memtrace.testing.rules_rag import rag_rules

QUESTION = "Which city did Ana move to?"
GOLD = {QUESTION: "Lisbon", "What is the name of Bo's dog?": "Pickle"}


def in_a_worker(model: ChatModel) -> MemorySystem:
    from memtrace.testing.toy_packaged import ToyConfig

    return ToyConfig(embed=HashEmbedConfig(), isolation="always").build(model)("c1")


class WordEmbedder:
    """Counts of hashed words, of length one: enough for cosine to mean shared words."""

    name = "words"
    dim = 64

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"kind": "words"}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().replace("?", " ").split():
                row[sum(map(ord, word)) % self.dim] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


Build = Callable[[ChatModel], MemorySystem]
record = partial(memtrace.record, processes=True)  # as memories in other processes need it
SYSTEMS: dict[str, Build] = {
    "long_context": lambda model: LongContext(model, scope="c1"),
    "long_context_trimmed": lambda model: LongContext(model, budget_tokens=70, scope="c1"),
    "rag_bm25": lambda model: Rag(model, [Bm25Index()], scope="c1"),
    "rag_dense": lambda model: Rag(model, [DenseIndex(WordEmbedder())], scope="c1"),
    "rag_hybrid": lambda model: Rag(model, [DenseIndex(WordEmbedder()), Bm25Index()], scope="c1"),
    "isolated": lambda model: in_a_worker(model),
    "long_context_summarised": lambda model: LongContext(
        model, budget_tokens=70, scope="c1", summariser=Summariser(model, max_tokens=35)
    ),
    "rag_reranked": lambda model: Rag(
        model, [Bm25Index()], scope="c1", top_k=2, chunk_turns=1, overlap_turns=0,
        reranker=Reranker(model),
    ),
    "rag_hybrid_rewritten_reranked": lambda model: Rag(
        model, [DenseIndex(WordEmbedder()), Bm25Index()], scope="c1", rewriter=Rewriter(model),
        reranker=Reranker(model),
    ),
}  # fmt: skip


def langmem(model: ChatModel) -> MemorySystem:
    """The real package, where it is installed."""
    pytest.importorskip("langmem", reason="langmem is not installed here; see memtrace-systems")
    from memtrace.memory.langmem import LangMemMemory

    return LangMemMemory(model, HashEmbedder(), scope="c1")


SYSTEMS["langmem"] = langmem


def from_the_guide(model: ChatModel) -> MemorySystem:
    """The adapter that docs/how-to/add-a-memory-system.md teaches."""
    page = Path(__file__).parents[2] / "docs/how-to/add-a-memory-system.md"
    namespace: dict[str, Any] = {"__name__": "__guide__"}
    for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[:2]:
        exec(compile(code, page.name, "exec", dont_inherit=True), namespace)
    system: MemorySystem = namespace["NotebookMemory"](model, scope="c1", top_k=9)
    return system


SYSTEMS["notebook"] = from_the_guide
NOTES = Rule(
    "notes", lambda r: "Message: " in r.messages[-1].content,
    lambda r: r.messages[-1].content.partition("Message: ")[2],
)  # fmt: skip


def reader() -> ChatModel:
    """Answers flawlessly, and condenses, reranks and rewrites by rules."""
    perfect = perfect_reader(GOLD)
    answering = Rule(
        "gold", lambda r: "Question:" in r.messages[-1].content,
        lambda r: perfect.generate([r])[0].text,
    )  # fmt: skip
    return RuleModel([*rag_rules(), *langmem_rules(), NOTES, answering])


def with_rules(model: ChatModel, rules: Sequence[Rule]) -> ChatModel:
    """The model, but rules answer the prompts that a system writes memories with."""

    def reply(request: ChatRequest) -> str | ChatResponse:
        for rule in rules:
            if rule.matches(request):
                return rule.reply(request)
        return model.generate([request])[0]

    return ScriptedModel(reply, name=f"{model.name} with rules")


def mem0(line: str) -> Build:
    """The real package, where it is installed."""

    def build(model: ChatModel) -> MemorySystem:
        if installed_line() != line:
            pytest.skip(f"mem0ai of the {line} line is not installed here; see memtrace-systems")
        from memtrace.memory.mem0 import Mem0Memory

        return Mem0Memory(with_rules(model, mem0_rules()), WordEmbedder(), scope="c1")

    return build


def everos(model: ChatModel, **settings: Any) -> MemorySystem:
    """The real engine, where it is installed."""
    if not has_everos():
        pytest.skip("everos is not installed here; see memtrace-systems")
    from memtrace.memory.everos import EverosMemory
    from memtrace.memory.everos.settings import EverosSettings

    return EverosMemory(
        with_rules(model, everos_rules()), HashEmbedder(256), scope="c1",
        settings=EverosSettings(**settings),
    )  # fmt: skip


SYSTEMS |= {
    "mem0": mem0("additive"), "mem0_classic": mem0("classic"), "everos": everos,
    "everos_agentic": partial(everos, retrieval="agentic"),
    "everos_keyword": partial(everos, retrieval="keyword"),
}  # fmt: skip


def sessions() -> list[Session]:
    said = [
        ("s1", "Ana", "I moved to Lisbon, the city is lovely."),
        ("s1", "Bo", "The name of my dog is Pickle."),
        ("s2", "Ana", "The weather is fine today, is it not?"),
        ("s2", "Bo", "It is. Rain will come later."),
    ]
    return [
        Session(
            id=name,
            time=datetime(2024, 1, day),
            turns=tuple(
                Turn(id=f"{name}:{place}", speaker=speaker, text=text)
                for place, (session, speaker, text) in enumerate(said)
                if session == name
            ),
        )
        for day, name in enumerate(("s1", "s2"), 1)
    ]


@pytest.fixture(params=SYSTEMS)
def build(request: pytest.FixtureRequest) -> Build:
    return SYSTEMS[request.param]


def filled(build: Build) -> MemorySystem:
    system = build(reader())
    for session in sessions():
        system.add(session)
    return system


def ask(system: MemorySystem) -> list[str]:
    return [answer.text for answer in system.answer([Query(text) for text in GOLD])]


def test_it_is_a_memory_system(build: Build) -> None:
    assert isinstance(build(reader()), MemorySystem)


def test_it_answers_what_it_was_told_in_order(build: Build) -> None:
    assert ask(filled(build)) == list(GOLD.values())


def test_a_batch_answers_as_single_questions_do(build: Build) -> None:
    system = filled(build)
    single = [system.answer([Query(text)])[0].text for text in GOLD]
    assert ask(system) == single


def test_an_empty_memory_knows_nothing(build: Build) -> None:
    system = build(reader())
    assert ask(system) == ["I do not know."] * len(GOLD)
    assert system.search(Query(QUESTION)) == []


def test_no_question_no_answer(build: Build) -> None:
    assert filled(build).answer([]) == []


def test_an_empty_session_changes_nothing(build: Build) -> None:
    system = filled(build)
    system.add(replace(sessions()[0], turns=()))
    assert ask(system) == list(GOLD.values())


def test_answering_does_not_change_the_memory(build: Build) -> None:
    system = filled(build)
    assert ask(system) == ask(system)


def test_restore_goes_back_and_forth(build: Build) -> None:
    system = build(reader())
    empty = system.snapshot()
    for session in sessions():
        system.add(session)
    full = system.snapshot()
    system.restore(empty)
    assert ask(system) == ["I do not know."] * len(GOLD)
    system.restore(full)
    assert ask(system) == list(GOLD.values())


def test_hits_name_the_turns_they_came_from(build: Build) -> None:
    hits = filled(build).search(Query(QUESTION))
    assert "s1:0" in {turn for hit in hits for turn in hit.turns}, hits


def test_parameters_and_prompts_can_be_recorded(build: Build) -> None:
    system = build(reader())
    assert json.loads(json.dumps(system.parameters))
    assert system.prompts["qa"].digest


def test_a_failed_model_call_is_data(build: Build) -> None:
    failing = ScriptedModel(lambda _: ModelFailure(kind="timeout", message="no reply"))
    system = build(failing)
    answer = system.answer([Query(QUESTION)])[0]
    assert (answer.text, answer.response.ok, answer.handle) == ("", False, None)


def test_it_answers_the_same_with_and_without_a_recording(build: Build, tmp_path: Path) -> None:
    with record(tmp_path / "t.db"):
        recorded = ask(filled(build))
    assert recorded == ask(filled(build))


def test_every_answer_goes_back_to_the_messages_and_the_prompt(
    build: Build, tmp_path: Path
) -> None:
    path = tmp_path / "t.db"
    with record(path):
        answer = filled(build).answer([Query(QUESTION, id="q1")])[0]
    assert answer.variable is not None
    with memtrace.open(path) as trace:
        behind = list(trace.variables(ids=trace.graph.upstream(answer.variable).variables))
        names = {variable.name for variable in behind if variable.kind == "message"}
        kinds = {variable.kind for variable in behind}
        questions = [variable.name for variable in behind if variable.kind == "question"]
    assert names == {turn.id for session in sessions() for turn in session.turns}
    assert questions == ["q1"]
    assert {"prompt", "context", "memory_item"} <= kinds, kinds


def test_a_failed_call_is_a_failed_operation(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    failing = ScriptedModel(lambda _: ModelFailure(kind="timeout", message="no reply"))
    with record(path):
        build(failing).answer([Query(QUESTION)])
    with memtrace.open(path) as trace:
        errors = [operation.error for operation in trace.operations(kind="answer")]
    assert [error.type for error in errors if error] == ["timeout"], errors


def test_the_store_of_the_trace_is_the_memory(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with record(path):
        system = filled(build)
        hits = system.search(Query(QUESTION))
    with memtrace.open(path) as trace:
        held = {
            item: trace.value(version.id)
            for item, version in trace.state_at(trace.last_seq).items()
        }
    assert {hit.item: hit.text for hit in hits}.items() <= held.items()
