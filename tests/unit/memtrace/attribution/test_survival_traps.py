"""Traps for attribution: right answers, facts said again, writes that declare too little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.llm.scripted import ScriptedModel
from memtrace.attribution import Attribution, attribute
from memtrace.attribution.matching import normal_words
from memtrace.graph.recording.recorder import Recorder
from memtrace.memory import LongContext, Query

MOVED = "I moved to Lisbon because of my new job there."


def days(*texts: str) -> list[Session]:
    """One session a text, said by Ana; an empty text is a day of small talk."""
    small = "The weather was dull and we stayed inside with our novels all day long, reading."
    return [
        Session(
            id=f"s{n}",
            time=datetime(2024, 3, n),
            turns=(Turn(id=f"D{n}", speaker="Ana" if text else "Bo", text=text or small),),
        )
        for n, text in enumerate(texts, 1)
    ]


def blame(
    path: Path, sessions: list[Session], reply: str, *, gold: str | None = "Lisbon",
    budget_tokens: int = 4000,
) -> Attribution:  # fmt: skip
    """What is blamed when a model that always says `reply` is asked at the end."""
    model = ScriptedModel(lambda _: reply, name="fixed")
    with memtrace.record(path):
        system = LongContext(model, budget_tokens=budget_tokens)
        for session in sessions:
            system.add(session)
        answer = system.answer([Query("Where does Ana live?", id="q1")])[0].variable
    assert answer is not None
    with memtrace.open(path) as trace:
        return attribute(trace, answer, gold=gold, evidence=["D1"])


@pytest.mark.parametrize(
    "reply", ["Not Lisbon", "Lisbon or Porto", "I do not know whether it is Lisbon"]
)
def test_an_answer_that_names_the_gold_without_giving_it_is_no_judge_error(
    reply: str, tmp_path: Path
) -> None:
    verdict = blame(tmp_path / "t.db", days(MOVED), reply)
    assert verdict.error_type == "response", verdict.log


def test_a_right_answer_is_a_judge_error_even_if_the_memory_lost_the_fact(tmp_path: Path) -> None:
    verdict = blame(tmp_path / "t.db", days(MOVED, "", ""), "Lisbon", budget_tokens=30)
    assert verdict.error_type == "judge", verdict.log
    assert verdict.verdict == "judge error", verdict.log


def test_abstaining_where_there_is_no_answer_is_a_judge_error(tmp_path: Path) -> None:
    verdict = blame(tmp_path / "t.db", days(MOVED), "I don't know.", gold=None)
    assert verdict.error_type == "judge", verdict.log


@pytest.mark.parametrize("again", [MOVED, "I moved to Lisbon, as I said, because of the new job."])
def test_a_fact_said_again_after_the_loss_was_not_lost(again: str, tmp_path: Path) -> None:
    verdict = blame(tmp_path / "t.db", days(MOVED, "", "", again), "Porto", budget_tokens=40)
    assert verdict.suspects[0].name == "answer", verdict.log


def test_the_same_words_of_another_speaker_are_another_fact(tmp_path: Path) -> None:
    echo = Turn(id="D9", speaker="Bo", text="I moved to Lisbon, as I said, because of the new job.")
    late = Session(id="s9", time=datetime(2024, 3, 9), turns=(echo,))
    verdict = blame(tmp_path / "t.db", [*days(MOVED, "", ""), late], "Porto", budget_tokens=40)
    assert verdict.suspects[0].name == "trim", verdict.log


@pytest.mark.parametrize(
    ("one", "other"), [("twenty-five", "25"), ("forty two", "42"), ("1,200", "1200")]
)
def test_numbers_have_one_normal_form(one: str, other: str) -> None:
    assert normal_words(f"about {one} of them") == normal_words(f"about {other} of them")


def stored(recorder: Recorder) -> Iterator[str]:
    """Ana's move as one item, read from her message."""
    message = memtrace.variable(f"Ana: {MOVED}", kind="message", name="D1")
    with memtrace.step("store", kind="update", inputs={"message": message}) as op:
        op.output("item", f"Ana: {MOVED}", kind="memory_item", item="home")
    yield "home"


