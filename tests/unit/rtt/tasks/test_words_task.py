from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.verify.checking import check
from rtt.tasks.words import KINDS, WordsTask


def draw(split: str, seed: int, count: int = 200) -> list:  # type: ignore[type-arg]
    return list(islice(WordsTask().prompts(split, seed), count))  # type: ignore[arg-type]


def test_training_and_held_out_prompts_are_disjoint() -> None:
    assert not {p.id for p in draw("train", 0)} & {p.id for p in draw("heldout", 0)}


def test_the_order_of_criteria_does_not_move_a_prompt_between_splits() -> None:
    task = WordsTask()
    by_id: dict[str, set[bool]] = {}
    for seed in range(3):
        for prompt in draw("train", seed) + draw("heldout", seed):
            by_id.setdefault(prompt.id, set()).add(task.is_held_out(prompt))
    assert all(len(sides) == 1 for sides in by_id.values())


def test_the_same_seed_gives_the_same_prompts() -> None:
    assert draw("train", 5, 20) == draw("train", 5, 20)
    assert draw("train", 5, 20) != draw("train", 6, 20)


def test_every_kind_occurs_and_a_prompt_has_three_different_ones() -> None:
    prompts = islice(WordsTask(kinds=KINDS).prompts("train", 0), 200)
    kinds = [[c.constraint_id for c in p.rubric.criteria] for p in prompts]
    assert all(len(set(row)) == 3 for row in kinds)
    assert {kind for row in kinds for kind in row} == {f"words:{kind}" for kind in KINDS}


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 10**9))
def test_a_careful_sketch_satisfies_every_criterion_of_a_prompt_without_conflict(seed: int) -> None:
    """Exclude last: it replaces words at random, and no other constraint may be undone by it."""
    task, random = WordsTask(kinds=KINDS), Random(seed)
    prompt = task.draw(random)
    sketches = [task.sketch(prompt, random, care=1.0) for _ in range(20)]
    verdicts = [
        all(
            check(c.constraint_id or "", c.kwargs, prompt=prompt.prompt, response=s).satisfied
            for c in prompt.rubric.criteria
        )
        for s in sketches
    ]
    assert any(verdicts), (prompt.prompt, sketches[:3])


def test_a_sketch_has_the_length_asked_for() -> None:
    task, random = WordsTask(length=10), Random(0)
    assert len(task.sketch(task.draw(random), random, care=0.5).split()) == 10


def test_every_word_of_prompt_and_response_is_a_token() -> None:
    task, random = WordsTask(), Random(0)
    for prompt in draw("train", 0):
        words = f"{prompt.prompt} {task.sketch(prompt, random, care=0.5)}".split()
        assert set(words) <= set(task.tokens)


@pytest.mark.parametrize(
    ("settings_", "says"),
    [
        ({"kinds": ("start", "rhyme")}, r"task.kinds.*\['rhyme'\]"),
        ({"constraints": 7}, "task.constraints: expected 1 to 5"),
        ({"vocabulary": 99}, "task.vocabulary"),
        ({"length": 3}, "at least 6; got 3"),
    ],
)
def test_bad_settings_name_the_key(settings_: dict, says: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(UserError, match=says):
        WordsTask(**settings_)
