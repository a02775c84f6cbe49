from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric, Verdict
from lmcommon.rng import random_for
from lmcommon.verify import check, describe
from rtt.labelling import (
    Negative,
    RuleMade,
    Unmade,
    is_held_out_kind,
    label_negative,
    minimal_edit,
    rule_kinds,
)
from rtt.labelling.edits import edited
from rtt.verdicts.sources import JudgedVerdicts

RESPONSE = "The anchor is salty. A ferry passes the pier and nobody sees it today."
ARGUMENTS = {
    "punctuation:no_comma": {},
    "keywords:existence": {"keywords": ["ferry"]},
    "keywords:forbidden_words": {"forbidden_words": ["whale"]},
    "startend:end_checker": {"end_phrase": "sees it today."},
    "length_constraints:number_sentences": {"relation": "less than", "num_sentences": 3},
    "detectable_format:number_bullet_lists": {"num_bullets": 0},
}


def rubric_prompt(*ids: str) -> RubricPrompt:
    criteria = tuple(
        Criterion(
            id=one, text=describe(one, ARGUMENTS[one]), constraint_id=one, kwargs=ARGUMENTS[one]
        )
        for one in ids
    )
    return RubricPrompt(id="p", prompt="Write about a harbour.", rubric=Rubric(criteria))


@settings(deadline=None, max_examples=40)
@given(ids=st.sets(st.sampled_from(sorted(ARGUMENTS)), min_size=1, max_size=4), seed=st.integers())
def test_exactly_the_one_criterion_breaks(ids: set[str], seed: int) -> None:
    prompt = rubric_prompt(*sorted(ids))
    broken = prompt.rubric.criteria[seed % len(ids)]
    made = minimal_edit(prompt, RESPONSE, broken, Random(seed))
    assert isinstance(made, Negative), made
    verdicts = {
        one.id: check(one.id, one.kwargs, prompt=prompt.prompt, response=made.response).satisfied
        for one in prompt.rubric.criteria
    }
    assert verdicts == {one: one != broken.id for one in ids}, made.response


@pytest.mark.parametrize("kind", rule_kinds())
def test_a_compliant_response_of_every_kind_can_be_broken(kind: str) -> None:
    made = []
    for number, case in zip(range(24), RuleMade(kinds=(kind,)).cases(seed=2), strict=False):
        if case.verdict.satisfied is not True:
            continue
        prompt = RubricPrompt(id="p", prompt=case.prompt, rubric=Rubric((case.criterion,)))
        random = random_for(2, "negative", number)
        made.append(minimal_edit(prompt, case.response, case.criterion, random))
        if sum(isinstance(one, Negative) for one in made) == 2:
            return
    pytest.fail(f"{kind}: {made}")


def test_changes_come_smallest_first_and_cost_what_they_change() -> None:
    prompt = rubric_prompt("keywords:existence")
    criterion = prompt.rubric.criteria[0]
    verdict = check(criterion.id, criterion.kwargs, prompt="", response=RESPONSE)
    found = edited(RESPONSE, criterion, verdict, Random(0))
    assert [one.cost for one in found] == sorted(one.cost for one in found)
    assert RESPONSE not in {one.text for one in found}
    assert all(abs(len(one.text) - len(RESPONSE)) <= one.cost for one in found)


def test_a_change_of_one_letter_is_found_where_it_is_enough() -> None:
    prompt = rubric_prompt("punctuation:no_comma", "keywords:existence")
    made = minimal_edit(prompt, RESPONSE, prompt.rubric.criteria[0], Random(0))
    assert isinstance(made, Negative)
    assert (made.cost, made.response.count(",")) == (1, 1)


def test_rows_of_a_negative_have_the_spans_of_the_checks() -> None:
    prompt = rubric_prompt("punctuation:no_comma", "keywords:existence")
    made = minimal_edit(prompt, RESPONSE, prompt.rubric.criteria[0], Random(0))
    assert isinstance(made, Negative)
    broken, kept = label_negative(made)
    assert (broken.satisfied, kept.satisfied, broken.origin) == (False, True, "edit")
    at = made.response.index(",")
    assert broken.spans == ((at, at + 1),)
    start = made.response.index("ferry")
    assert kept.spans == ((start, start + 5),)


def test_a_response_that_breaks_something_already_is_recorded_as_unmade() -> None:
    prompt = rubric_prompt("keywords:existence", "punctuation:no_comma")
    made = minimal_edit(prompt, "No boat, no pier.", prompt.rubric.criteria[1], Random(0))
    assert isinstance(made, Unmade)
    assert made.reason == "the response breaks keywords:existence, punctuation:no_comma already"


def test_a_criterion_that_nobody_can_judge_is_recorded_as_unmade() -> None:
    judged = Criterion(id="c", text="It is polite.")
    known = rubric_prompt("keywords:existence").rubric.criteria[0]
    prompt = RubricPrompt(id="p", prompt="Say.", rubric=Rubric((known, judged)))
    made = minimal_edit(prompt, RESPONSE, known, Random(0))
    assert isinstance(made, Unmade)
    assert "a criterion has no verdict" in made.reason
    other = minimal_edit(prompt, RESPONSE, judged, Random(0))
    assert isinstance(other, Unmade)
    assert other.reason == "no program checks the criterion"


class Polite:
    """A judge that calls everything polite that has no exclamation mark, and counts."""

    def __init__(self) -> None:
        self.identity = {"kind": "test"}
        self.asked = 0

    def judge(self, items: list) -> list[Verdict]:  # type: ignore[type-arg]
        self.asked += len(items)
        checked = JudgedVerdicts().judge
        return [
            checked.judge([one])[0]
            if one.criterion.constraint_id
            else Verdict(satisfied="!" not in one.response)
            for one in items
        ]


def test_a_judge_confirms_that_other_criteria_still_hold() -> None:
    known = rubric_prompt("punctuation:no_comma").rubric.criteria[0]
    prompt = RubricPrompt(
        id="p", prompt="Say.", rubric=Rubric((known, Criterion(id="c", text="It is polite.")))
    )
    judge = Polite()
    made = minimal_edit(prompt, RESPONSE, known, Random(0), source=JudgedVerdicts(judge))
    assert isinstance(made, Negative)
    assert [one.satisfied for one in made.verdicts] == [False, True]
    assert judge.asked == 4, "once before, once for the candidate that the checks proved"
    assert [row.kind for row in label_negative(made)] == ["punctuation:no_comma"]


def test_a_held_out_kind_is_known_by_its_name_alone() -> None:
    assert [kind for kind in rule_kinds() if is_held_out_kind(kind)][:2] == [
        "count:pronouns", "custom:mcq_count_length",
    ]  # fmt: skip
