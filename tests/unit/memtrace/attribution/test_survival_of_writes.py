"""A hand-made pipeline with extraction, updates and deletions, as a stranger would trace it."""

from __future__ import annotations

from pathlib import Path

import pytest

import memtrace
from memtrace.attribution import Attribution, attribute

MESSAGE = "[1 March 2024] Ana: Guess what, I moved to Lisbon last week!"


def run(
    path: Path, *, extracted: str, updated: str | None = None, deleted: bool = False,
    found: bool = True, context: str | None = None, reply: str = "Porto",
) -> Attribution:  # fmt: skip
    """message -> extraction -> item (-> update | deletion) -> retrieval -> context -> answer."""
    with memtrace.record(path):
        message = memtrace.variable(MESSAGE, kind="message", name="D1:1")
        with memtrace.step("extract", kind="extraction", inputs={"message": message}) as op:
            op.usage(model="some-model")
            fact = op.output("fact", extracted, kind="fact")
        with memtrace.step("store", kind="update", inputs={"fact": fact}) as op:
            item = op.output("item", extracted, kind="memory_item", item="ana/home")
        if updated is not None:
            news = memtrace.variable("[2 March] Bo: Ana, how nice!", kind="message", name="D2:1")
            inputs = {"news": news, "item": item}
            with memtrace.step("decide", kind="update", inputs=inputs) as op:
                op.usage(model="some-model")
                item = op.output("item", updated, kind="memory_item", item="ana/home")
        if deleted:
            with memtrace.step("forget", kind="update", inputs={"item": item}) as op:
                op.deleted("ana/home")
        question = memtrace.variable("Where does Ana live?", kind="question")
        with memtrace.step("search", kind="retrieval", inputs={"question": question}) as op:
            hits = op.outputs("hits", [item] if found and not deleted else [], kind="hit")
        with memtrace.step("assemble", kind="context", inputs={"hits": hits}) as op:
            text = "\n".join(hit.value for hit in hits) if context is None else context
            shown = op.output("context", text, kind="context")
        inputs = {"context": shown, "question": question}
        with memtrace.step("reply", kind="answer", inputs=inputs) as op:
            answer = op.output("answer", reply, kind="answer")
    assert answer.id is not None
    with memtrace.open(path) as trace:
        return attribute(trace, answer.id, gold="Lisbon", evidence=["D1:1"])


GOOD = "Ana moved to Lisbon last week"


@pytest.mark.parametrize(
    ("case", "name", "error_type", "loss"),
    [
        ({"extracted": "Ana moved last week"}, "extract", "extraction", "never written"),
        ({"extracted": GOOD, "updated": "Ana is happy"}, "decide", "update", "overwritten"),
        ({"extracted": GOOD, "deleted": True}, "forget", "deletion", "deleted"),
        ({"extracted": GOOD, "found": False}, "search", "retrieval", "stored but not retrieved"),
        (
            {"extracted": GOOD, "context": "Ana moved"},
            "assemble", "retrieval", "retrieved but cut from the context",
        ),
        ({"extracted": GOOD}, "reply", "response", "in the context but unused"),
    ],
    ids=["extraction", "update", "deletion", "retrieval", "context", "response"],
)  # fmt: skip
def test_each_kind_of_write_error_is_told_apart(
    case: dict[str, str], name: str, error_type: str, loss: str, tmp_path: Path
) -> None:
    verdict = run(tmp_path / "t.db", **case)  # type: ignore[arg-type]
    first = verdict.suspects[0]
    assert (first.name, first.error_type, first.loss) == (name, error_type, loss), verdict.log


def test_a_rewritten_fact_is_still_the_fact(tmp_path: Path) -> None:
    verdict = run(tmp_path / "t.db", extracted=GOOD, updated="Ana moved to Lisbon last week, happy")
    assert verdict.suspects[0].name == "reply", verdict.log


def test_a_message_nobody_read_is_an_extraction_error(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path):
        memtrace.variable(MESSAGE, kind="message", name="D1:1")
        with memtrace.step("reply", kind="answer", inputs={"question": "Where is Ana?"}) as op:
            answer = op.output("answer", "Porto")
    assert answer.id is not None
    with memtrace.open(path) as trace:
        verdict = attribute(trace, answer.id, gold="Lisbon", evidence=["D1:1"])
    assert (verdict.error_type, verdict.operation) == ("extraction", None), verdict.log
