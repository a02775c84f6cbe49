from __future__ import annotations

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.run.studying.measuring import columns_of


def prompt(*weights: float) -> RubricPrompt:
    criteria = tuple(
        Criterion(id=f"c{place}", text="t", weight=weight) for place, weight in enumerate(weights)
    )
    return RubricPrompt(id="p", prompt="?", rubric=Rubric(criteria), source="hand")


def verdict(satisfied: bool | None) -> Verdict:
    failure = None if satisfied is not None else "timeout"
    return Verdict(satisfied=satisfied, source="program", failure=failure)


def counted(one: RubricPrompt, *samples: tuple[bool | None, ...]) -> dict[str, tuple[float, float]]:
    columns, _ = columns_of([one], [[[verdict(each) for each in sample] for sample in samples]])
    return {name: (column.hits[0], column.counts[0]) for name, column in columns.items()}


def test_responses_and_criteria_are_counted() -> None:
    told = counted(prompt(1, 1), (True, True), (True, False))
    assert told == {"heldout/prompt": (1, 2), "heldout/criteria": (3, 4)}


def test_a_criterion_of_negative_weight_is_met_when_it_does_not_hold() -> None:
    told = counted(prompt(1, -2), (True, False), (True, True))
    assert told == {"heldout/prompt": (1, 2), "heldout/criteria": (3, 4)}


def test_a_missing_verdict_is_never_a_failure() -> None:
    """The response counts in no prompt-level figure, whatever the other criteria say."""
    told = counted(prompt(1, 1), (True, None), (False, None), (None, None), (True, True))
    assert told == {"heldout/prompt": (1, 1), "heldout/criteria": (3, 4)}


def test_missing_verdicts_are_told() -> None:
    _, missing = columns_of([prompt(1, 1)], [[[verdict(True), verdict(None)]]])
    assert missing == 1
