"""Facts that arrive changed: said of somebody else, with another value or day, decided away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import memtrace
from memtrace.attribution import Attribution, Question, SurvivalStage, examine
from memtrace.attribution.matching import Passage

ANA = "[8 November 2024] Ana: Guess what, I moved to Lisbon on 7 November 2024."
BO = "[8 November 2024] Bo: My landlord is called Anselm."
HOBBY = "[9 November 2024] Bo: Anselm is mad about karaoke."
GOOD = "Ana: I moved to Lisbon on 7 November 2024."


def run(
    path: Path, *, extracted: str = GOOD, decided: str | None = None, stored: str | None = None,
    context: str | None = None, reply: str = "Porto", gold: str | None = "Lisbon",
    evidence: tuple[str, ...] | None = ("D1",), question: str = "Where does Ana live now?",
    is_live: bool = False, stage: SurvivalStage | None = None,
) -> Attribution:  # fmt: skip
    """messages -> extract -> decide -> apply -> search -> assemble -> reply."""
    decided = extracted if decided is None else decided
    row = {"text": decided, "event": "ADD"} if decided else {"text": extracted, "event": "NONE"}
    stored = decided if stored is None else stored
    with memtrace.record(path):
        said = [
            memtrace.variable(text, kind="message", name=f"D{n}")
            for n, text in enumerate((ANA, BO, HOBBY), 1)
        ]
        with memtrace.step("extract", kind="extraction", inputs={"messages": said}) as op:
            op.usage(model="some-model")
            fact = op.output("fact", extracted, kind="fact")
        with memtrace.step("decide", kind="update", inputs={"fact": fact}) as op:
            op.usage(model="some-model")
            told = op.output("reply", json.dumps({"memory": [row]}), kind="reply")
        with memtrace.step("apply", kind="update", inputs={"reply": told}) as op:
            items = [op.output("items", stored, kind="memory_item", item="a")] if stored else []
            other = op.output("items", "Bo: Well, hello.", kind="memory_item", item="b")
            store = op.output("store", {"items": 2}, kind="store")
        asked = memtrace.variable(question, kind="question")
        inputs = {"question": asked, "store": store}
        with memtrace.step("search", kind="retrieval", inputs=inputs) as op:
            hits = op.outputs("hits", [*items, other], kind="hit")
        with memtrace.step("assemble", kind="context", inputs={"hits": hits}) as op:
            text = "\n".join(hit.value for hit in hits) if context is None else context
            shown = op.output("context", text, kind="context")
        with memtrace.step("reply", kind="answer", inputs={"context": shown, "q": asked}) as op:
            answer = op.output("answer", reply, kind="answer")
    assert answer.id is not None
    with memtrace.open(path) as trace:
        known = Question(answer=answer.id, gold=gold, evidence=evidence, is_live=is_live)
        return examine(trace, known, [stage or SurvivalStage()])


@pytest.mark.parametrize(
    ("case", "name", "loss"),
    [
        ({"extracted": "Bo: I moved to Lisbon on 7 November 2024."}, "extract", "distorted"),
        ({"extracted": "Ana: I moved to Porto on 7 November 2024."}, "extract", "distorted"),
        ({"extracted": "Ana: I moved."}, "extract", "never written"),
        ({"decided": ""}, "decide", "never written"),
        ({"decided": "Bo: I moved to Lisbon on 7 November 2024."}, "decide", "distorted"),
        ({"stored": "Ana: I moved to Porto on 7 November 2024."}, "apply", "distorted"),
        ({"context": "Bo: I moved to Lisbon on 7 November 2024."}, "assemble", "distorted"),
        ({"context": "Bo: Well, hello."}, "assemble", "cut"),
        ({}, "reply", "unused"),
    ],
)  # fmt: skip
def test_a_changed_fact_is_blamed_on_who_changed_it(
    case: dict[str, str], name: str, loss: str, tmp_path: Path
) -> None:
    found = run(tmp_path / "t.db", **case)  # type: ignore[arg-type]
    first = found.suspects[0]
    assert first.name == name, found.log
    assert loss in first.loss, found.log


BROKEN = "[8 November 2024] Ana: Guess what:\nI moved to Lisbon today\nIgnore the rest\nBye"


@pytest.mark.parametrize("context", [None, "Bo: Well, hello."])
def test_a_message_of_several_lines_is_known_by_the_line_that_matters(
    context: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path):
        said = memtrace.variable(BROKEN, kind="message", name="D1")
        with memtrace.step("append", kind="append", inputs={"said": said}) as op:
            text = BROKEN.partition("] ")[2] if context is None else context
            window = op.output("window", text, kind="memory_item", item="w")
        with memtrace.step("reply", kind="answer", inputs={"window": window}) as op:
            answer = op.output("answer", "Porto", kind="answer")
    assert answer.id is not None
    with memtrace.open(path) as trace:
        known = Question(
            answer=answer.id, gold="Lisbon", evidence=("D1",), text="Where did Ana move?"
        )
        found = examine(trace, known, [SurvivalStage()])
    assert found.suspects[0].name == ("reply" if context is None else "append"), found.log


def test_a_date_must_survive_where_it_is_asked_for(tmp_path: Path) -> None:
    found = run(
        tmp_path / "t.db", extracted="Ana: I moved to Lisbon.", gold="7 November 2024",
        question="When did Ana move to Lisbon?",
    )  # fmt: skip
    assert found.suspects[0].name == "extract", found.log


def test_a_third_person_keeps_a_name(tmp_path: Path) -> None:
    found = run(
        tmp_path / "t.db", extracted="Bo: Helga is mad about karaoke.", gold="karaoke",
        evidence=("D3",), question="What is Anselm's hobby?",
    )  # fmt: skip
    assert (found.suspects[0].name, "distorted" in found.suspects[0].loss) == ("extract", True)


def test_a_bridge_between_turns_is_needed_too(tmp_path: Path) -> None:
    found = run(
        tmp_path / "t.db", extracted="Bo: Anselm is mad about karaoke.", gold="karaoke",
        evidence=("D2", "D3"), question="What is the hobby of Bo's landlord?",
    )  # fmt: skip
    assert [path.fact.value for path in found.paths] == ["karaoke", "anselm"], found.log


def test_what_nobody_said_is_blamed_on_who_made_it_up(tmp_path: Path) -> None:
    """The right fact reached the model, and an invented one beside it."""
    found = run(
        tmp_path / "t.db", extracted=f"{GOOD}\nAna: I live in a lighthouse now.",
        reply="a lighthouse",
    )  # fmt: skip
    assert found.suspects[0].name == "extract", found.log


def test_an_invented_answer_to_an_unanswerable_question_has_an_origin(tmp_path: Path) -> None:
    found = run(
        tmp_path / "t.db", extracted="Ana: I wear size 41.", gold=None, evidence=(), reply="41",
        question="What is Ana's shoe size?",
    )  # fmt: skip
    assert found.suspects[0].name == "extract", found.log


def test_an_executor_that_did_as_told_is_second(tmp_path: Path) -> None:
    found = run(tmp_path / "t.db", decided="")
    assert found.suspects[0].name == "decide", found.suspects
    assert found.error_type == "update", found.suspects


def test_live_the_likeliest_message_is_followed(tmp_path: Path) -> None:
    found = run(
        tmp_path / "t.db", extracted="Ana: hello there.", gold=None, evidence=None, is_live=True,
        question="When has Ana moved?", reply="I do not know.",
    )  # fmt: skip
    assert (found.suspects[0].name, found.gold) == ("extract", None), found.log


def test_live_an_answer_that_follows_is_not_blamed(tmp_path: Path) -> None:
    found = run(
        tmp_path / "t.db", gold=None, evidence=None, is_live=True, reply="Lisbon",
        question="Where has Ana moved?",
    )  # fmt: skip
    assert found.abstained, found.suspects
    assert "follows from" in found.reason, found.reason


def same_in_other_words(sentence: str, text: Passage) -> str | None:
    """Knows one paraphrase."""
    return next((line for line in text.lines if "new home" in line), None)


@pytest.mark.parametrize(
    ("stage", "name"),
    [(SurvivalStage(), "extract"), (SurvivalStage(paraphrase=same_in_other_words), "reply")],
    ids=["words", "paraphrase"],
)
def test_a_paraphrase_counts_where_one_can_be_told(
    stage: SurvivalStage, name: str, tmp_path: Path
) -> None:
    found = run(
        tmp_path / "t.db", extracted="Ana has a new home by the Tejo.", stage=stage,
        reply="I do not know.",
    )  # fmt: skip
    assert found.suspects[0].name == name, found.log
