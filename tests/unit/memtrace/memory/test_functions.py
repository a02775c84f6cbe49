"""A program's own function as an operation: its arguments are recognised, a guess says so."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import memtrace
from lmcommon.errors import UserError
from memtrace.execution import Execution, Replace, execute
from memtrace.execution.places import Place
from memtrace.graph.recording.handle import Handle
from memtrace.memory.links import Links, current_links
from memtrace.replaying import Rerunner

ROWS = [
    {"id": "5c0e0d2c-0000-4000-8000-000000000001", "memory": "Ana lives in Lisbon.", "score": 0.9},
    {
        "id": "5c0e0d2c-0000-4000-8000-000000000002",
        "memory": 'Ana likes "green" tea.',
        "score": 0.5,
    },
]
QUESTION = "Where does Ana live?"


def searched() -> tuple[list[dict[str, Any]], list[Handle[Any]]]:
    """What a traced search returned, and the variables behind it."""
    links = current_links()
    assert links is not None
    rows = copy.deepcopy(ROWS)
    question = memtrace.variable(QUESTION, kind="question")
    with memtrace.step("retrieve", kind="retrieval", inputs={"question": question}) as op:
        hits = op.outputs("hits", [row["memory"] for row in rows], kind="hit")
    links.asked(QUESTION, question)
    links.returned({"results": rows}, {row["id"]: hit for row, hit in zip(rows, hits, strict=True)})
    return rows, hits


def told(path: Path) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Inputs and metadata of the answer."""
    with memtrace.open(path) as trace:
        (found,) = trace.operations(kind="answer")
        texts = {role: [str(trace.value(one)) for one in ids] for role, ids in found.inputs.items()}
    return texts, dict(found.metadata)


CERTAIN = {
    "the list": lambda rows: rows,
    "a slice": lambda rows: rows[:2],
    "another order": lambda rows: tuple(reversed(rows))[::-1],
    "copies": copy.deepcopy,
    "the whole result": lambda rows: {"results": rows, "relations": []},
    "read from JSON": lambda rows: json.loads(json.dumps(rows)),
    "the texts": lambda rows: [row["memory"] for row in rows],
}


@pytest.mark.parametrize("given_as", CERTAIN.values(), ids=CERTAIN)
def test_hits_are_recognised(given_as: Any, tmp_path: Path) -> None:
    @memtrace.replayable
    def answer(question: str, notes: Any) -> str:
        return "Lisbon"

    with memtrace.record(tmp_path / "t.db"):
        rows, _ = searched()
        assert answer(QUESTION, given_as(rows)) == "Lisbon"
    inputs, metadata = told(tmp_path / "t.db")
    assert inputs == {"question": [QUESTION], "notes": [row["memory"] for row in ROWS]}
    assert "guessed" not in metadata


def test_their_json_is_recognised_and_kept(tmp_path: Path) -> None:
    @memtrace.replayable
    def answer(notes: str) -> str:
        return "Lisbon"

    with memtrace.record(tmp_path / "t.db"):
        rows, _ = searched()
        answer(json.dumps(rows))
    inputs, metadata = told(tmp_path / "t.db")
    assert inputs["notes"] == [*(row["memory"] for row in ROWS), json.dumps(ROWS)]
    assert "guessed" not in metadata


def test_words_inside_a_text_are_a_guess_that_says_so(tmp_path: Path) -> None:
    @memtrace.replayable
    def answer(prompt: str) -> str:
        return "Lisbon"

    with memtrace.record(tmp_path / "t.db"):
        rows, hits = searched()
        prompt = f"Notes: {rows[0]['memory']}"
        answer(prompt)
    inputs, metadata = told(tmp_path / "t.db")
    assert inputs == {"prompt": [prompt], "guessed": [ROWS[0]["memory"]]}
    assert metadata["guessed"] == {hits[0].id: "text"}


def test_a_memory_whose_text_was_changed_is_a_guess(tmp_path: Path) -> None:
    @memtrace.replayable
    def answer(notes: Any) -> str:
        return "Porto"

    with memtrace.record(tmp_path / "t.db"):
        rows, hits = searched()
        rows[0]["memory"] = "Ana lives in Porto."
        answer(rows[:1])
    inputs, metadata = told(tmp_path / "t.db")
    assert inputs["guessed"] == [ROWS[0]["memory"]]
    assert "Ana lives in Porto." in inputs["notes"][0]
    assert metadata["guessed"] == {hits[0].id: "edited"}


@given(st.text(max_size=60))
def test_other_texts_are_nobodys(text: str) -> None:
    links = Links()
    links.returned(ROWS, {row["id"]: Handle(row["memory"]) for row in ROWS})
    if not any(row["memory"] in text for row in ROWS):
        assert links.find({"note": text}) == []


