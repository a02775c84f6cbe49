"""Two settings compared: pairs, intervals, tests; what is unscored is neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memtrace.optimizing.comparing import compare, compare_types
from memtrace.optimizing.types import Example, Scored

SCORES = st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, None])] * 2), max_size=30)


def scored(scores: list[float | None], kinds: str = "ab") -> list[Scored]:
    return [
        Scored(
            example=Example(scope="s", id=str(n), text="?", gold="x", category=kinds[n % 2]),
            digest="d", score=score,
        )
        for n, score in enumerate(scores)
    ]  # fmt: skip


@given(pairs=SCORES)
def test_turned_around_it_says_the_opposite(pairs: list[tuple[float | None, float | None]]) -> None:
    before, after = scored([a for a, _ in pairs]), scored([b for _, b in pairs])
    there, back = compare(before, after), compare(after, before)
    assert (there.wins, there.losses, there.pairs) == (back.losses, back.wins, back.pairs)
    assert there.p_value == back.p_value
    assert there.pairs + there.unscored == len(pairs)
    if there.difference is None:
        assert (there.pairs, there.low, there.p_value) == (0, None, None)
    else:
        assert there.difference == pytest.approx((there.wins - there.losses) / there.pairs)
        assert there.low is not None
        assert there.high is not None
        assert there.low <= there.difference + 1e-9
        assert there.difference - 1e-9 <= there.high


@given(pairs=SCORES)
def test_types_add_up(pairs: list[tuple[float | None, float | None]]) -> None:
    before, after = scored([a for a, _ in pairs]), scored([b for _, b in pairs])
    parts = compare_types(before, after).values()
    whole = compare(before, after)
    assert sum(one.wins for one in parts) == whole.wins
    assert sum(one.pairs for one in parts) == whole.pairs


def test_an_unscored_answer_is_no_wrong_one() -> None:
    found = compare(scored([1.0, None, 0.0]), scored([1.0, 1.0, None]))
    assert (found.pairs, found.unscored, found.before, found.after) == (1, 2, 1.0, 1.0)


def test_other_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="same questions"):
        compare(scored([1.0]), scored([1.0, 0.0]))
