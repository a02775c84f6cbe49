"""What failed is told: every item of a source has rows or a rejection."""

from __future__ import annotations

from collections.abc import Sequence

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.labelling.compliant import Compliant
from rtt.labelling.sources import CheckedResponses

COMMAS = Criterion(id="c0", text="No commas.", constraint_id="punctuation:no_comma", kwargs={})
KIND = Criterion(id="c1", text="Be kind.")


class Telling:
    """Says what it was given, whatever is asked."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.told = verdicts

    def verdicts(self, pairs: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        return [self.told for _ in pairs]

    def close(self) -> None:
        pass


def checked(*told: tuple[Criterion, Verdict]) -> CheckedResponses:
    rubric = Rubric(tuple(criterion for criterion, _ in told))
    prompt = RubricPrompt(id="p", prompt="Say hi.", rubric=rubric, source="set")
    source = Telling(*(verdict for _, verdict in told))
    return CheckedResponses(answers=[Compliant(prompt, "Hi, you.")], source=source)


def test_a_check_that_failed_is_a_rejection_beside_the_rows() -> None:
    failed = Verdict.unscored("no such language", source="program")
    met = Verdict(satisfied=False, spans=((2, 3),), source="program")
    source = checked((COMMAS, met), (KIND, failed))
    (outcome,) = source.take(0, 1)
    assert [row.spans for row in outcome.rows] == [((2, 3),)]
    assert [(one.reason, one.detail, one.prompt_id) for one in outcome.rejected] == [
        ("no verdict", "no such language", "set:p")
    ]


def test_a_response_of_which_no_program_checks_anything_is_a_rejection() -> None:
    source = checked((KIND, Verdict(satisfied=True, source="judge")))
    (outcome,) = source.take(0, 1)
    assert (outcome.rows, [one.reason for one in outcome.rejected]) == (
        (), ["no program checks a criterion"]
    )  # fmt: skip
