"""Forms for annotators: what is accepted, what is refused, and who agrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmcommon.errors import DataError, UserError
from memtrace.attribution.taxonomy import ErrorType
from memtrace.attribution.types import Verdict
from memtrace.scoring import Label
from memtrace.scoring.annotating import (
    Annotated,
    BuiltCase,
    agreed,
    agreement,
    read_annotations_of,
    read_cases,
)

CASES = {
    name: BuiltCase(
        id=name, trace="traces/000.db", answer="var-9", scope="rag/c1", question_id="q1",
        question="Where?", gold="Oslo", prediction="Rome",
    )
    for name in ("0000", "0001", "0002")
}  # fmt: skip
FILLED = {"case": "0000", "verdict": "memory error", "operations": ["op-3"],
          "error_types": ["retrieval"], "reason": "the context lacks it"}  # fmt: skip


def form(folder: Path, who: str, *rows: dict[str, Any]) -> Path:
    (folder / "annotations").mkdir(exist_ok=True)
    path = folder / "annotations" / f"{who}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def test_a_filled_row_is_a_label(tmp_path: Path) -> None:
    found = read_annotations_of(form(tmp_path, "ana", FILLED), CASES)
    assert found == [Annotated(
        case="0000", annotator="ana", reason="the context lacks it",
        label=Label(operations=("op-3",), error_types=(ErrorType.RETRIEVAL,)),
    )]  # fmt: skip


def test_an_empty_row_is_still_to_do(tmp_path: Path) -> None:
    empty = FILLED | {"verdict": "", "operations": [], "error_types": []}
    assert read_annotations_of(form(tmp_path, "ana", empty), CASES) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"verdict": "bad"}, "verdict"), ({"case": "0009"}, "case"),
     ({"operations": []}, "operations"), ({"error_types": []}, "error_types"),
     ({"error_types": ["retreival"]}, "error_types"), ({"error_types": ["judge"]}, "error_types"),
     ({"verdict": "judge error"}, "operations"), ({"operations": "op-3"}, "operations")],
)  # fmt: skip
def test_what_is_refused_says_where(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    folder = form(tmp_path, "bob", FILLED | {"case": "0001"}, FILLED | changes)
    with pytest.raises(DataError) as caught:
        read_annotations_of(folder, CASES)
    assert caught.value.path.endswith("bob.jsonl")
    assert (caught.value.row, caught.value.field) == (1, field)


def test_a_case_twice_in_one_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="each case once"):
        read_annotations_of(form(tmp_path, "ana", FILLED, FILLED), CASES)


def test_a_folder_without_cases_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cases\.jsonl"):
        read_cases(tmp_path)


ONE = Label(operations=("op-1",), error_types=(ErrorType.UPDATE,))
TWO = Label(operations=("op-2",), error_types=(ErrorType.UPDATE,))
JUDGE = Label(verdict=Verdict.JUDGE)


def said(who: str, *labels: Label) -> list[Annotated]:
    return [
        Annotated(case=f"{n:04d}", annotator=who, label=one) for n, one in enumerate(labels)
    ]  # fmt: skip


def test_more_than_half_decides() -> None:
    three = [*said("a", ONE, ONE, ONE), *said("b", ONE, TWO), *said("c", TWO, JUDGE)]
    assert agreed(three) == {"0000": ONE, "0002": ONE}, "0001 has three opinions"


def test_two_who_differ_decide_nothing() -> None:
    assert agreed([*said("a", ONE), *said("b", TWO)]) == {}


def test_agreement_is_of_the_cases_both_did() -> None:
    pair = agreement([*said("a", ONE, ONE, JUDGE, JUDGE), *said("b", ONE, TWO, JUDGE)])[0]
    assert (pair.left, pair.right, pair.cases) == ("a", "b", 3)
    assert pair.operation == pytest.approx(2 / 3)
    assert pair.error_type == 1.0
    assert pair.error_type_kappa == pytest.approx(1.0)
    # By chance: 2/3 * 1/3 (op-1) + 1/3 * 1/3 (none) = 1/3.
    assert pair.operation_kappa == pytest.approx((2 / 3 - 1 / 3) / (1 - 1 / 3))
