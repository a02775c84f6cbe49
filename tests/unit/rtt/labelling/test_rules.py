from collections import Counter, defaultdict
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.verify import check, known_ids, scope_of
from rtt.labelling import GivenText, RuleMade, label_case, rule_kinds
from rtt.labelling.wording import paraphrases


def test_every_constraint_that_a_program_checks_can_be_drawn() -> None:
    # The known answer of a row of FollowBench belongs to that row: there is nothing to draw.
    assert set(rule_kinds()) == set(known_ids()) - {"followbench:target"}


@pytest.mark.parametrize("kind", rule_kinds())
def test_a_kind_is_drawn_met_and_broken(kind: str) -> None:
    rows = list(islice(RuleMade(kinds=(kind,)).examples(seed=1), 12))
    outcomes = Counter(row.satisfied for row in rows)
    assert min(outcomes[True], outcomes[False]) >= 3, (kind, outcomes)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(rule_kinds()))
def test_labels_are_the_spans_of_the_check(seed: int, kind: str) -> None:
    case = next(RuleMade(kinds=(kind,)).cases(seed))
    row = label_case(case)
    kwargs = case.criterion.kwargs
    verdict = check(kind, kwargs, prompt=case.prompt, response=row.response)
    scope = scope_of(kind, kwargs)
    assert row.satisfied is verdict.satisfied
    if scope == "global" or verdict.spans is None:
        expected = [1] * len(row.response)
    else:
        marked = set[int]()
        if scope == "every" or verdict.satisfied is (scope == "required"):
            marked = {at for start, end in verdict.spans for at in range(start, end)}
        expected = [int(at in marked) for at in range(len(row.response))]
    assert row.char_labels == expected, (kind, kwargs, row.response, verdict)


def test_a_stream_can_be_taken_up_anywhere_and_another_seed_gives_another() -> None:
    maker = RuleMade()
    whole = list(islice(maker.examples(seed=3), 40))
    assert list(islice(maker.examples(seed=3, start=25), 15)) == whole[25:]
    assert list(islice(maker.examples(seed=4), 40)) != whole


def test_kinds_and_outcomes_are_balanced() -> None:
    number = len(rule_kinds())
    tally: dict[str, Counter[bool | None]] = defaultdict(Counter)
    for row in islice(RuleMade().examples(seed=5), 10 * number):
        tally[row.kind][row.satisfied] += 1
    assert {sum(one.values()) for one in tally.values()} == {10}
    uneven = {kind: dict(one) for kind, one in tally.items() if abs(one[True] - one[False]) > 2}
    assert not uneven


def test_texts_from_outside_are_used_with_their_prompts() -> None:
    given_text = GivenText("Say a proverb.", "Still waters run deep, they say.", "proverbs")
    maker = RuleMade(kinds=("keywords:existence",), share_given=1.0)
    row = next(maker.examples(seed=0, texts=[given_text]))
    assert (row.prompt, row.response, row.origin) == given_text
    assert next(RuleMade(longest_given=5).examples(0, texts=[given_text])).origin == "generated"


def test_criteria_come_in_several_wordings() -> None:
    texts = {
        row.criterion for row in islice(RuleMade(kinds=("punctuation:no_comma",)).examples(0), 60)
    }
    assert len(texts) == 5, texts


def test_paraphrases_are_of_known_kinds() -> None:
    assert not set(paraphrases()) - set(known_ids())


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UserError, match=r"got \['nothing:known'\]"):
        RuleMade(kinds=("nothing:known",))


@pytest.mark.parametrize(
    "text", ["a", "...", '"', "1", "\u6211", "<<", "a\n\n\nb", ",,,", "word " * 3]
)
def test_strange_texts_from_outside_can_be_drawn_for(text: str) -> None:
    maker = RuleMade(share_given=1.0)
    rows = islice(maker.examples(seed=0, texts=[GivenText("Say.", text, "odd")]), len(rule_kinds()))
    assert {row.kind for row in rows} == set(rule_kinds())
