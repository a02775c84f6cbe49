"""A program of a user's own around `mem0.Memory`: run again, repaired, and blamed with proof."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from mem0_support import LINE, find, only_additive, users_memory

import memtrace
from lmcommon.errors import UserError
from lmcommon.llm.budget import Budget
from memtrace.execution import Insert, Replace, SetParameter
from memtrace.replaying import Rerunner, first_mismatch, points

SAID = (
    "Ana: I moved to Lisbon for a new job. I work as a nurse.",
    "Bo: The name of my dog is Pickle.",
    "Ana: I moved to Porto for a new job.",
    "Bo: The name of my dog is no longer Pickle.",
)
QUESTION = "Where did Ana move for a new job?"


class Program:
    """What a user runs; it counts what its models are asked."""

    def __init__(self, *, loses: str = "", said: Sequence[str] = SAID) -> None:
        self.loses, self.said = loses, list(said)
        self.asked: list[str] = []
        self.answered: list[str] = []

    def model(self, text: str, messages: Any) -> str:
        """The model of the memory: it finds no fact in a message with this word."""
        shown = messages[-1]["content"]
        self.asked.append(shown)
        new = shown.split("New Messages")[-1] if LINE == "additive" else shown
        is_extraction = LINE == "additive" or "Input:" in shown
        if self.loses and is_extraction and self.loses in new:
            return json.dumps({"memory": [], "facts": []})
        return text

    def __call__(self) -> None:
        made = users_memory(self.model)
        memtrace.attach(made, name="bot")
        for text in self.said:
            made.add([{"role": "user", "content": text}], user_id="ana")
        newest = sorted(find(made, QUESTION), key=lambda row: row["created_at"], reverse=True)
        print(answering(self)(QUESTION, newest))


def answering(program: Program) -> Callable[[str, list[dict[str, Any]]], str]:
    """The function that answers; its model takes the first memory that fits."""

    @memtrace.replayable
    def answer(question: str, memories: list[dict[str, Any]]) -> str:
        program.answered.append(question)
        texts = [row["memory"] for row in memories if "moved to" in row["memory"]]
        return texts[0].split("moved to ")[1].split()[0] if texts else "unknown"

    return answer


def recorded(path: Path, program: Program) -> Path:
    with memtrace.record(path):
        program()
    return path


def test_a_rerun_without_change_asks_nothing_and_is_the_same(tmp_path: Path) -> None:
    program = Program()
    path = recorded(tmp_path / "t.db", program)
    asked, answered = len(program.asked), len(program.answered)
    with Rerunner(path, program) as laboratory, laboratory.run() as again:
        found = first_mismatch(laboratory.trace, again.trace)
        assert (found, again.calls, again.changes, again.warnings) == (None, 0, (), ())
        assert again.is_complete
    assert (len(program.asked), len(program.answered)) == (asked, answered)


def test_the_lost_fact_is_proved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program(loses="Porto")
    blame = memtrace.investigate(program, tmp_path / "t.db", gold="Porto")
    assert blame.is_proved, str(blame)
    assert blame.warnings == ()
    assert blame.decisive is not None
    assert blame.decisive.is_minimal
    with memtrace.open(tmp_path / "t.db") as trace:
        assert blame.operation is not None
        assert trace.operation(blame.operation).metadata["place"] == ["bot", "add 2/extract#0"]
    assert "proved" in str(blame)
    assert capsys.readouterr().out == "Lisbon\n", "re-runs print nothing"


def test_a_second_look_reads_the_trace(tmp_path: Path) -> None:
    program = Program(loses="Porto")
    first = memtrace.investigate(program, tmp_path / "t.db", gold="Porto")
    asked = len(program.asked)
    second = memtrace.investigate(program, tmp_path / "t.db", gold="Porto")
    assert (second.operation, second.is_proved) == (first.operation, True)
    assert len(program.asked) - asked < len(SAID), "only what the repair changes is asked"


def test_half_a_run_leaves_no_trace(tmp_path: Path) -> None:
    def failing() -> None:
        Program(said=SAID[:1])()
        raise ValueError("no network")

    with pytest.raises(ValueError, match="no network"):
        memtrace.investigate(failing, tmp_path / "t.db", gold="Porto")
    assert list(tmp_path.iterdir()) == []


def test_other_changes_are_replayed_and_asked_once(tmp_path: Path) -> None:
    program = Program(loses="Porto")
    path = recorded(tmp_path / "t.db", program)
    with Rerunner(path, program) as laboratory:
        (where,) = [one for one in points(laboratory.trace, name="parse", role="facts")
                    if one.place.path == "add 2/parse#0"]  # fmt: skip
        change = Insert(at=where.operation, role="facts", value="Ana moved to Faro now.")
        with laboratory.run([change], dry_run=True) as priced:
            assert priced.price is not None
            assert priced.price.calls >= 1
        before = len(program.asked)
        with laboratory.run([change]) as first:
            assert [one.after for one in first.changes] == ["Faro"]
            calls = first.calls
        with laboratory.run([change]) as second:
            assert second.calls == 0, "another re-run has asked"
        asked = len(program.asked) - before + 1  # and the answer
        assert calls == asked


def test_budgets_are_calls(tmp_path: Path) -> None:
    program = Program(loses="Porto")
    path = recorded(tmp_path / "t.db", program)
    with Rerunner(path, program) as laboratory:
        extract = next(points(laboratory.trace, name="extract"))
        change = Replace(at=extract.operation, role="reply", value='{"facts": [], "memory": []}')
        with pytest.raises(UserError, match="only 0 calls may be made"):
            laboratory.run([change], budget=Budget(calls=0))
        with pytest.raises(UserError, match="expected Budget"):
            laboratory.run([change], budget=Budget(usd=1.0))
        with pytest.raises(UserError, match="change them there"):
            laboratory.run([SetParameter(name="top_k", value=3)])


def test_a_memory_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    made = users_memory()
    memtrace.attach(made)

    def program() -> None:
        made.add([{"role": "user", "content": SAID[0]}], user_id="ana")
        find(made, QUESTION)

    with memtrace.record(tmp_path / "t.db"):
        program()
    with (
        Rerunner(tmp_path / "t.db", program) as laboratory,
        pytest.raises(UserError, match="expected an empty memory at the start"),
    ):
        laboratory.run()


def test_a_memory_that_is_reset_first_may_be_used_again(tmp_path: Path) -> None:
    program = Program()
    made = users_memory(program.model)
    memtrace.attach(made, name="bot")
    llm = made.llm

    def again() -> None:
        made.reset()
        made.llm = llm
        for text in SAID:
            made.add([{"role": "user", "content": text}], user_id="ana", infer=False)
        answering(program)(QUESTION, find(made, QUESTION))

    with memtrace.record(tmp_path / "t.db"):
        again()
    with Rerunner(tmp_path / "t.db", again) as laboratory, laboratory.run() as replay:
        assert (replay.calls, replay.warnings) == (0, ())


def test_another_history_is_said(tmp_path: Path) -> None:
    path = recorded(tmp_path / "t.db", Program(said=SAID[:2]))
    other = Program(said=["Ana: I like green tea.", "Bo: It rains."])
    with Rerunner(path, other) as laboratory, laboratory.run() as replay:
        told = "\n".join(replay.warnings)
    assert "is one of the recorded run" in told
    assert "does something else" in told


def test_a_program_that_fails_says_so(tmp_path: Path) -> None:
    path = recorded(tmp_path / "t.db", Program(said=SAID[:1]))

    def failing() -> None:
        raise ConnectionError("no network")

    with (
        Rerunner(path, failing) as laboratory,
        pytest.raises(UserError, match="ConnectionError: no network"),
    ):
        laboratory.run()


def test_the_users_history_file_is_left_alone(tmp_path: Path) -> None:
    from mem0.memory.storage import SQLiteManager

    def program() -> None:
        made = users_memory()
        made.db = SQLiteManager(str(tmp_path / "history.db"))
        memtrace.attach(made)
        made.add([{"role": "user", "content": SAID[0]}], user_id="ana")
        find(made, QUESTION)

    path = tmp_path / "t.db"
    with memtrace.record(path):
        program()
    before = (tmp_path / "history.db").read_bytes()
    with Rerunner(path, program) as laboratory, laboratory.run() as replay:
        assert (replay.calls, replay.warnings) == (0, ())
    assert (tmp_path / "history.db").read_bytes() == before


@only_additive
def test_dates_keep_their_sort() -> None:
    """What stands in for `datetime` in Mem0's modules is still what `isinstance` asks about."""
    from datetime import datetime

    made = users_memory()
    memtrace.attach(made)
    main = sys.modules["mem0.memory.main"]
    assert main._normalize_expiration_date(datetime(2030, 1, 2, 3)) == "2030-01-02"


def test_a_program_without_places_cannot_be_run_again(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        memtrace.variable("Ana moved.", kind="message")
        with memtrace.step("answer", kind="answer") as op:
            op.output("answer", "Porto")
    with pytest.raises(UserError, match="attach the memory"):
        Rerunner(tmp_path / "t.db", Program())
