"""How far a judge agrees with verdicts that came with the responses (InFoBench's of GPT-4).

In: items whose prompts bring verdicts in `metadata["verdicts"]`, one a criterion. Out: agreement
over the criteria that the judge has scored, and by label of the criterion; intervals resample whole
prompts, whose criteria are not independent. The other judge is a model too: agreement with it says
how alike two judges are, not which is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcommon.judge.agreement import Agreement, compare_verdicts
from lmcommon.rng import seed_for
from lmcommon.stats import Interval
from rtt.evaluate.answers import Item
from rtt.evaluate.benchmarks import Benchmark

__all__ = ["JudgeAgreement", "agreement_lines", "judge_agreement"]

_DRAWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAgreement:
    """Agreement of a judge with stored verdicts, over all criteria and by label.

    Example:
        `judge_agreement(BENCHMARKS["infobench"], items).whole.kappa`
    """

    whole: Agreement
    accuracy_95: Interval | None
    """Of the share alike, over prompts; None: nothing is scored."""
    kappa_95: Interval | None
    """The same of kappa; None: it is undefined."""
    labels: Mapping[str, Agreement]
    """By label; a criterion of several labels counts in each."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            **_plain(self.whole), "accuracy_95": self.accuracy_95 and list(self.accuracy_95),
            "kappa_95": self.kappa_95 and list(self.kappa_95),
            "labels": {k: _plain(one) for k, one in self.labels.items()},
        }  # fmt: skip


def judge_agreement(
    benchmark: Benchmark, items: Sequence[Item], *, seed: int = 0
) -> JudgeAgreement:
    """Compare the first answer's verdicts of each prompt with those that came with it.

    Args:
        benchmark: Names the labels of a criterion.
        items: Prompts that bring verdicts; others are passed over.
        seed: Of the bootstrap.
    """
    rows = [
        (item.prompt.id, benchmark.kinds(criterion), met, bool(stored))
        for item in items
        if item.answers and "verdicts" in item.prompt.metadata
        for criterion, met, stored in zip(
            item.prompt.rubric.criteria, item.answers[0].strict, item.prompt.metadata["verdicts"],
            strict=True,
        )
    ]  # fmt: skip
    names = sorted({label for _, labels, _, _ in rows for label in labels})
    accuracy_95, kappa_95 = _intervals(rows, seed)
    return JudgeAgreement(
        whole=_of(rows), accuracy_95=accuracy_95, kappa_95=kappa_95,
        labels={name: _of([row for row in rows if name in row[1]]) for name in names},
    )  # fmt: skip


def agreement_lines(told: JudgeAgreement) -> Iterator[str]:
    """As Markdown."""
    whole = told.whole
    share, kappa = told.accuracy_95, told.kappa_95
    yield (
        f"The judge against the stored verdicts: {whole.correct} of {whole.n} alike "
        f"({_share(whole.accuracy)}"
        + ("" if share is None else f", 95 % over prompts {share[0]:.1%} to {share[1]:.1%}")
        + f"); kappa {_number(whole.kappa)}"
        + ("" if kappa is None else f" ({kappa[0]:.2f} to {kappa[1]:.2f})")
        + f"; balanced accuracy {_share(whole.balanced_accuracy)}; unscored {whole.unscored}. "
        f"Judge yes, stored yes {whole.true_positive}; yes, no {whole.false_positive}; no, yes "
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


_Row = tuple[str, Sequence[str], bool | None, bool]
"""Prompt, labels of the criterion, whether the judge finds it met, whether the stored one did."""


def _of(rows: Sequence[_Row]) -> Agreement:
    return compare_verdicts([row[2] for row in rows], [row[3] for row in rows])


def _intervals(rows: Sequence[_Row], seed: int) -> tuple[Interval | None, Interval | None]:
    """Percentile bootstrap over prompts of the share alike and of Cohen's kappa."""
    pools: dict[str, list[int]] = {}
    for name, _, met, stored in rows:
        if met is not None:  # yes and yes, yes and no, no and yes, no and no
            pools.setdefault(name, [0] * 4)[2 * (not met) + (not stored)] += 1
    if not pools:
        return None, None
    counts_P4 = np.array(list(pools.values()), dtype=float)
    rng = np.random.default_rng(seed_for(seed, "agreement"))
    drawn_D4 = np.stack(
        [counts_P4[rng.integers(0, len(pools), size=len(pools))].sum(0) for _ in range(_DRAWS)]
    )
    share_D4 = drawn_D4 / drawn_D4.sum(1, keepdims=True)
    alike_D = share_D4[:, 0] + share_D4[:, 3]
    mine_D, theirs_D = share_D4[:, 0] + share_D4[:, 1], share_D4[:, 0] + share_D4[:, 2]
    chance_D = mine_D * theirs_D + (1 - mine_D) * (1 - theirs_D)
    is_defined_D = chance_D < 1 - 1e-9
    kappa_D = (alike_D - chance_D)[is_defined_D] / (1 - chance_D)[is_defined_D]
    return _middle(alike_D), _middle(kappa_D) if len(kappa_D) else None


def _middle(values_D: np.ndarray) -> Interval:
    low, high = np.percentile(values_D, [2.5, 97.5])
    return float(low), float(high)


def _plain(one: Agreement) -> dict[str, Any]:
    return {
        "n": one.n, "accuracy": one.accuracy, "kappa": one.kappa,
        "balanced_accuracy": one.balanced_accuracy, "unscored": one.unscored,
        "judge_yes_stored_yes": one.true_positive, "judge_yes_stored_no": one.false_positive,
        "judge_no_stored_yes": one.false_negative, "judge_no_stored_no": one.true_negative,
    }  # fmt: skip


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
