"""QA-Feedback: answers with marks of people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data import MarkedAnswer, load_marked
from lmcommon.data.qa_feedback import Missing, Passage, Preference, parse_marked, read_marked
from lmcommon.data.rows import Row
from lmcommon.errors import DataError, UserError


def row(**changes: Any) -> dict[str, Any]:
    errors = [
        {"error type": "Redundant", "start": 10, "end": 14, "explanation": "said before"},
        {"error type": "Redundant", "start": 0, "end": 3, "explanation": ""},
        {"error type": "Irrelevant", "start": 2, "end": 12, "explanation": ""},
    ]
    feedback = {
        "errors": errors, "corrected-prediction": "Oslo.",
        "missing-info": [{"error type": "Missing-Answer", "passage_id": 1, "sentence_id": [2]}],
    }  # fmt: skip
    return {
        "question": "Where?", "passages": [["Ana", "Ana is old.", "Ana is in Oslo."]],
        "gold": "Oslo",
        "prediction 1": "She is in Oslo, Oslo.", "prediction 2": "b", "prediction 3": "c",
        "prediction 4": "d", "feedback": {**feedback, **changes.pop("feedback", {})},
        "preference": [0, 1, 2, 1, 1, 1], **changes,
    }  # fmt: skip


def read(**changes: Any) -> MarkedAnswer:
    return parse_marked(Row(row(**changes), "f.json", 0))


def test_spans_of_a_kind_come_in_order_and_may_overlap_others() -> None:
    one = read()
    assert one.spans("Redundant") == ((0, 3), (10, 14))
    assert one.spans("Irrelevant") == ((2, 12),)
    assert one.spans("Incoherent") == ()


def test_a_passage_is_a_title_and_sentences() -> None:
    assert read().passages == (Passage("Ana", ("Ana is old.", "Ana is in Oslo.")),)


def test_missing_information_names_passage_and_sentence() -> None:
    assert read().missing == (Missing(kind="Missing-Answer", passage=1, sentences=(2,)),)


def test_labels_of_pairs_become_places_of_answers() -> None:
    first, second, third, *_ = read().preferences
    assert first == Preference(first=0, second=1, better=None)
    assert second == Preference(first=0, second=2, better=0)
    assert third == Preference(first=0, second=3, better=3)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prediction 3": None}, "prediction 3"),
        ({"passages": ["text"]}, "passages[0]"),
        ({"passages": [[]]}, "passages[0]"),
        ({"preference": [0, 1]}, "preference"),
        ({"preference": [0, 1, 2, 3, 0, 0]}, "preference"),
        ({"feedback": {"errors": [{"error type": "x", "start": 3, "end": 99}]}},
         "feedback.errors[0].start"),
        ({"feedback": {"errors": [{"error type": "x", "start": 3, "end": 1}]}},
         "feedback.errors[0].start"),
        ({"feedback": {"missing-info": [{"error type": "x", "passage_id": 2}]}},
         "feedback.missing-info[0].sentence_id"),
        ({"feedback": {"missing-info": [
            {"error type": "x", "passage_id": 2, "sentence_id": []}]}},
         "feedback.missing-info[0].passage_id"),
    ],
)  # fmt: skip
def test_a_malformed_row_names_its_field(changes: Any, field: str) -> None:
    with pytest.raises(DataError) as caught:
        read(**changes)
    assert caught.value.field == field


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_a_row_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1: expected another question"):
        load_marked(write(tmp_path / "a.json", row(), row()))


def test_reading_goes_on_after_a_bad_row(tmp_path: Path) -> None:
    bad: list[DataError] = []
    path = write(tmp_path / "a.json", row(question=7), row())
    assert len(list(read_marked(path, on_bad=bad.append))) == 1
    assert [one.field for one in bad] == ["question"]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected at least one row"):
        load_marked(write(tmp_path / "a.json"))
