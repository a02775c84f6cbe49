"""Interventions as data: what each does to a value, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from lmcommon.errors import UserError
from memtrace.execution import (
    Drop,
    Insert,
    Intervention,
    Oracle,
    Place,
    Reorder,
    Replace,
    Resample,
    SetParameter,
    SwapPrompt,
)
from memtrace.execution.interventions import AtPoint, from_dict

PLACE = Place("a", "add s1/parse#0")


@pytest.mark.parametrize(
    ("intervention", "value", "expected"),
    [
        (Replace(at=PLACE, value=["x"]), ["a", "b"], ["x"]),
        (Replace(at=PLACE, value="x"), "a", "x"),
        (Drop(at=PLACE, index=0), ["a", "b"], ["b"]),
        (Drop(at=PLACE, index=-1), ["a", "b"], ["a"]),
        (Drop(at=PLACE), ["a", "b"], []),
        (Drop(at=PLACE), "text", ""),
        (Insert(at=PLACE, value="x"), ["a"], ["a", "x"]),
        (Insert(at=PLACE, value="x", index=0), ["a"], ["x", "a"]),
        (Reorder(at=PLACE), ["a", "b", "c"], ["c", "b", "a"]),
        (Reorder(at=PLACE, order=(1, 0)), ["a", "b"], ["b", "a"]),
    ],
)
def test_what_is_passed_on(intervention: AtPoint, value: Any, expected: Any) -> None:
    before = list(value) if isinstance(value, list) else value
    assert intervention.apply(value) == expected
    assert value == before, "the value itself is left as it was"


@pytest.mark.parametrize(
    ("intervention", "value", "message"),
    [
        (Replace(at=PLACE, value="x"), ["a"], "expected a list"),
        (Drop(at=PLACE, index=2), ["a"], "index into 1 items; got 2"),
        (Drop(at=PLACE, index=0), "text", "expected a list to work on"),
        (Reorder(at=PLACE, order=(0, 0)), ["a", "b"], "the places 0 to 1, each once"),
        (Drop(at=PLACE, index="0"), ["a"], "index into 1 items; got '0'"),  # type: ignore[arg-type]
        (Insert(at=PLACE, value="x", index=7), ["a"], "index into 1 items; got 7"),
        (Oracle(at=PLACE, function=lambda text: None), "text", "expected a str .*got None"),
        (Oracle(at=PLACE, function=lambda rows: "text"), [1], "expected a list .*got 'text'"),
    ],
)
def test_what_does_not_fit_is_refused(intervention: AtPoint, value: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        intervention.checked(intervention.apply(value), value)


@pytest.mark.parametrize(
    "intervention",
    [
        Replace(at="op-20", role="facts", value=["x"]),
        Replace(at=PLACE, role="facts", value={"a": 1}),
        Drop(at="op-1", index=3),
        Insert(at="op-1", role="hits", value={"item": "a"}, index=0),
        Reorder(at="op-1", order=(2, 0, 1)),
        Resample(at="op-1", draw=3),
        SwapPrompt(name="qa", text="x", scope="a"),
        SetParameter(name="embed.batch", value=3),
    ],
)
def test_json_and_back(intervention: Intervention) -> None:
    import json

    row = json.loads(json.dumps(intervention.to_dict()))
    assert from_dict(row) == intervention


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"kind": "zap"}, "one of replace, drop"),
        ({"kind": "drop", "at": "op-1", "indx": 2}, "indx"),
        ({"kind": "replace", "at": "op-1"}, "value"),
        ({"kind": "resample", "at": "op-1", "draw": 0}, "at least 1"),
        ({"kind": "resample", "at": "op-1", "role": "facts"}, "the role 'reply'"),
        ({"kind": "drop", "at": ["a"]}, r"an operation's id or \[scope, path\]"),
    ],
)
def test_a_row_that_says_nothing_is_refused(row: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        from_dict(row)
