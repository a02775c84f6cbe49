"""Why an answer is what it is, and why it does not say something."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import memtrace
from memtrace.graph.explaining.holders import find_holders
from memtrace.graph.explaining.texts import Phrase
from memtrace.memory import LongContext, Query, Rag
from memtrace.memory.index import Bm25Index
from memtrace.testing import perfect_reader

QUESTION = "Where does Ana live?"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.db"


def _turn(text: str, name: str) -> memtrace.Handle[str]:
    return memtrace.variable(text, kind="message", name=name)


def _store(turn: memtrace.Handle[str], text: str, item: str) -> memtrace.Handle[str]:
    with memtrace.step("store", kind="update", inputs={"turn": turn}) as op:
        return op.output("item", text, kind="memory_item", item=item)


def _ask(
    hits: list[memtrace.Handle[str]], context: str, said: str, question: str = QUESTION
) -> str:
    asked = memtrace.variable(question, kind="question", name="q")
    with memtrace.step("search", kind="retrieval", inputs={"question": asked}) as op:
        found = op.outputs("hits", hits, kind="hit")
    with memtrace.step("pack", kind="context", inputs={"hits": found}) as op:
        made = op.output("context", context, kind="context")
    with memtrace.step("answer", kind="answer", inputs={"context": made, "question": asked}) as op:
        answer = op.output("answer", said, kind="answer")
    assert answer.id is not None
    return answer.id


def test_why_names_the_source_that_holds_the_words(path: Path) -> None:
    with memtrace.record(path):
        turns = [_turn("Hello there.", "D1:1"), _turn("Ana: I moved to Lisbon in May.", "D1:2")]
        items = [_store(turn, turn.value, turn.name or "") for turn in turns]
        answer = _ask(items, "Ana: I moved to Lisbon in May.", "Lisbon")
    with memtrace.open(path) as trace:
        found = trace.why(answer)
    assert [(s.name, s.share) for s in found.holders] == [("D1:2", 1.0)]
    assert found.question_text == QUESTION
    assert "D1:2: Ana: I moved to Lisbon" in str(found)


def test_an_item_that_was_read_and_not_passed_on_is_dropped(path: Path) -> None:
    with memtrace.record(path):
        items = [_store(_turn(text, text), text, text) for text in ("She likes tea.", "He rows.")]
        answer = _ask(items, "He rows.", "He rows")
    with memtrace.open(path) as trace:
        found = trace.why(answer)
    assert [(item.item, item.is_dropped) for item in found.items] == [
        ("She likes tea.", True), ("He rows.", False),
    ]  # fmt: skip
    assert [item.version for item in found.items] == [1, 1]


def test_a_long_slice_is_told_on_a_page(path: Path) -> None:
    with memtrace.record(path):
        window = memtrace.variable("", kind="memory_item", item="window")
        for number in range(2000):
            turn = _turn(f"turn {number}", f"D:{number}")
            inputs = {"turn": turn, "window": window}
            with memtrace.step("append", kind="update", inputs=inputs) as op:
                window = op.output("window", f"...{number}", kind="memory_item", item="window")
        answer = _ask([window], "...1999", "1999")
    with memtrace.open(path) as trace:
        found = trace.why(answer)
    text = str(found)
    assert len(text.splitlines()) < 30, text
    assert "append x2000" in text
    assert len(found.stages[0].operations) == 2000


def test_why_takes_a_value_from_outside_and_is_json(path: Path) -> None:
    with memtrace.record(path):
        turn = _turn("Hi \ud83d\ude00 \x00", "D1")
    with memtrace.open(path) as trace:
        found = trace.why(turn.id or "")
    assert found.operation is None
    assert [source.variable for source in found.sources] == [turn.id]
    assert json.loads(json.dumps(found.to_dict()))["answer"] == turn.id


@pytest.mark.parametrize(
    ("items", "context", "said", "fate"),
    [
        (["Ana lives in Porto."], "x", "I do not know", "never_said"),
        (["I moved to Lisbon."], "I moved to Lisbon.", "Porto", "not_answered"),
        (["I moved to Lisbon."], "I moved.", "Porto", "dropped"),
        (["I moved to Lisbon."], "I moved to Lisbon.", "LISBON", "answered"),
    ],
)
def test_the_fate_of_a_text(
    path: Path, items: list[str], context: str, said: str, fate: str
) -> None:
    with memtrace.record(path):
        answer = _ask([_store(_turn(text, text), text, text) for text in items], context, said)
    with memtrace.open(path) as trace:
        found = trace.why_not("Lisbon", answer)
    assert found.fate == fate, str(found)


def test_what_was_in_memory_and_not_found_says_who_searched(path: Path) -> None:
    with memtrace.record(path):
        said = _turn("I moved to Lisbon.", "D1:3")
        kept = _store(said, "Lives in Lisbon.", "chunk-3")
        other = _store(_turn("Hi.", "D1:4"), "Hi.", "chunk-4")
        answer = _ask([other], "Hi.", "I do not know")
    with memtrace.open(path) as trace:
        found = trace.why_not("lisbon", answer)
        search = next(trace.operations(kind="retrieval"))
    assert found.fate == "not_retrieved"
    assert found.missed_by == (search.id,)
    assert [holder.variable for holder in found.live] == [kept.id]
    assert found.sentence == (
        f"entered as {said.id} (message D1:3); stored as item chunk-3 v1 ({kept.id}); was in "
        f"memory when {search.id} search ran; was not among the 1 hits of {search.id} search"
    )


def test_a_version_without_it_and_a_deletion_are_told_apart(path: Path) -> None:
    with memtrace.record(path):
        first = _store(_turn("Lisbon", "D1"), "Lisbon", "home")
        with memtrace.step("rewrite", kind="update", inputs={"old": first}) as op:
            op.output("item", "Porto", kind="memory_item", item="home")
        gone = _store(_turn("Sintra", "D2"), "Sintra", "trip")
        with memtrace.step("forget", kind="deletion", inputs={"old": gone}) as op:
            op.deleted("trip")
        answer = _ask([], "", "I do not know")
    with memtrace.open(path) as trace:
        rewritten, deleted = trace.why_not("Lisbon", answer), trace.why_not("Sintra", answer)
    assert (rewritten.fate, deleted.fate) == ("forgotten", "forgotten")
    assert "rewrite replaced v1 by v2" in rewritten.sentence
    assert "deleted by" in deleted.sentence


def test_what_was_never_stored_names_the_operation_that_lost_it(path: Path) -> None:
    with memtrace.record(path):
        _store(_turn("I moved to Lisbon in May.", "D1:3"), "The user moved in May.", "fact")
        answer = _ask([], "", "I do not know")
    with memtrace.open(path) as trace:
        found = trace.why_not("Lisbon", answer)
    assert found.fate == "never_stored"
    assert [(loss.name, loss.wrote) for loss in found.losses] == [
        ("store", "The user moved in May.")
    ]


def test_without_an_answer_the_text_is_followed_through_the_whole_trace(path: Path) -> None:
    with memtrace.record(path):
        _store(_turn("Lisbon", "D1"), "Porto", "home")
    with memtrace.open(path) as trace:
        found = trace.why_not("Lisbon")
    assert found.fate == "recorded"
    assert found.first is not None
    assert found.first.name == "D1"
    assert "wrote nothing that holds it" in found.sentence


def test_other_questions_do_not_tell_on_this_one(path: Path) -> None:
    with memtrace.record(path):
        kept = _store(_turn("Lisbon", "D1"), "Lisbon", "home")
        _ask([kept], "Lisbon", "Lisbon", question="first?")
        answer = _ask([], "", "none", question="second?")
    with memtrace.open(path) as trace:
        found = trace.why_not("Lisbon", answer)
    assert found.fate == "not_retrieved"
    assert [holder.kind for holder in found.holders] == ["message", "memory_item"]


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_refused(path: Path, text: str) -> None:
    with memtrace.record(path):
        answer = _ask([], "", "x")
    with memtrace.open(path) as trace, pytest.raises(ValueError, match="text to look for"):
        trace.why_not(text, answer)


@pytest.mark.parametrize("system", ["long_context", "rag"])
def test_our_own_systems_explain_themselves(path: Path, system: str) -> None:
    from lmcommon.data import generate_conversation

    row = generate_conversation(5, num_sessions=4, num_people=2, num_questions=4)
    gold = {q.text: q.answer for q in row.questions if q.answer}
    reader = perfect_reader(gold)
    with memtrace.record(path):
        made = LongContext(reader, budget_tokens=300) if system == "long_context" else Rag(
            reader, [Bm25Index()], top_k=2
        )  # fmt: skip
        for session in row.sessions:
            made.add(session)
        answers = made.answer([Query(text) for text in gold])
    with memtrace.open(path) as trace:
        for answer, right in zip(answers, gold.values(), strict=True):
            found = trace.why_not(right, answer.variable or "")
            assert (found.fate == "answered") == (answer.text == right), str(found)
            assert found.fate not in ("never_said", "never_stored"), str(found)
            assert str(trace.why(answer.variable or ""))


def test_a_large_trace_is_entered_by_its_index_and_followed(path: Path) -> None:
    with memtrace.record(path):
        said = _turn("Ana: I moved to Lisbon.", "D1:3")
        kept = _store(said, "Ana lives in Lisbon now.", "chunk-3")
        _store(_turn("Hi.", "D1:4"), "Bo lives in Porto.", "chunk-4")
        answer = _ask([kept], "In Lisbon, she says.", "Lisbon")
    with memtrace.open(path) as trace:
        phrase = Phrase("lisbon")
        through = find_holders(trace, phrase)
        entered = find_holders(trace, phrase, answer=answer, read_through=0)
        before = find_holders(trace, phrase, until_seq=4, read_through=0)
    assert [variable.id for variable in entered] == [variable.id for variable in through]
    assert len(through) == 5
    assert [variable.kind for variable in before] == ["message", "memory_item"]


def test_what_was_said_to_another_question_is_not_called_absent(path: Path) -> None:
    answers = []
    with memtrace.record(path):
        for asked, said in (("Where?", "Lisbon"), ("Who?", "Ana")):
            question = memtrace.variable(asked, kind="question")
            with memtrace.step("answer", kind="answer", inputs={"question": question}) as op:
                answers.append(op.output("answer", said, kind="answer"))
    with memtrace.open(path) as trace:
        found = trace.why_not("Lisbon", answers[1])
    assert found.fate == "never_said"
    assert "only in what was done for other questions" in found.sentence
    assert str(answers[0].id) in found.sentence


def test_versions_between_that_did_not_hold_it_are_not_counted_in(path: Path) -> None:
    with memtrace.record(path):
        turn = _turn("Ana lives in Porto.", "D1:1")
        for said in ("Porto", "Porto it is", "Lisbon", "Porto again"):
            _store(turn, said, "home")
    with memtrace.open(path) as trace:
        assert "stored as item home v1 to v2, v4 (" in trace.why_not("Porto").sentence


def test_a_lost_variable_does_not_end_the_explanation(path: Path) -> None:
    with memtrace.record(path):
        turn = _turn("Ana lives in Porto.", "D1:1")
        with memtrace.step("answer", kind="answer", inputs={"turn": turn}) as op:
            op.request("Ana lives in Porto.")
            answer = op.output("answer", "Porto", kind="answer")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM variables WHERE number = 1")
        connection.commit()
    with memtrace.open(path) as trace:
        assert trace.why(answer).operation == op.id
        assert list(trace.check_edges()) == []
