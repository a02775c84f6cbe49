"""Cases by methods: rows, resuming, and cases that go wrong in every way."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lmcommon.errors import BudgetError, UserError
from lmcommon.llm.config import BudgetConfig, ScriptedConfig
from lmcommon.runlog import Run
from memtrace.attribution import Question
from memtrace.attribution.types import Verdict
from memtrace.run.attributing.plan import Plan, told
from memtrace.run.attributing.report import report
from memtrace.run.attributing.working import attribute_all, outcomes_of
from memtrace.scoring import Outcome

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from attributing_support import ToySource

METHODS = {"llm_free": ("validity_by_program", "survival"), "last": ("last",)}


def plan(*cases: str, methods: Sequence[str] = ("llm_free",), **rest: object) -> Plan:
    return Plan(source=ToySource(cases), methods={one: METHODS[one] for one in methods}, **rest)


def run_all(run: Run, what: Plan, workers: int = 0) -> dict[tuple[str, str], Outcome]:
    for _ in attribute_all(run, what, what.source.refs(), workers=workers):
        pass
    return {one.key: one for one in outcomes_of(run)}


def test_a_lost_fact_is_found_and_scored(tmp_path: Path) -> None:
    found = run_all(Run(tmp_path), plan("lost"))["0-lost", "llm_free"]
    assert found.verdict is Verdict.MEMORY
    assert (found.name, found.distance, found.names) == (
        "build_context", 0, ("build_context",),
    )  # fmt: skip
    assert found.about["evidence_told"] == "gold"


def test_every_method_sees_every_case(tmp_path: Path) -> None:
    found = run_all(Run(tmp_path), plan("lost", "lost", methods=("llm_free", "last")))
    assert {key: one.name for key, one in found.items()} == {
        ("0-lost", "llm_free"): "build_context", ("0-lost", "last"): "answer",
        ("1-lost", "llm_free"): "build_context", ("1-lost", "last"): "answer",
    }  # fmt: skip


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_case_is_its_own_row(tmp_path: Path, workers: int) -> None:
    found = run_all(Run(tmp_path), plan("lost", "raise", "lost"), workers)
    assert {key[0]: one.failure for key, one in found.items()} == {
        "0-lost": None, "1-raise": "ValueError: this trace is damaged", "2-lost": None,
    }  # fmt: skip


def test_a_worker_that_dies_costs_its_case_only(tmp_path: Path) -> None:
    found = run_all(Run(tmp_path), plan("lost", "die", "lost", "lost"), workers=2)
    failures = {key[0]: one.failure for key, one in found.items() if one.failure}
    assert failures == {"1-die": "its worker died: exit code 9"}
    assert len(found) == 4, sorted(found)


def test_what_is_written_is_not_done_again(tmp_path: Path) -> None:
    run_all(Run(tmp_path), plan("lost", "lost"))
    again = list(
        attribute_all(Run(tmp_path), plan("lost", "lost"), ToySource(("lost",) * 2).refs())
    )
    assert again == []


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    run_all(Run(tmp_path), plan("lost", "raise"))
    what = plan("lost", "raise")
    again = list(attribute_all(Run(tmp_path), what, what.source.refs()))
    assert [one.outcome.case for one in again] == ["1-raise"]


def test_a_torn_row_is_done_again(tmp_path: Path) -> None:
    run_all(Run(tmp_path), plan("lost"))
    rows = tmp_path / "attributions.jsonl"
    rows.write_bytes(rows.read_bytes()[:-40])
    assert run_all(Run(tmp_path), plan("lost"))["0-lost", "llm_free"].name == "build_context"


def test_a_method_that_cannot_run_is_unscored(tmp_path: Path) -> None:
    lacking = Plan(source=ToySource(("lost",)), methods={"proof": ("causal",)})
    found = run_all(Run(tmp_path), lacking)["0-lost", "proof"]
    assert found.attribution is None
    assert "causal needs a laboratory" in (found.failure or "")


def test_a_model_call_that_failed_is_unscored_and_not_a_miss(tmp_path: Path) -> None:
    """A scripted model without a fitting reply fails its calls."""
    silent = ScriptedConfig(replies={"no such prompt": "x"})
    asking = Plan(source=ToySource(("lost",)), methods={"tracing": ("tracing",)}, llm=silent)
    found = run_all(Run(tmp_path), asking)["0-lost", "tracing"]
    assert found.attribution is None, found
    assert "model call failed" in (found.failure or ""), found.failure
    assert Run(tmp_path).read("transcripts")[0]["case"] == "0-lost"


def test_a_spent_budget_ends_the_run_and_keeps_what_there_is(tmp_path: Path) -> None:
    poor = ScriptedConfig(budget=BudgetConfig(calls=1))
    methods = {"llm_free": METHODS["llm_free"], "tracing": ("tracing",)}
    with pytest.raises(BudgetError, match=r"llm\.budget"):
        run_all(Run(tmp_path), Plan(source=ToySource(("lost", "lost")), methods=methods, llm=poor))
    assert [one.key for one in outcomes_of(Run(tmp_path))] == [("0-lost", "llm_free")]


def test_a_model_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    broken = Plan(
        source=ToySource(("lost",)), methods=METHODS,
        llm=ScriptedConfig(budget=BudgetConfig(calls=0)),
    )  # fmt: skip
    with pytest.raises(UserError):
        run_all(Run(tmp_path), broken)


QUESTION = Question(answer="var-1", gold="Lisbon", evidence=("D1:1",), judged=False)


@pytest.mark.parametrize(
    ("evidence", "gold", "named", "live"),
    [("gold", "Lisbon", ("D1:1",), False), ("answer", "Lisbon", None, False),
     ("none", None, None, True)],
)  # fmt: skip
def test_what_attribution_is_told(
    evidence: str, gold: str | None, named: tuple[str, ...] | None, live: bool
) -> None:
    asked = told(QUESTION, evidence)
    assert (asked.gold, asked.evidence, asked.is_live) == (gold, named, live)


def test_the_report_holds_every_table(tmp_path: Path) -> None:
    run = Run(tmp_path)
    found = run_all(run, plan("lost", "raise", methods=("llm_free", "last")))
    figures = report(run, list(found.values()), ["llm_free", "last"], {"source": "toy"})
    text = (tmp_path / "report.md").read_text()
    for title in ("## Methods", "## Paired tests", "## By what", "## Unscored", "## Confusion of"):
        assert title in text, text
    assert figures["methods"]["llm_free"]["exact"] == 1.0
    assert figures["methods"]["last"]["exact"] == 0.0
    assert figures["failed"] == 2
    assert figures["methods"]["last"]["failed"] == 1


def test_why_attempts_failed_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path)
    found = run_all(run, plan("lost", "raise", "raise"))
    report(run, list(found.values()), ["llm_free"], {"source": "toy"})
    assert "unscored, 2: ValueError: this trace is damaged" in "".join(capsys.readouterr())
