"""The plan of batches: every row once, limits kept, prefixes truly shared."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.llm.hf.batches import Batch, Limits, common_length, plan

rows = st.lists(st.lists(st.integers(0, 1), max_size=40), max_size=12)


@settings(deadline=None)
@given(
    sequences=rows,
    reserve=st.integers(1, 10),
    limits=st.builds(
        Limits,
        rows=st.integers(1, 5),
        tokens=st.integers(1, 150),
        min_shared=st.integers(1, 8),
        decode_cost=st.integers(0, 3),
    ),
    held=st.lists(st.integers(0, 1), max_size=40),
)
def test_a_plan_is_a_partition_within_limits(
    sequences: list[list[int]], reserve: int, limits: Limits, held: list[int]
) -> None:
    batches = plan(sequences, [reserve] * len(sequences), limits, held=held)
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(sequences)))
    for batch in batches:
        heads = {tuple(sequences[row][: batch.shared]) for row in batch.rows}
        longest = max(len(sequences[row]) for row in batch.rows) + reserve
        assert len(heads) == 1
        assert all(len(sequences[row]) >= batch.shared for row in batch.rows)
        assert len(batch.rows) <= limits.rows
        assert len(batch.rows) == 1 or len(batch.rows) * longest <= limits.tokens


@settings(deadline=None)
@given(one=st.lists(st.integers(0, 1), max_size=30), two=st.lists(st.integers(0, 1), max_size=30))
def test_common_length_is_the_longest(one: list[int], two: list[int]) -> None:
    length = common_length(one, two)
    assert one[:length] == two[:length]
    assert length == min(len(one), len(two)) or one[length] != two[length]


def test_questions_about_one_context_share_it() -> None:
    context = list(range(500))
    sequences = [[*context, -n, -n] for n in range(4)] + [[7] * 300]
    batches = plan(sequences, [8] * 5, Limits())
    assert Batch((0, 1, 2, 3), 500) in [Batch(tuple(sorted(b.rows)), b.shared) for b in batches]


@pytest.mark.parametrize(("steps", "shared"), [(1, 60), (64, 0)])
def test_a_short_prefix_is_not_worth_a_batch_of_its_own(steps: int, shared: int) -> None:
    sequences = [[*range(60), n] for n in range(2)]
    assert {batch.shared for batch in plan(sequences, [steps] * 2, Limits())} == {shared}
