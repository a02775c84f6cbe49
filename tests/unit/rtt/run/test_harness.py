"""What the evaluation harness returns, read: figures with intervals over its documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmcommon.errors import MissingExtraError, UserError
from lmcommon.extras import is_available
from lmcommon.stats import wilson_interval
from rtt.policy.tiny import Policy
from rtt.run.harness import FILE, HarnessConfig, figures_of, harness_lines, run_harness

ANSWERS: dict[str, Any] = {
    "results": {
        "choice": {
            "alias": "choice", "sample_len": 4, "acc,none": 0.75, "acc_stderr,none": 0.25,
            "ppl,none": 12.5, "ppl_stderr,none": "N/A",
        },
        "sums": {
            "exact_match,strict": 0.5, "exact_match_stderr,strict": 0.35,
            "exact_match,flexible": 1.0, "exact_match_stderr,flexible": 0.0, "f1,flexible": 0.6,
        },
        "group": {"alias": "group", "acc,none": 0.6},
    },
    "samples": {
        "choice": [{"acc": hit, "ppl": (1.0, 2), "filter": "none"} for hit in (1.0, 1.0, 0.0, 1.0)],
        "sums": [
            {"exact_match": 1.0, "filter": "strict"}, {"exact_match": 0.0, "filter": "strict"},
            {"exact_match": 1, "f1": 0.4, "filter": "flexible"},
            {"exact_match": 1, "f1": 0.8, "filter": "flexible"},
        ],
    },
}  # fmt: skip


def test_every_metric_of_every_filter_is_a_figure() -> None:
    found = {(one.task, one.metric): one for one in figures_of(ANSWERS)}
    assert [*found] == [
        ("choice", "acc,none"), ("choice", "ppl,none"), ("sums", "exact_match,strict"),
        ("sums", "exact_match,flexible"), ("sums", "f1,flexible"), ("group", "acc,none"),
    ]  # fmt: skip
    accuracy = found["choice", "acc,none"]
    assert (accuracy.value, accuracy.stderr, accuracy.documents) == (0.75, 0.25, 4)
    assert accuracy.interval == wilson_interval(3, 4)
    assert found["sums", "exact_match,flexible"].interval == wilson_interval(2, 2)
    assert found["sums", "f1,flexible"].interval == (0.4, 0.8)


def test_what_is_no_mean_over_documents_has_no_interval() -> None:
    found = {(one.task, one.metric): one for one in figures_of(ANSWERS)}
    assert found["choice", "ppl,none"].interval is None
    assert found["choice", "ppl,none"].stderr is None
    assert found["group", "acc,none"].interval is None


def test_a_run_that_goes_on_reads_what_is_there(tmp_path: Path) -> None:
    figure = {
        "task": "choice", "metric": "acc,none", "value": 0.5, "stderr": None,
        "interval": [0.1, 0.9], "documents": 2,
    }  # fmt: skip
    (tmp_path / FILE).write_text(json.dumps({"figures": [figure]}), encoding="utf-8")
    nobody: Policy = None  # type: ignore[assignment]
    (found,) = run_harness(HarnessConfig(tasks=["choice"]), nobody, tmp_path)
    assert found.interval == (0.1, 0.9)
    assert "| choice | acc,none | 0.5000 | 0.1000 to 0.9000 |  | 2 |" in list(
        harness_lines([found])
    )


@pytest.mark.skipif(is_available("lm_eval"), reason="lm_eval is installed")
def test_without_the_harness_the_extra_is_named(tmp_path: Path) -> None:
    nobody: Policy = None  # type: ignore[assignment]
    with pytest.raises(MissingExtraError, match=r"rtt-llm\[lm-eval\]"):
        run_harness(HarnessConfig(tasks=["choice"]), nobody, tmp_path)


@pytest.mark.parametrize(("key", "value"), [("batch", 0), ("limit", 0), ("fewshot", -1)])
def test_impossible_settings_are_refused(key: str, value: int) -> None:
    with pytest.raises(UserError, match=f"lm_eval.{key}: expected"):
        HarnessConfig(**{key: value})
