"""Back-off, Retry-After and rate limits, on a clock that does not wait."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.llm.pacing import Pacer, RetryPolicy, retry_after_s


class HandClock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.time_s = 100.0

    def now_s(self) -> float:
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        self.time_s += seconds


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(0, 1000))
def test_back_off_is_full_jitter_under_a_growing_cap(attempt: int, seed: int) -> None:
    policy = RetryPolicy(attempts=1000, base_s=0.5, cap_s=30)
    wait_s = policy.wait_s(attempt, None, random.Random(seed))
    assert wait_s is not None
    assert 0 <= wait_s <= min(30, 0.5 * 2 ** (attempt - 1))


def test_back_off_spreads_over_its_range() -> None:
    policy = RetryPolicy(base_s=1, cap_s=8)
    rng = random.Random(0)
    waits = [policy.wait_s(4, None, rng) or 0 for _ in range(200)]
    assert min(waits) < 1
    assert max(waits) > 7


def test_the_last_attempt_is_not_followed_by_a_wait() -> None:
    assert RetryPolicy(attempts=3).wait_s(3, None, random.Random(0)) is None


def test_the_server_is_obeyed() -> None:
    wait_s = RetryPolicy(base_s=0.5).wait_s(1, 7.0, random.Random(0))
    assert wait_s is not None
    assert 7 <= wait_s <= 7.5


def test_a_server_that_asks_for_too_long_ends_it() -> None:
    assert RetryPolicy(max_retry_after_s=60).wait_s(1, 61.0, random.Random(0)) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers) == expected


def test_retry_after_may_be_a_date() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    wait_s = retry_after_s({"retry-after": when})
    assert wait_s is not None
    assert 25 < wait_s <= 30


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), min_size=2, max_size=40), st.integers(1, 600))
def test_no_window_holds_more_than_its_share_and_one_call(
    amounts: list[int], per_minute: int
) -> None:
    pacer = Pacer(per_minute, HandClock())
    starts = [pacer.reserve_s(amount) for amount in amounts]
    for first in range(len(amounts)):
        for last in range(first, len(amounts)):
            window_s = starts[last] - starts[first]
            before_last = sum(amounts[first:last])
            assert before_last <= window_s * per_minute / 60 + 1e-6


def test_no_limit_never_waits() -> None:
    pacer = Pacer(None, HandClock())
    assert [pacer.reserve_s(1000) for _ in range(3)] == [0, 0, 0]


def test_what_was_not_used_is_given_back() -> None:
    pacer = Pacer(60, HandClock())
    pacer.reserve_s(10)
    pacer.give_back(8)
    assert pacer.reserve_s(1) == pytest.approx(2)


def test_a_hold_keeps_everybody_back() -> None:
    pacer = Pacer(None, HandClock())
    pacer.hold_s(5)
    assert pacer.reserve_s(1) == pytest.approx(5)


def test_a_rate_must_be_positive() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Pacer(0, HandClock())
