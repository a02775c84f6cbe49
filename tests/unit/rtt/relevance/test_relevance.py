import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.relevance import (
    RandomRelevance,
    RelevanceItem,
    SpanRelevance,
    UniformRelevance,
    spans_to_tokens,
)
from rtt.types import Rollout

ROLLOUT = Rollout(
    prompt_id="p", tokens=(4, 5, 6, 2), logprobs=(0.0,) * 4, text="amber dune iris",
    offsets=((0, 5), (5, 10), (10, 15), (15, 15)),
)  # fmt: skip


def item(criterion: Criterion, verdict: Verdict) -> RelevanceItem:
    prompt = RubricPrompt(id="p", prompt="", rubric=Rubric((criterion,)))
    return RelevanceItem(prompt=prompt, criterion=criterion, verdict=verdict, rollout=ROLLOUT)


def ask(kind: str, satisfied: bool, spans: tuple[tuple[int, int], ...] | None) -> tuple[float, ...]:
    criterion = Criterion(id="c", text="", constraint_id=f"words:{kind}")
    verdict = Verdict(satisfied=satisfied, spans=spans, source="program")
    return SpanRelevance().relevances([item(criterion, verdict)])[0]


def test_a_token_is_relevant_if_any_of_its_characters_is() -> None:
    assert spans_to_tokens([(2, 4)], [(0, 3), (3, 3), (3, 6), (6, 9)]) == (1.0, 0.0, 1.0, 0.0)


def test_spans_that_touch_without_sharing_a_character_do_not_count() -> None:
    assert spans_to_tokens([(3, 6)], [(0, 3), (6, 9)]) == (0.0, 0.0)


def test_local_positive_satisfied_points_at_what_fulfils_it() -> None:
    assert ask("include", True, ((6, 10),)) == (0.0, 1.0, 0.0, 0.0)


def test_local_positive_unmet_is_zero_even_where_the_check_names_a_place() -> None:
    assert ask("start", False, ((0, 5),)) == (0.0,) * 4
    assert ask("include", False, ()) == (0.0,) * 4


def test_local_negative_violated_points_at_the_offence() -> None:
    assert ask("exclude", False, ((0, 5), (11, 15))) == (1.0, 0.0, 1.0, 0.0)


def test_local_negative_satisfied_is_zero() -> None:
    assert ask("exclude", True, ()) == (0.0,) * 4


def test_every_part_decides_when_right_and_the_wrong_ones_when_not() -> None:
    criterion = Criterion(id="c", text="", constraint_id="words:last_first")
    for satisfied in (True, False):
        verdict = Verdict(satisfied=satisfied, spans=((6, 10),), source="program")
        assert SpanRelevance().relevances([item(criterion, verdict)]) == [(0.0, 1.0, 0.0, 0.0)]


def test_a_scope_can_depend_on_the_criterion_s_arguments() -> None:
    kwargs = {
        "keywords": [], "forbidden": ["dune"], "times": 1, "any_of": False, "part": "response",
        "target": "",
    }  # fmt: skip
    criterion = Criterion(id="c", text="", constraint_id="muldimif:keywords", kwargs=kwargs)
    verdict = Verdict(satisfied=False, spans=((6, 10),), source="program")
    assert SpanRelevance().relevances([item(criterion, verdict)]) == [(0.0, 1.0, 0.0, 0.0)]


@pytest.mark.parametrize("satisfied", [True, False])
def test_global_is_all_ones(satisfied: bool) -> None:
    assert ask("count", satisfied, ((0, 5),)) == (1.0,) * 4
    assert ask("length", satisfied, None) == (1.0,) * 4


def test_ablations() -> None:
    asked = [item(Criterion(id="c", text=""), Verdict(satisfied=True))]
    assert UniformRelevance().relevances(asked) == [(1.0,) * 4]
    first = RandomRelevance(seed=1).relevances(asked)
    assert first == RandomRelevance(seed=1).relevances(asked)
    assert first != RandomRelevance(seed=2).relevances(asked)
    assert all(0 <= value <= 1 for value in first[0])
