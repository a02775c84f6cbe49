"""Every source gives cases by reference, picklable, with what attribution may be told."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.errors import UserError
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.scripted import ScriptedModel
from memtrace.attribution.attributing import examine
from memtrace.attribution.taxonomy import ErrorType
from memtrace.attribution.types import Verdict
from memtrace.evaluate import evaluate
from memtrace.memory.config import RagConfig
from memtrace.scoring.sources import MemTraceBenchSource, TraceSource, WhoAndWhenSource
from memtrace.scoring.sources.memtracebench import error_type_named
from memtrace.scoring.types import Source

SMALL = Path(__file__).parents[3] / "data/memtrace/smartcomment_small.json"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder: a model that never knows, so that every answerable question fails."""
    folder = tmp_path_factory.mktemp("run")
    row = generate_conversation(5, num_sessions=3, num_people=2, num_questions=4)
    with memtrace.record(folder / "trace.db"):
        system = RagConfig(retriever="bm25", top_k=2).build(ScriptedModel({"": "I do not know."}))
        memory = system(f"rag_bm25/{row.id}")
        list(evaluate(memory, row, NormalizedAnswerJudge()))
        memory.close()
    return folder


def same_after_a_journey(source: Source) -> Source:
    """What another process would get, even from a source that has something open."""
    return pickle.loads(pickle.dumps(source))


def test_failed_answers_of_a_run_are_cases(run: Path) -> None:
    source = TraceSource(run)
    refs = source.refs()
    assert refs
    for ref in refs:
        with source.load(ref) as loaded:
            assert loaded.question.judged is False
            assert loaded.question.evidence, ref
            assert loaded.laboratory is not None
            assert loaded.label is None
            assert loaded.scope == f"rag_bm25/{loaded.question_id.partition(':')[0]}"
    source.close()


def test_cases_can_be_grouped(run: Path) -> None:
    groups = TraceSource(run).refs()[0].groups
    assert groups["system"] == "rag_bm25"
    assert groups["length"] == "under 25 messages" or groups["length"] == "under 100 messages"
    assert groups["category"] != "-"


def test_a_trace_can_be_replayed_as_it_was(run: Path) -> None:
    source = TraceSource(run / "trace.db")
    ref = source.refs()[0]
    with (
        source.load(ref) as loaded,
        loaded.laboratory.run(scopes={loaded.scope}, questions={loaded.question_id}) as factual,
    ):
        assert factual.calls == 0
        assert factual.episodes[0].verdict.satisfied is False
    source.close()


def test_why_a_run_cannot_be_replayed_is_told(run: Path) -> None:
    source = TraceSource(run, replays=False)
    with source.load(source.refs()[0]) as loaded:
        assert loaded.laboratory is None
        assert loaded.obstacle == "replays were not asked for"
    source.close()


def test_one_question_by_its_short_name(run: Path) -> None:
    whole = TraceSource(run).refs()[0].id.split("/")[2]
    short = TraceSource(run, question=whole.partition(":")[2]).refs()
    assert [ref.id.split("/")[2] for ref in short] == [whole]


def test_a_question_nobody_asked_is_told_with_what_there_is(run: Path) -> None:
    with pytest.raises(UserError, match=r"such as .*:q1.*got 'q77'"):
        TraceSource(run, question="q77").refs()


def test_a_source_travels_with_a_trace_open(run: Path) -> None:
    source = TraceSource(run)
    ref = source.refs()[0]
    with source.load(ref):
        other = same_after_a_journey(source)
    assert [one.id for one in other.refs()] == [one.id for one in source.refs()]
    with other.load(ref) as loaded:
        assert loaded.ref == ref
    source.close()
    other.close()


def test_no_trace_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected a trace, or a run folder"):
        TraceSource(tmp_path)


def test_annotations_of_memtracebench_are_cases_and_controls() -> None:
    source = same_after_a_journey(MemTraceBenchSource(SMALL))
    found = {}
    for ref in source.refs():
        with source.load(ref) as loaded:
            examine(loaded.reader, loaded.question)
            names = [loaded.reader.operation(one).name for one in loaded.label.operations]
            found[ref.id] = (loaded.question.gold, names, loaded.label.verdict)
    source.close()
    assert found == {
        "smartcomment_small#0": ("Lisbon", ["question-answering"], Verdict.MEMORY),
        "smartcomment_small#1": ("2022", [], Verdict.ANNOTATION),
    }


def test_a_shared_prediction_node_is_the_answer_to_its_own_question() -> None:
    """Both wrong answers read "I don't know" and are one node in the file: not in the cases."""
    source = MemTraceBenchSource(SMALL)
    answers, questions = set(), []
    for ref in source.refs():
        with source.load(ref) as loaded:
            answers.add(loaded.question.answer)
            back = loaded.reader.graph.upstream(loaded.question.answer)
            asked = [v for v in back.variables if loaded.reader.variable(v).kind == "question"]
            questions.append([loaded.reader.text(one) for one in asked])
    source.close()
    assert len(answers) == 2
    assert [len(one) for one in questions] == [1, 1], questions


def test_a_folder_of_graphs_is_one_source(tmp_path: Path) -> None:
    for split in ("mem0", "rag"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "locomo_locomo-1.json").write_bytes(SMALL.read_bytes())
    refs = MemTraceBenchSource(tmp_path).refs()
    assert [ref.id for ref in refs] == [
        "mem0/locomo_locomo-1#0", "mem0/locomo_locomo-1#1",
        "rag/locomo_locomo-1#0", "rag/locomo_locomo-1#1",
    ]  # fmt: skip
    assert refs[0].groups == {"system": "mem0", "dataset": "locomo", "label": "ResponseError"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("ExtractionError", ErrorType.EXTRACTION), ("retrieval_error", ErrorType.RETRIEVAL),
     ("LLMAsAJudgeError", ErrorType.JUDGE), ("JudgeError", ErrorType.JUDGE), ("Other", None)],
)  # fmt: skip
def test_error_types_by_every_spelling(name: str, kind: ErrorType | None) -> None:
    assert error_type_named(name) is kind


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    row = {
        "is_correct": False, "question": "How many?", "ground_truth": "8", "question_ID": "x",
        "mistake_agent": "Coder", "mistake_step": "1",
        "history": [
            {"content": "Solve it.", "role": "user", "name": "Manager"},
            {"content": "Seven.", "role": "assistant", "name": "Coder"},
            {"content": "So it is seven.", "role": "user", "name": "Manager"},
        ],
    }  # fmt: skip
    path = tmp_path / "logs.jsonl"
    path.write_text(json.dumps(row) + "\n")
    return path


def test_a_log_is_a_chain_of_agents(logs: Path) -> None:
    source = same_after_a_journey(WhoAndWhenSource(logs))
    with source.load(source.refs()[0]) as loaded:
        operations = list(loaded.reader.trace.operations())
        assert [one.name for one in operations] == ["Manager", "Coder", "Manager"]
        assert loaded.label.operations == (operations[1].id,)
        assert loaded.label.names == ("Coder",)
        assert loaded.reader.text(loaded.question.answer) == "So it is seven."
        chain = loaded.reader.graph.upstream(loaded.question.answer)
        assert set(chain.operations) == {one.id for one in operations}


def test_attribution_of_a_log_never_holds_the_label(logs: Path) -> None:
    source = WhoAndWhenSource(logs)
    with source.load(source.refs()[0]) as loaded:
        text = " ".join(
            str(loaded.reader.trace.value(one.id)) for one in loaded.reader.trace.variables()
        )
        assert "mistake" not in text
        assert "mistake" not in json.dumps(loaded.reader.trace.metadata)
