"""The edge check: declared inputs against the literal request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.llm.scripted import ScriptedModel
from memtrace.memory import LongContext, Query, Rag
from memtrace.memory.index import Bm25Index

FACT = "Ana moved from Porto to Lisbon in May."


def _ask(inputs: Mapping[str, Any], request: str | Sequence[Mapping[str, Any]]) -> None:
    with memtrace.step("answer", kind="answer", inputs=inputs) as op:
        op.request(request)
        op.output("answer", "Lisbon", kind="answer")


def _warnings(path: Path) -> list[tuple[str, str]]:
    with memtrace.open(path) as trace:
        return [(one.problem, one.snippet) for one in trace.check_edges()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.db"


@pytest.mark.parametrize("budget", [200, 4000])
def test_the_long_context_system_declares_what_it_sends(path: Path, budget: int) -> None:
    _record_system(path, LongContext(ScriptedModel({"": "yes"}), budget_tokens=budget))
    assert _warnings(path) == []


@pytest.mark.parametrize("context_tokens", [60, 2000])
def test_the_rag_system_declares_what_it_sends(path: Path, context_tokens: int) -> None:
    model = ScriptedModel({"": "yes"})
    _record_system(path, Rag(model, [Bm25Index()], top_k=4, context_tokens=context_tokens))
    assert _warnings(path) == []


def _record_system(path: Path, system: Any) -> None:
    row = generate_conversation(5, num_sessions=5, num_people=2, num_questions=6)
    with memtrace.record(path):
        for session in row.sessions:
            system.add(session)
        system.answer([Query(question.text) for question in row.questions])
    with memtrace.open(path) as trace:
        assert len(list(trace.variables(kind="request"))) == len(row.questions)


def test_a_declared_text_that_was_not_sent_is_told_with_its_role(path: Path) -> None:
    with memtrace.record(path):
        fact = memtrace.variable(FACT, kind="message")
        _ask({"facts": [fact]}, "Where does Ana live?")
    with memtrace.open(path) as trace:
        (found,) = trace.check_edges()
    assert (found.problem, found.role, found.variable) == ("not in request", "facts", fact.id)
    assert found.variable in str(found)


def test_a_known_text_that_was_sent_and_not_declared_is_told(path: Path) -> None:
    with memtrace.record(path):
        memtrace.variable(FACT, kind="message")
        question = memtrace.variable("Where does Ana live?", kind="question")
        _ask({"question": question}, f"{FACT} Where does Ana live?")
    assert _warnings(path) == [("not declared", FACT)]


@pytest.mark.parametrize(
    "request_text",
    [
        "facts: ana  moved from PORTO to\nLisbon, in May",
        json.dumps({"facts": [FACT]}),
        json.dumps(json.dumps({"facts": [f"- {FACT}\n"]})),
        [{"role": "user", "content": [{"type": "text", "text": f"Notes:\n{FACT}"}]}],
    ],
)
def test_layout_and_encoding_do_not_matter(path: Path, request_text: Any) -> None:
    with memtrace.record(path):
        fact = memtrace.variable(FACT, kind="message")
        _ask({"fact": fact}, request_text)
    assert _warnings(path) == []


def test_escaped_unicode_and_newlines_of_json_are_read(path: Path) -> None:
    text = 'Zoë said:\n"Das \U00020000 gefällt mir \\ sehr"'
    with memtrace.record(path):
        fact = memtrace.variable(text, kind="message")
        _ask({"fact": fact}, json.dumps({"fact": text}))
    assert _warnings(path) == []


def test_a_list_counts_by_its_parts(path: Path) -> None:
    with memtrace.record(path):
        facts = memtrace.variable(["She likes tea.", "He rows every day."], kind="value")
        _ask({"facts": facts}, "1. She likes tea.\n2. He rows every day.")
        _ask({"facts": facts}, "1. She likes tea.")
    assert _warnings(path) == [("not in request", "He rows every day.")]


def test_the_fixed_parts_of_a_template_must_be_sent(path: Path) -> None:
    template = "Answer from the notes.\n{context}\nQuestion: {question}"
    with memtrace.record(path):
        prompt = memtrace.variable(template, kind="prompt")
        question = memtrace.variable("Where?", kind="question")
        inputs = {"prompt": prompt, "question": question}
        _ask(inputs, "Answer from the notes.\nAna.\nQuestion: Where?")
        _ask(inputs, "Say something. Where?")
    assert [problem for problem, _ in _warnings(path)] == ["not in request"]


def test_what_a_declared_input_holds_needs_no_edge_of_its_own(path: Path) -> None:
    with memtrace.record(path):
        fact = memtrace.variable(FACT, kind="message")
        with memtrace.step("pack", kind="context", inputs={"fact": fact}) as op:
            context = op.output("context", f"Known: {FACT}", kind="context")
        _ask({"context": context}, f"Known: {FACT} Where?")
    assert _warnings(path) == []


def test_what_came_later_or_belongs_elsewhere_is_not_known(path: Path) -> None:
    with memtrace.record(path):
        for _ in range(2):
            with memtrace.step("episode", kind="session"):
                _ask({}, f"Please think. {FACT}")
                with memtrace.step("note") as op:
                    op.output("note", FACT)
    assert _warnings(path) == []


def test_a_text_of_the_same_parent_is_known(path: Path) -> None:
    with memtrace.record(path), memtrace.step("episode", kind="session"):
        with memtrace.step("note") as op:
            op.output("note", FACT)
        _ask({}, f"Please think. {FACT}")
    assert _warnings(path) == [("not declared", FACT)]


def test_short_texts_are_in_requests_by_chance(path: Path) -> None:
    with memtrace.record(path):
        memtrace.variable("it is so", kind="message")
        _ask({}, "Tell me whether it is so.")
    assert _warnings(path) == []


def test_a_declared_word_does_not_hide_an_undeclared_text(path: Path) -> None:
    with memtrace.record(path):
        memtrace.variable(FACT, kind="message")
        name = memtrace.variable("Ana", kind="value")
        _ask({"name": name}, FACT)
    assert _warnings(path) == [("not declared", FACT)]


def test_without_requests_there_is_nothing_to_check(path: Path) -> None:
    with memtrace.record(path):
        fact = memtrace.variable(FACT)
        with memtrace.step("answer", inputs={"fact": fact}) as op:
            op.output("answer", "x")
    assert _warnings(path) == []


def test_many_known_texts_with_the_same_beginning_are_told_apart(path: Path) -> None:
    with memtrace.record(path):
        for number in range(300):
            memtrace.variable(f"The user said that the number is now {number}.", kind="message")
        _ask({}, "So: The user said that the number is now 217. Which one?")
    assert [text for _, text in _warnings(path)] == ["The user said that the number is now 217."]
