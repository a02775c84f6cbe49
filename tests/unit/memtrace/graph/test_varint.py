"""Whole numbers in few bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memtrace.graph.storage.varint import from_varints, signed, to_varints, unsigned


@given(st.lists(st.integers(0, 2**64)))
def test_numbers_come_back(numbers: list[int]) -> None:
    assert from_varints(to_varints(numbers)) == numbers


@pytest.mark.parametrize(("number", "size"), [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3)])
def test_small_numbers_take_few_bytes(number: int, size: int) -> None:
    assert len(to_varints([number])) == size


def test_a_number_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match="ends within one"):
        from_varints(to_varints([1, 300])[:-1])


@given(st.integers(-(2**40), 2**40))
def test_differences_of_either_sign_come_back(difference: int) -> None:
    assert unsigned(difference) >= 0
    assert signed(unsigned(difference)) == difference
