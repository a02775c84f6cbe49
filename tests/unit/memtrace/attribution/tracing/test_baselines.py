"""The baselines: each closes the case, and blames only operations that exist."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lmcommon.llm.types import ModelFailure
from memtrace.attribution import Verdict, examine
from memtrace.attribution.baselines import (
    AlwaysResponseStage,
    AlwaysRetrievalStage,
    FlatLogStage,
    LastOperationStage,
    RandomStage,
    WholeTraceStage,
)

FIXED = {
    "last": (LastOperationStage(), "answer", "response"),
    "always_retrieval": (AlwaysRetrievalStage(), "read_window", "retrieval"),
    "always_response": (AlwaysResponseStage(), "answer", "response"),
}


def verdict(operation: str | None, error_type: str = "update") -> dict[str, Any]:
    return {
        "operation": operation, "error_type": error_type, "confidence": 0.7, "reason": "so it is",
    }  # fmt: skip


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_baseline_blames_its_operation_and_closes(run: Any, name: str) -> None:
    stage, operation, error_type = FIXED[name]
    found = examine(run.reader, run.question(), [stage, "survival"])
    assert (found.suspects[0].name, found.error_type) == (operation, error_type)
    assert len(found.suspects) == 1, "survival must not have run"


def test_the_draw_is_the_same_each_time_and_depends_on_the_seed(run: Any) -> None:
    drawn = [
        examine(run.reader, run.question(), [RandomStage(seed)]).operation for seed in range(40)
    ]
    again = [
        examine(run.reader, run.question(), [RandomStage(seed)]).operation for seed in range(40)
    ]
    assert drawn == again
    assert len(set(drawn)) > 2, drawn


def test_the_whole_trace_is_one_call_that_shows_every_operation(run: Any, asked: Any) -> None:
    model = asked(verdict(run.handle("trim")))
    found = examine(run.reader, run.question(), [WholeTraceStage(model)])
    assert found.suspects[0].name == "trim"
    assert found.cost is not None
    assert found.cost["model_calls"] == 1
    for operation in run.region().operations():
        assert f"\n{run.region().handle(operation)} " in model.shown[0], operation


def test_a_whole_trace_that_does_not_fit_loses_its_start(run: Any, asked: Any) -> None:
    model = asked(verdict(None, "annotation"))
    examine(run.reader, run.question(), [WholeTraceStage(model, max_tokens=1300)])
    assert "operations are left out)" in model.shown[0], model.shown[0]
    assert "\no1 " not in model.shown[0]
    assert f"\n{run.handle('answer')} " in model.shown[0]
    assert len(model.shown[0].encode()) / 4 < 1300


def test_an_operation_that_is_not_there_is_an_abstention(run: Any, asked: Any) -> None:
    found = examine(run.reader, run.question(), [WholeTraceStage(asked(verdict("o999")))])
    assert found.abstained
    assert "there is no operation 'o999'" in found.reason, found.reason


@pytest.mark.parametrize("stage", [WholeTraceStage, FlatLogStage])
def test_a_failed_call_is_an_abstention_that_says_why(run: Any, asked: Any, stage: Any) -> None:
    model = asked(ModelFailure(kind="server", message="502"))
    found = examine(run.reader, run.question(), [stage(model)])
    assert found.verdict is Verdict.ABSTAINED
    assert "server: 502" in found.reason, found.reason


def test_the_flat_log_shows_texts_and_no_edges(run: Any, asked: Any) -> None:
    actions = [
        {"action": "grep", "pattern": "lisbon"},
        {"action": "window", "target": run.handle("trim")},
        {"action": "open", "target": run.handle("trim")},
        {"action": "finish", **verdict(run.handle("trim"))},
    ]
    model = asked(*actions)
    found = examine(run.reader, run.question(), [FlatLogStage(model)])
    assert found.suspects[0].name == "trim", found.log
    assert f'{run.handle("trim")} "trim" "trim" in: "' in model.shown[1], model.shown[1]
    assert f'{run.handle("trim")} "trim" "trim" out: ' not in model.shown[1], model.shown[1]
    for shown in model.shown:
        assert not any(f" {word}" in shown for word in ("v1 ", "item ", "version ")), shown


def test_the_flat_log_answers_what_cannot_be_done(run: Any, asked: Any) -> None:
    model = asked({"action": "open", "target": "o99"}, {"action": "finish", **verdict("o1")})
    examine(run.reader, run.question(), [FlatLogStage(model)])
    assert "refused: there is no operation 'o99'" in model.shown[1], model.shown[1]


def test_the_transcript_of_one_call_is_kept(run: Any, asked: Any) -> None:
    case = run.case()
    WholeTraceStage(asked(verdict("o1"))).examine(case)
    assert [json.loads(str(row["reply"])) for row in case.transcript] == [verdict("o1")]
