"""How far a judge agrees with verdicts that came with the responses (InFoBench's of GPT-4).

In: items whose prompts bring verdicts in `metadata["verdicts"]`, one a criterion. Out: agreement
over the criteria that the judge has scored, and by label of the criterion. The other judge is a
model too: agreement with it says how alike two judges are, not which is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmcommon.judge.agreement import Agreement, compare_verdicts
from rtt.evaluate.answers import Item
from rtt.evaluate.benchmarks import Benchmark

__all__ = ["JudgeAgreement", "agreement_lines", "judge_agreement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAgreement:
    """Agreement of a judge with stored verdicts, over all criteria and by label.

    Example:
        `judge_agreement(BENCHMARKS["infobench"], items).whole.kappa`
    """

    whole: Agreement
    labels: Mapping[str, Agreement]
    """By label; a criterion of several labels counts in each."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**_plain(self.whole), "labels": {k: _plain(one) for k, one in self.labels.items()}}


def judge_agreement(benchmark: Benchmark, items: Sequence[Item]) -> JudgeAgreement:
    """Compare the first answer's verdicts of each prompt with those that came with it."""
    rows = [
        (benchmark.kinds(criterion), met, bool(stored))
        for item in items
        if item.answers and "verdicts" in item.prompt.metadata
        for criterion, met, stored in zip(
            item.prompt.rubric.criteria, item.answers[0].strict, item.prompt.metadata["verdicts"],
            strict=True,
        )
    ]  # fmt: skip
    names = sorted({label for labels, _, _ in rows for label in labels})
    return JudgeAgreement(
        whole=_of(rows),
        labels={name: _of([row for row in rows if name in row[0]]) for name in names},
    )


def agreement_lines(told: JudgeAgreement) -> Iterator[str]:
    """As Markdown."""
    whole = told.whole
    low, high = whole.interval()
    yield (
        f"The judge against the stored verdicts: {whole.correct} of {whole.n} alike "
        f"({_share(whole.accuracy)}, 95 % {low:.1%} to {high:.1%}); kappa {_number(whole.kappa)}; "
        f"balanced accuracy {_share(whole.balanced_accuracy)}; unscored {whole.unscored}. Judge "
        f"yes, stored yes {whole.true_positive}; yes, no {whole.false_positive}; no, yes "
        f"{whole.false_negative}; no, no {whole.true_negative}."
    )
    yield ""
    yield "| label | alike | share | kappa | balanced accuracy | unscored |"
    yield "|---|---|---:|---:|---:|---:|"
    for name, one in told.labels.items():
        yield (
            f"| {name} | {one.correct} of {one.n} | {_share(one.accuracy)} | {_number(one.kappa)} "
            f"| {_share(one.balanced_accuracy)} | {one.unscored} |"
        )
    yield ""


def _of(rows: Sequence[tuple[Sequence[str], bool | None, bool]]) -> Agreement:
    return compare_verdicts([met for _, met, _ in rows], [stored for _, _, stored in rows])


def _plain(one: Agreement) -> dict[str, Any]:
    return {
        "n": one.n, "accuracy": one.accuracy, "accuracy_95": list(one.interval()),
        "kappa": one.kappa, "balanced_accuracy": one.balanced_accuracy, "unscored": one.unscored,
        "judge_yes_stored_yes": one.true_positive, "judge_yes_stored_no": one.false_positive,
        "judge_no_stored_yes": one.false_negative, "judge_no_stored_no": one.true_negative,
    }  # fmt: skip


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