def overwritten(recorder: Recorder) -> Iterator[str]:
    """A write over the item that does not declare what it wrote over."""
    yield from stored(recorder)
    with memtrace.step("merge", kind="update", inputs={"news": "Bo: hello"}) as op:
        op.output("item", "Ana has a job", kind="memory_item", item="home")


def deleted(recorder: Recorder) -> Iterator[str]:
    """A profile without the fact is made, and returned; then the item itself is deleted."""
    yield from stored(recorder)
    with memtrace.step("profile", kind="update", inputs={"home": recorder.live("home")}) as op:
        op.output("item", "Ana works", kind="memory_item", item="profile")
    with memtrace.step("forget", kind="deletion") as op:
        op.deleted("home")
    yield "profile"


def missed(recorder: Recorder) -> Iterator[str]:
    """Another item is found."""
    for _ in stored(recorder):
        memtrace.variable("Bo likes tea", kind="memory_item", item="tea")
    yield "tea"


@pytest.mark.parametrize(
    ("write", "name", "loss"),
    [
        (overwritten, "merge", "overwritten"),
        (deleted, "forget", "deleted"),
        (missed, "search", "stored but not retrieved"),
    ],
)
def test_a_memory_that_declares_little_is_understood(
    write: Callable[[Recorder], Iterator[str]], name: str, loss: str, tmp_path: Path
) -> None:
    """The search declares its question and, as copies, what it found."""
    with memtrace.record(tmp_path / "t.db") as recorder:
        live = [recorder.live(item) for item in write(recorder)]
        live = [recorder.live(handle.item) for handle in live if handle and handle.item]
        question = memtrace.variable("Where does Ana live?", kind="question")
        with memtrace.step("search", kind="retrieval", inputs={"question": question}) as op:
            hits = op.outputs("hits", [handle for handle in live if handle], kind="hit")
        with memtrace.step("reply", kind="answer", inputs={"hits": hits, "q": question}) as op:
            answer = op.output("answer", "Porto")
    assert answer.id is not None
    with memtrace.open(tmp_path / "t.db") as trace:
        verdict = attribute(trace, answer.id, gold="Lisbon", evidence=["D1"])
    first = verdict.suspects[0] if verdict.suspects else None
    assert first is not None, verdict.log
    assert (first.name, first.loss) == (name, loss), verdict.log


def test_evidence_is_no_message_recorded_after_the_answer(tmp_path: Path) -> None:
    """Two conversations of one trace call their turns alike; neither message is upstream."""
    answers = []
    with memtrace.record(tmp_path / "t.db"):
        for text in (f"Ana: {MOVED}", "Zed: it rained"):
            message = memtrace.variable(text, kind="message", name="D1")
            with memtrace.step("extract", kind="extraction", inputs={"message": message}) as op:
                op.output("facts", ["someone has a job"])
            with memtrace.step("reply", kind="answer", inputs={"context": "nothing"}) as op:
                answers.append(op.output("answer", "Porto"))
    first = answers[0].id
    assert first is not None
    with memtrace.open(tmp_path / "t.db") as trace:
        verdict = attribute(trace, first, gold="Lisbon", evidence=["D1"])
    assert verdict.suspects[0].name == "extract", verdict.log


def test_what_became_of_a_kept_fact_is_not_guessed(tmp_path: Path) -> None:
    """Stored, and the answer was made from something else: nothing tells what went wrong."""
    with memtrace.record(tmp_path / "t.db") as recorder:
        list(stored(recorder))
        with memtrace.step("reply", kind="answer", inputs={"context": "nothing"}) as op:
            answer = op.output("answer", "Porto")
    assert answer.id is not None
    with memtrace.open(tmp_path / "t.db") as trace:
        verdict = attribute(trace, answer.id, gold="Lisbon", evidence=["D1"])
    assert verdict.abstained, verdict
    assert "store" in verdict.reason, verdict.reason
