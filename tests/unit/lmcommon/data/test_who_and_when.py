"""Who&When: both layouts, labels as integers, and errors that say where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data.who_and_when import AgentLog, read_who_and_when
from lmcommon.errors import DataError, UserError


def generated(**changes: Any) -> dict[str, Any]:
    row = {
        "is_correct": False, "question": "How many?", "question_ID": "x", "level": "2",
        "ground_truth": "8", "mistake_agent": "Coder", "mistake_step": "1",
        "mistake_reason": "off by one", "system_prompt": {"Coder": "You write code."},
        "history": [
            {"content": "Solve it.", "role": "user", "name": "Manager"},
            {"content": "Seven.", "role": "assistant", "name": "Coder"},
            {"content": "Thanks.", "role": "user", "name": "Manager"},
        ],
    }  # fmt: skip
    return row | changes


def crafted() -> dict[str, Any]:
    return {
        "question": "Where?", "ground_truth": 12, "is_corrected": False, "question_ID": "y",
        "mistake_agent": "Orchestrator", "mistake_step": "0", "mistake_reason": "",
        "history": [
            {"content": "Plan.", "role": "Orchestrator (thought)"},
            {"content": "Go.", "role": "Orchestrator (-> WebSurfer)"},
            {"content": "I clicked.", "role": "WebSurfer"},
        ],
    }  # fmt: skip


def read(path: Path, *rows: dict[str, Any]) -> list[AgentLog]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return list(read_who_and_when(path))


def test_generated_logs_name_their_agents(tmp_path: Path) -> None:
    log = read(tmp_path / "a.jsonl", generated())[0]
    assert [step.agent for step in log.steps] == ["Manager", "Coder", "Manager"]
    assert (log.mistake_step, log.gold, log.source) == (1, "8", "algorithm_generated")
    assert log.is_consistent


def test_hand_crafted_logs_have_the_agent_before_a_suffix(tmp_path: Path) -> None:
    log = read(tmp_path / "a.jsonl", crafted())[0]
    assert [step.agent for step in log.steps] == ["Orchestrator", "Orchestrator", "WebSurfer"]
    assert (log.gold, log.source, log.level) == ("12", "hand_crafted", "")


def test_a_label_at_odds_with_its_step_is_told(tmp_path: Path) -> None:
    log = read(tmp_path / "a.jsonl", generated(mistake_agent="Manager"))[0]
    assert not log.is_consistent


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"mistake_step": "3"}, "mistake_step"), ({"mistake_step": "one"}, "mistake_step"),
     ({"history": [{"role": "user"}]}, "history[0].content"), ({"question": None}, "question")],
)  # fmt: skip
def test_errors_say_where(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.jsonl", generated(), generated(**changes))
    assert (caught.value.row, caught.value.field) == (1, field)


def test_a_folder_is_read_in_the_order_of_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        row = generated(question=f"Question {number}")
        (tmp_path / f"{number}.json").write_text(json.dumps(row))
    questions = [log.question for log in read_who_and_when(tmp_path)]
    assert questions == ["Question 1", "Question 2", "Question 10"]


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected files of Who&When"):
        list(read_who_and_when(tmp_path))


def test_the_public_logs(shared_data: Path) -> None:
    """184 logs; in five the labelled agent has no part in the labelled step, and in a sixth it is
    the one that is spoken to (`Orchestrator (-> WebSurfer)`)."""
    logs = list(read_who_and_when(shared_data / "who_and_when"))
    assert len(logs) == 184
    assert len({log.id for log in logs}) == 184
    assert sum(not log.is_consistent for log in logs) == 6
