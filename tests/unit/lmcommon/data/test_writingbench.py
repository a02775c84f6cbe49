"""WritingBench: criteria with a scale."""

from __future__ import annotations

from typing import Any

import pytest

from lmcommon.data import RubricPrompt
from lmcommon.data.rows import Row
from lmcommon.data.writingbench import BANDS, parse_writingbench
from lmcommon.errors import DataError

CRITERION = {
    "name": "Warmth", "criteria_description": "How warm the letter sounds.",
    **{band: f"it looks like {band}" for band in BANDS},
}  # fmt: skip


def read(**changes: Any) -> RubricPrompt:
    row = {"index": 4, "domain1": "Letters", "domain2": "Thanks", "lang": "en",
           "query": "Thank my aunt.", "checklist": [CRITERION]}  # fmt: skip
    return parse_writingbench(Row({**row, **changes}, "f.jsonl", 2))


def test_a_criterion_is_graded_from_1_to_10() -> None:
    (criterion,) = read().rubric.criteria
    assert (criterion.scale, criterion.pass_mark, criterion.is_graded) == ((1.0, 10.0), 7.0, True)


def test_its_text_holds_what_each_band_looks_like() -> None:
    (criterion,) = read().rubric.criteria
    assert criterion.text.splitlines() == [
        "Warmth: How warm the letter sounds.", *(f"{one}: it looks like {one}" for one in BANDS)
    ]  # fmt: skip


def test_a_missing_band_names_its_place() -> None:
    broken = {key: value for key, value in CRITERION.items() if key != "5-6"}
    with pytest.raises(DataError) as caught:
        read(checklist=[CRITERION, broken])
    assert (caught.value.row, caught.value.field) == (2, "checklist[1].5-6")
