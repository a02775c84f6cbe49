"""A meter whose books lie on disk: restarts count, processes share, a torn line is one call."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.llm.budget import Budget
from lmcommon.llm.ledger import KeptMeter, read_ledger
from lmcommon.llm.types import Usage

CALL = Usage(prompt_tokens=10, completion_tokens=5, calls=1, cost_usd=0.25)


def spend(meter: KeptMeter, calls: int = 1) -> None:
    for _ in range(calls):
        assert meter.try_reserve(CALL)
        meter.settle(CALL, CALL)


def room(meter: KeptMeter) -> int:
    """How many calls it still lets through."""
    count = 0
    while meter.try_reserve(CALL):
        count += 1
    return count


def test_a_restart_goes_on_with_what_was_spent(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    spend(KeptMeter(Budget(calls=3), path), 2)
    after = KeptMeter(Budget(calls=3), path)
    assert after.spent == Usage(prompt_tokens=20, completion_tokens=10, calls=2, cost_usd=0.5)
    assert room(after) == 1


def test_processes_share_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    spend(KeptMeter(Budget(calls=10), path), 4)
    two = [KeptMeter(Budget(calls=10), path, processes=2) for _ in range(2)]
    assert [room(meter) for meter in two] == [3, 3]


@given(limit=st.integers(0, 40), spent=st.integers(0, 40), processes=st.integers(1, 7))
def test_the_shares_of_a_budget_never_exceed_it(
    tmp_path_factory: pytest.TempPathFactory, limit: int, spent: int, processes: int
) -> None:
    path = tmp_path_factory.mktemp("books") / "calls.jsonl"
    spend(KeptMeter(Budget(), path), spent)
    shares = [
        room(KeptMeter(Budget(calls=limit), path, processes=processes)) for _ in range(processes)
    ]
    left = max(limit - spent, 0)
    assert sum(shares) <= left, shares
    assert sum(shares) > left - processes, shares


def test_a_torn_line_is_left_out_and_the_next_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    spend(KeptMeter(Budget(), path), 2)
    path.write_bytes(path.read_bytes() + b'{"prompt_tokens": 1')
    spend(KeptMeter(Budget(), path))
    assert read_ledger(path) == CALL + CALL + CALL


def test_a_line_that_is_no_call_is_named(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text('{"tokens": 3}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"calls\.jsonl, line 1: expected what a call cost"):
        read_ledger(path)


def test_what_cost_nothing_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    meter = KeptMeter(Budget(), path)
    assert meter.try_reserve(CALL)
    meter.settle(CALL, Usage())
    assert not path.exists()
    assert read_ledger(path) == Usage()
