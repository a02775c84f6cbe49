"""The causal stage on recorded runs with defects at known operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data.types import Conversation, Question, Session, Turn
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.judge.base import AnswerItem
from lmcommon.judge.types import Verdict as AnswerVerdict
from lmcommon.llm import ScriptedModel
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest
from memtrace.attribution import Attribution, Case, CausalStage, ErrorType, Verdict, examine
from memtrace.attribution import Question as Asked
from memtrace.attribution.causal import Repair
from memtrace.attribution.causal.naming import Naming
from memtrace.evaluate import evaluate
from memtrace.execution import Execution, Oracle, Replace, execute
from memtrace.execution.places import Place
from memtrace.memory import LongContextConfig, RagConfig
from memtrace.memory.config import MemoryConfig
from memtrace.replaying import Replayer
from memtrace.testing import rule_model

TALK = Conversation(
    id="c1",
    sessions=(
        Session(id="s1", turns=(
            Turn(id="D1:1", speaker="Ana", text="I moved to Lisbon in spring."),
            Turn(id="D1:2", speaker="Bo", text="My sister sells old maps."),
        )),
        Session(id="s2", turns=(
            Turn(id="D2:1", speaker="Bo", text="I bought a red canoe."),
            Turn(id="D2:2", speaker="Ana", text="The weather was odd all week."),
        )),
    ),
    questions=(Question(
        id="q1", text="Where did Ana move to in spring?", answer="Lisbon", evidence=("D1:1",)
    ),),
)  # fmt: skip
RAG = RagConfig(retriever="bm25", top_k=2, chunk_turns=1, overlap_turns=0)
Fault = tuple[str, str, Callable[[Any], Any]]


@contextmanager
def attributed(
    tmp_path: Path, config: MemoryConfig, faults: Sequence[Fault], *,
    model: ChatModel | None = None, **options: Any,
) -> Iterator[tuple[Attribution, Replayer]]:  # fmt: skip
    asked = model or rule_model()
    defects = [Oracle(at=Place("m/c1", path), role=role, function=f) for path, role, f in faults]
    path = tmp_path / "t.db"
    with memtrace.record(path) as recorder, execute(recorder, Execution(defects=defects)):
        (episode,) = evaluate(config.build(asked)("m/c1"), TALK, NormalizedAnswerJudge())
    assert episode.answer is not None
    with Replayer(path, model=asked, defects=defects) as laboratory:
        stage = CausalStage(laboratory, scope="m/c1", question="q1", **options)
        question = Asked(answer=episode.answer, gold="Lisbon", evidence=("D1:1",), judged=False)
        yield examine(laboratory.trace, question, ["survival", stage]), laboratory


def places_of(found: Attribution, laboratory: Replayer) -> list[str]:
    return [laboratory.trace.operation(one).metadata["place"][1] for one in found.operations]


def without(word: str) -> Callable[[Any], Any]:
    def lose(value: Any) -> Any:
        if isinstance(value, str):
            return "\n".join(line for line in value.splitlines() if word not in line)
        return [row for row in value if word not in str(row)]

    return lose


WEATHER = "It was odd."
SINGLE: dict[str, tuple[MemoryConfig, Fault, ErrorType]] = {
    "window": (
        LongContextConfig(), ("add s2/append#0", "lines", without("Lisbon")), ErrorType.UPDATE
    ),
    "index": (RAG, ("add s1/index#0", "items", without("Lisbon")), ErrorType.UPDATE),
    "chunk": (RAG, ("add s1/chunk#0", "chunks", without("Lisbon")), ErrorType.EXTRACTION),
    "search": (RAG, ("ask q1/retrieve#0", "hits", without("Lisbon")), ErrorType.RETRIEVAL),
    "context": (
        RAG, ("ask q1/build_context#0", "context", without("Lisbon")), ErrorType.RETRIEVAL
    ),
    "answer": (RAG, ("ask q1/answer#0", "reply", lambda _: WEATHER), ErrorType.RESPONSE),
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_one_fault_is_found_and_proved(name: str, tmp_path: Path) -> None:
    config, fault, error_type = SINGLE[name]
    with attributed(tmp_path, config, [fault]) as (found, laboratory):
        assert places_of(found, laboratory) == [fault[0]], found.log
        assert (found.verdict, found.error_type) == (Verdict.MEMORY, error_type)
        assert found.decisive is not None
        assert found.is_proved
        assert found.decisive.sufficiency.hits == 1
        assert [rate.hits for rate in found.decisive.necessity] == [0]
        assert found.decisive.is_minimal


def test_two_faults_that_hide_each_other_are_both_found(tmp_path: Path) -> None:
    faults = [SINGLE["index"][1], SINGLE["context"][1]]
    with attributed(tmp_path, RAG, faults) as (found, laboratory):
        assert places_of(found, laboratory) == ["add s1/index#0", "ask q1/build_context#0"]
        assert found.decisive is not None, found.log
        assert found.decisive.is_minimal
        assert [rate.hits for rate in found.decisive.necessity] == [0, 0]


def test_three_faults_in_a_row_are_all_found(tmp_path: Path) -> None:
    faults = [SINGLE["index"][1], SINGLE["context"][1], SINGLE["answer"][1]]
    with attributed(tmp_path, RAG, faults) as (found, laboratory):
        assert places_of(found, laboratory) == [path for path, _, _ in faults], found.log


def test_every_trial_is_on_record_with_its_cost(tmp_path: Path) -> None:
    with attributed(tmp_path, RAG, [SINGLE["index"][1]]) as (found, _):
        assert found.decisive is not None
        assert found.cost is not None
        first, last = found.decisive.trials[0], found.decisive.trials[-1]
        assert (first.operations, first.flips.hits) == ((), 0)
        assert (last.operations, last.flips.hits) == (found.operations, 1)
        assert "Lisbon" in last.repairs[0]
        assert found.cost["replays"] == len(found.decisive.trials)
        assert found.cost["model_calls"] == sum(trial.calls for trial in found.decisive.trials)


def test_a_second_ask_costs_no_call(tmp_path: Path) -> None:
    with attributed(tmp_path, RAG, [SINGLE["index"][1]]) as (found, laboratory):
        assert found.cost is not None
        assert found.cost["model_calls"] > 0
        stage = CausalStage(laboratory, scope="m/c1", question="q1")
        asked = Asked(answer=found.answer, gold="Lisbon", evidence=("D1:1",), judged=False)
        again = examine(laboratory.trace, asked, ["survival", stage])
        assert again.operations == found.operations
        assert again.cost is not None
        assert (again.cost or {})["prompt_tokens"] == 0
        assert again.cost["model_calls"] == 0


class NeverPleased(NormalizedAnswerJudge):
    """Takes no answer for right."""

    def judge(self, items: Sequence[AnswerItem]) -> list[AnswerVerdict]:
        return [AnswerVerdict(satisfied=False) for _ in items]


def test_it_abstains_where_nothing_helps(tmp_path: Path) -> None:
    fault = SINGLE["index"][1]
    with attributed(tmp_path, RAG, [fault], judge=NeverPleased()) as (found, _):
        assert found.verdict is Verdict.ABSTAINED, found.log
        assert (found.decisive, found.operations) == (None, ())
        assert found.reason == "no repair of a suspect made the answer right"


def test_evidence_that_is_not_in_the_trace_is_no_ground_for_blame(tmp_path: Path) -> None:
    with attributed(tmp_path, RAG, [SINGLE["index"][1]]) as (before, laboratory):
        asked = Asked(answer=before.answer, gold="Lisbon", evidence=("D9:9",), judged=False)
        found = examine(laboratory.trace, asked, ["survival", CausalStage(laboratory)])
        assert found.verdict is Verdict.ABSTAINED
        assert (found.cost or {})["replays"] == 0


def test_a_failure_that_does_not_come_again_is_no_ground_for_blame(tmp_path: Path) -> None:
    said = iter(["Porto"])

    def moody(request: ChatRequest) -> str:
        return next(said, "Lisbon")

    config = RagConfig(retriever="bm25", top_k=2, temperature=1.0)
    model = ScriptedModel(moody, name="moody")
    with attributed(tmp_path, config, [], model=model) as (found, laboratory):
        del laboratory
        assert found.verdict is Verdict.ABSTAINED, found.log
        assert found.decisive is None


def test_the_number_of_replays_is_limited(tmp_path: Path) -> None:
    faults = [SINGLE["index"][1], SINGLE["context"][1]]
    with attributed(tmp_path, RAG, faults, max_replays=2) as (found, _):
        assert found.cost is not None
        assert found.cost["replays"] == 2
        assert found.verdict is Verdict.ABSTAINED


def test_of_a_live_case_nothing_is_proved(tmp_path: Path) -> None:
    """Nobody knows the right answer: that a repair makes the model abstain is no proof."""
    with attributed(tmp_path, RAG, [SINGLE["context"][1]]) as (proved, laboratory):
        stage = CausalStage(laboratory, scope="m/c1", question="q1")
        asked = Asked(answer=proved.answer, text="Who sings in Lima?", is_live=True)
        found = examine(laboratory.trace, asked, ["survival", stage])
        assert found.decisive is None, found.reason
        assert found.cost is not None
        assert found.cost["replays"] == 0, found.log


def test_an_operation_only_a_replay_has_is_named_by_the_nearest_step(tmp_path: Path) -> None:
    with attributed(tmp_path, RAG, [SINGLE["context"][1]]) as (found, laboratory):
        case = Case(laboratory.trace, Asked(answer=found.answer, gold="Lisbon"))
        at = Place("m/c1", "add s1/a step/of a step/that never was#0")
        repair = Repair(
            operation="op-99999", blamed=at, executor=case.maker, place=at, role="x",
            intervention=Replace(at=at, role="x", value=1),
        )  # fmt: skip
        named = laboratory.trace.operation(Naming(case).blamed(repair))
        assert named.metadata["place"][1].startswith("add s1/"), named
