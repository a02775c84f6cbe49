"""Two runs of one pipeline side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.errors import UserError
from memtrace.memory import Query, Rag
from memtrace.memory.index import Bm25Index
from memtrace.testing import perfect_reader

ROW = generate_conversation(5, num_sessions=5, num_people=2, num_questions=6)
GOLD = {question.text: question.answer for question in ROW.questions if question.answer}


def _rag(path: Path, *, top_k: int = 2, skip: int | None = None, ask: int = 6) -> Path:
    """A run of RAG, perhaps without one session."""
    with memtrace.record(path):
        system = Rag(perfect_reader(GOLD), [Bm25Index()], top_k=top_k)
        for place, session in enumerate(ROW.sessions):
            if place != skip:
                system.add(session)
        system.answer([Query(q.text, id=q.id) for q in ROW.questions[:ask]])
    return path


def _pipeline(path: Path, texts: list[str], *, named: bool = True, shout: bool = False) -> Path:
    with memtrace.record(path):
        for place, text in enumerate(texts):
            name = f"D1:{place}" if named else None
            turn = memtrace.variable(text, kind="message", name=name)
            with memtrace.step("extract", kind="extraction", inputs={"turn": turn}) as op:
                made = text.upper() if shout else text.split()[-1]
                fact = op.output("fact", made, kind="memory_item", item=f"fact-{place}")
            with memtrace.step("answer", kind="answer", inputs={"fact": fact}) as op:
                op.output("answer", f"It is {made}", kind="answer")
    return path


def test_equal_runs_have_no_difference(tmp_path: Path) -> None:
    found = memtrace.diff(_rag(tmp_path / "a.db"), _rag(tmp_path / "b.db"))
    assert found.is_empty, str(found)
    assert found.first is None
    assert found.matched > 10
    assert "no difference" in str(found)


def test_another_parameter_is_the_first_divergence(tmp_path: Path) -> None:
    found = memtrace.diff(_rag(tmp_path / "a.db"), _rag(tmp_path / "b.db", top_k=8))
    assert found.first is not None
    assert found.first.name == "retrieve"
    assert "parameters" in found.first.what
    assert "top_k: 2 -> 8" in found.first.details
    assert not found.missing
    assert not found.added
    assert found.answer_count == 6
    changed = [(a.question, a.b_text) for a in found.answers]
    assert changed, str(found)
    assert all(GOLD[question] == text for question, text in changed)
    assert "first divergence" in str(found)


def test_a_session_that_was_left_out_shifts_nothing(tmp_path: Path) -> None:
    found = memtrace.diff(_rag(tmp_path / "a.db"), _rag(tmp_path / "b.db", skip=1))
    assert found.names == {"missing": ("add", "chunk", "index"), "added": ()}
    missing = {source.name for source in found.sources}
    assert missing == {turn.id for turn in ROW.sessions[1].turns}
    assert all(source.b is None for source in found.sources)


def test_questions_that_only_one_run_answered(tmp_path: Path) -> None:
    found = memtrace.diff(_rag(tmp_path / "a.db", ask=4), _rag(tmp_path / "b.db"))
    assert not found.missing
    assert sorted(found.names["added"]) == sorted(
        ["retrieve", "build_context", "render_prompt", "answer"] * 2
    )


@pytest.mark.parametrize("named", [True, False])
def test_an_edited_source_is_one_change_and_what_follows_from_it(
    tmp_path: Path, named: bool
) -> None:
    a = _pipeline(tmp_path / "a.db", ["I like tea", "I live in Porto"], named=named)
    b = _pipeline(tmp_path / "b.db", ["I like tea", "I live in Lisbon"], named=named)
    found = memtrace.diff(a, b)
    assert (found.missing, found.added) == ((), ())
    assert [(change.name, change.is_cause) for change in found.changes] == [
        ("extract", False), ("answer", False),
    ]  # fmt: skip
    assert [(one.a_text, one.b_text) for one in found.answers] == [("It is Porto", "It is Lisbon")]
    assert len(found.sources) == (1 if named else 2)  # without a name: one gone, one new


def test_other_outputs_of_equal_inputs_are_the_cause(tmp_path: Path) -> None:
    a = _pipeline(tmp_path / "a.db", ["I like tea"])
    b = _pipeline(tmp_path / "b.db", ["I like tea"], shout=True)
    found = memtrace.diff(a, b)
    assert found.first is not None
    assert (found.first.name, found.first.what) == ("extract", ("outputs",))
    assert [change.is_cause for change in found.changes] == [True, False]


def test_a_changed_prompt_is_told_apart_from_changed_inputs(tmp_path: Path) -> None:
    for name, prompt in (("a.db", "Be brief."), ("b.db", "Be long.")):
        with memtrace.record(tmp_path / name):
            question = memtrace.variable("Why?", kind="question", name="q")
            with memtrace.step("answer", inputs={"question": question}, prompt=prompt) as op:
                op.output("answer", "Because.", kind="answer")
    found = memtrace.diff(tmp_path / "a.db", tmp_path / "b.db")
    assert found.first is not None
    assert found.first.what == ("prompt",)


def test_a_failure_is_a_change(tmp_path: Path) -> None:
    for name in ("a.db", "b.db"):
        with memtrace.record(tmp_path / name), memtrace.step("answer", kind="answer") as op:
            if name == "a.db":
                op.output("answer", "yes", kind="answer")
            else:
                op.failed("Timeout", "no reply")
    found = memtrace.diff(tmp_path / "a.db", tmp_path / "b.db")
    assert found.first is not None
    assert found.first.what == ("error", "outputs")
    assert "status: ok -> Timeout" in found.first.details
    assert [(one.a_text, one.b_text) for one in found.answers] == [("yes", None)]


def test_equal_operations_are_paired_by_their_inputs_first(tmp_path: Path) -> None:
    def run(path: Path, values: list[int]) -> Path:
        with memtrace.record(path), memtrace.step("outer") as outer:
            made = [outer.output("seed", value) for value in values]
            for one in made:
                with memtrace.step("square", inputs={"n": one}) as op:
                    op.output("n", one.value**2)
        return path

    found = memtrace.diff(run(tmp_path / "a.db", [1, 2, 3]), run(tmp_path / "b.db", [2, 3]))
    assert [found.names["missing"], len(found.missing)] == [("square",), 1]
    assert [change.name for change in found.changes] == ["outer"]


def test_open_traces_and_empty_ones_can_be_compared(tmp_path: Path) -> None:
    for name in ("a.db", "b.db"):
        with memtrace.record(tmp_path / name):
            pass
    with memtrace.open(tmp_path / "a.db") as a, memtrace.open(tmp_path / "b.db") as b:
        found = memtrace.diff(a, b)
        assert found.is_empty
        assert a.counts["operations"] == 0, "still open"


def test_a_file_that_is_no_trace_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.db").write_text("hello")
    with pytest.raises(UserError, match=r"b\.db"):
        memtrace.diff(_pipeline(tmp_path / "a.db", ["x"]), tmp_path / "b.db")


def test_a_diff_is_json_and_short(tmp_path: Path) -> None:
    a = _pipeline(tmp_path / "a.db", [f"number {n}" for n in range(300)])
    b = _pipeline(tmp_path / "b.db", [f"number {n + 1}" for n in range(300)])
    found = memtrace.diff(a, b)
    assert len(found.changes) == 600
    assert len(str(found).splitlines()) < 40
    assert json.loads(json.dumps(found.to_dict()))["matched"] == 600


def test_the_order_of_parameters_is_no_difference(tmp_path: Path) -> None:
    paths = tmp_path / "a.db", tmp_path / "b.db"
    for path, parameters in zip(paths, ({"x": 1, "y": [2]}, {"y": [2], "x": 1}), strict=True):
        with memtrace.record(path), memtrace.step("s", parameters=parameters):
            pass
    assert memtrace.diff(*paths).is_empty
