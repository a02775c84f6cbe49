from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtt.discriminator.order import row_order
from rtt.discriminator.rows import TokenRow, positive_weight


def row(kind: str, length: int = 3, labels: tuple[int, ...] = ()) -> TokenRow:
    return TokenRow(ids=(1,) * length, labels=labels or (0,) * length, kind=kind)


ROWS = [row("many", 2 + n % 9) for n in range(30)] + [row("few", 4), row("few", 5)]


@given(st.integers(1, 5), st.integers(1, 40), st.booleans(), st.integers(0, 9))
def test_there_are_as_many_rows_as_the_run_needs(
    batch: int, batches: int, balance: bool, seed: int
) -> None:
    order = row_order(ROWS, batch=batch, batches=batches, balance=balance, seed=seed)
    assert len(order) == batch * batches
    assert order == row_order(ROWS, batch=batch, batches=batches, balance=balance, seed=seed)


def test_every_row_comes_once_before_any_comes_again() -> None:
    order = row_order(ROWS, batch=8, batches=6, balance=False, seed=0)
    assert {1, 2} == set(Counter(order).values())


def test_balanced_kinds_come_equally_often() -> None:
    order = row_order(ROWS, batch=4, batches=15, balance=True, seed=0)
    assert Counter(ROWS[place].kind for place in order) == {"many": 30, "few": 30}


def test_kinds_that_are_relevant_throughout_come_a_quarter_as_often() -> None:
    rows = [*ROWS, row("whole", 3, (-1, 1, 1)), row("whole", 3, (1, 1, 1))]
    order = row_order(rows, batch=9, batches=10, balance=True, seed=0)
    counts = Counter(rows[place].kind for place in order)
    assert counts == {"many": 40, "few": 40, "whole": 10}


def test_a_batch_holds_rows_of_similar_length() -> None:
    order = row_order(ROWS, batch=4, batches=8, balance=False, seed=0)
    spread = [
        max(lengths) - min(lengths)
        for start in range(0, len(order), 4)
        if (lengths := [len(ROWS[place].ids) for place in order[start : start + 4]])
    ]
    assert sum(spread) / len(spread) < 2, spread  # at random: about 6


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        row_order([], batch=1, batches=1, balance=False, seed=0)


def test_the_weight_of_relevant_tokens_balances_their_number() -> None:
    assert positive_weight([row("k", 4, (-1, 1, 0, 0))]) == 2.0
    assert positive_weight([row("k", 2, (1, 1))]) == 1.0
    assert positive_weight([row("k", 99, (1,) + (0,) * 98)]) == 10.0