def again(path: Path, function: Any, *changes: Any) -> tuple[Any, int]:
    """What a program gives when it is run again, and how many calls were made."""
    with Rerunner(path, function) as laboratory, laboratory.run(changes) as replay:
        return replay.episodes[-1].prediction, replay.calls


def test_the_same_arguments_are_answered_from_the_recording(tmp_path: Path) -> None:
    called, place = [], "Porto"

    @memtrace.replayable
    def answer(city: str) -> str:
        called.append(city)
        return f"In {city}."

    def program() -> None:
        answer(place)

    with memtrace.record(tmp_path / "t.db"):
        program()
    assert again(tmp_path / "t.db", program) == ("In Porto.", 0)
    change = Replace(at=Place("program", "answer 0/answer#0"), role="reply", value="In Rome.")
    assert again(tmp_path / "t.db", program, change) == ("In Rome.", 0)
    assert called == ["Porto"]
    place = "Faro"
    assert again(tmp_path / "t.db", program) == ("In Faro.", 1)


def test_changed_code_is_called_again(tmp_path: Path) -> None:
    def made(said: str) -> Any:
        names: dict[str, Any] = {}
        exec(f"def answer(question):\n    return {said!r}\n", names)
        return memtrace.replayable(names["answer"])

    with memtrace.record(tmp_path / "t.db"):
        made("Porto")("Where?")
    assert again(tmp_path / "t.db", lambda: made("Porto")("Where?")) == ("Porto", 0)
    assert again(tmp_path / "t.db", lambda: made("Faro")("Where?")) == ("Faro", 1)


@pytest.mark.parametrize("said", [{"city": "Porto", "sure": [True, 1.5]}, ["a"], 3])
def test_json_comes_back_as_it_was(said: Any, tmp_path: Path) -> None:
    got = []

    @memtrace.replayable(kind="planning")
    def plan() -> Any:
        return said

    def program() -> None:
        got.append(plan())

    with memtrace.record(tmp_path / "t.db"):
        program()
    with Rerunner(tmp_path / "t.db", program) as laboratory, laboratory.run() as replay:
        assert (replay.calls, replay.warnings) == (0, ())
    assert got == [said, said]


def test_a_function_that_reads_the_memory_is_called_again(tmp_path: Path) -> None:
    called = []

    @memtrace.replayable
    def answer(question: str) -> str:
        searched()
        called.append(question)
        return "Lisbon"

    with memtrace.record(tmp_path / "t.db"):
        answer(QUESTION)
    inputs, metadata = told(tmp_path / "t.db")
    assert inputs["hits"] == [row["memory"] for row in ROWS]
    assert metadata["called_again"] == "it reads the memory itself"
    assert again(tmp_path / "t.db", lambda: answer(QUESTION)) == ("Lisbon", 1)
    assert len(called) == 2


def test_arguments_that_are_no_json_are_asked_again(tmp_path: Path) -> None:
    @memtrace.replayable
    def answer(thing: object) -> str:
        return "Lisbon"

    with memtrace.record(tmp_path / "t.db"):
        answer(object())
    assert told(tmp_path / "t.db")[1]["called_again"] == "not all of its arguments are JSON"


def test_errors_are_the_programs_own(tmp_path: Path) -> None:
    @memtrace.replayable
    def answer() -> str:
        raise ValueError("no model")

    with memtrace.record(tmp_path / "t.db"), pytest.raises(ValueError, match="no model"):
        answer()
    with memtrace.open(tmp_path / "t.db") as trace:
        (found,) = trace.operations(kind="answer")
        assert found.error is not None
        assert found.error.message == "no model"


def test_outside_a_recording_it_is_the_function() -> None:
    @memtrace.replayable
    def answer(city: str, *, sure: bool = False) -> tuple[str, bool]:
        """Says it."""
        return city, sure

    assert answer("Porto", sure=True) == ("Porto", True)
    assert (answer.__name__, answer.__doc__) == ("answer", "Says it.")


def test_async_functions_are_refused() -> None:
    async def answer() -> str:
        return ""

    with pytest.raises(UserError, match="expected a plain function"):
        memtrace.replayable(answer)


def test_an_execution_stops_at_its_calls(tmp_path: Path) -> None:
    @memtrace.replayable
    def answer(city: str) -> str:
        return city

    execution = Execution(max_calls=1)
    with memtrace.record(tmp_path / "t.db") as recorder, execute(recorder, execution):
        assert answer("Porto") == "Porto"
        with pytest.raises(UserError, match="only 1 calls may be made"):
            answer("Faro")
    assert (execution.ledger.called, execution.ledger.refused) == (1, 1)
