"""Figures of records: what is unscored counts nowhere else."""

from __future__ import annotations

import pytest

from rtt.show.tally import tally

from .show_support import record


def test_rates_are_shares_of_what_has_a_verdict() -> None:
    counted = tally(
        [
            record(verdicts=(True, True)),
            record(group=1, verdicts=(True, False)),
            record(group=2, verdicts=(None, True)),
            record(group=3, verdicts=(None, None)),
        ]
    )
    figures = counted.figures()
    assert figures["all_satisfied"] == pytest.approx(2 / 3)
    assert figures["satisfied_rate"] == pytest.approx(4 / 5)
    assert figures["unscored"] == 1
    assert figures["unscored_criteria"] == 3
    assert counted.unscored_criteria == {"judge is down": 3}
    kinds = {kind: (rate.share, rate.verdicts) for kind, rate in counted.by_kind.items()}
    assert kinds == {"words:kind0": (1.0, 2), "words:kind1": (pytest.approx(2 / 3), 3)}


def test_nothing_scored_is_no_rate() -> None:
    figures = tally([record(verdicts=(None,))]).figures()
    assert figures["all_satisfied"] is None
    assert figures["satisfied_rate"] is None
    assert figures["unscored"] == 1


def test_samples_of_a_prompt_do_not_narrow_the_interval_as_prompts_do() -> None:
    few = tally(
        record(group=group, sample=sample, verdicts=(group % 2 == 0,))
        for group in range(4)
        for sample in range(50)
    )
    many = tally(record(group=group, verdicts=(group % 2 == 0,)) for group in range(200))
    widths = [
        counted.satisfied.interval[1] - counted.satisfied.interval[0]  # type: ignore[union-attr]
        for counted in (few, many)
    ]
    assert widths[0] > 3 * widths[1], widths


def test_an_interval_of_nothing_but_ones_has_width() -> None:
    counted = tally(
        record(group=group, sample=sample, verdicts=(True,))
        for group in range(3)
        for sample in range(2)
    )
    assert counted.satisfied is not None
    assert counted.satisfied.interval[0] < 0.5
    assert counted.satisfied_all is not None
    assert counted.satisfied_all.interval[0] < 0.5
