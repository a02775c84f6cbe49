"""Versions of a growing value are cut as if each stood alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memtrace.graph.storage.chunks import cuts
from memtrace.graph.storage.splitter import Splitter

ALPHABETS = ("abcdefgh   ", "0123456789abcdef", "\u4e00\u4e8c\u4e09\u56db\u3002", "\u0436\u0448 ")
BASES = [
    "".join(random.Random(seed).choices(alphabet, k=20_000)).encode()
    for seed, alphabet in enumerate(ALPHABETS)
]


def lengths(digests: list[bytes], pieces: dict[bytes, bytes]) -> list[int]:
    ends, at = [], 0
    for digest in digests:
        at += len(pieces[digest])
        ends.append(at)
    return ends


@given(
    st.sampled_from(BASES),
    st.lists(st.tuples(st.integers(0, 20_000), st.binary(max_size=6), st.integers(0, 900)),
             min_size=1, max_size=6),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_a_value_like_a_recent_one_is_cut_as_if_alone(
    base: bytes, versions: list[tuple[int, bytes, int]]
) -> None:
    splitter = Splitter()
    pieces: dict[bytes, bytes] = {}
    for keep, unit, times in versions:
        data = base[:keep] + unit * times
        digests = splitter.split(data, pieces)
        assert lengths(digests, pieces) == cuts(data)
        assert b"".join(pieces[digest] for digest in digests) == data


def test_only_what_is_new_is_added() -> None:
    splitter = Splitter()
    splitter.split(BASES[0], {})
    fresh: dict[bytes, bytes] = {}
    splitter.split(BASES[0] + BASES[0][:1_000], fresh)
    assert sum(map(len, fresh.values())) < 6_000


@pytest.mark.parametrize("count", [2, 4])
def test_several_contexts_may_grow_in_turns(count: int) -> None:
    splitter = Splitter()
    values = [f"context {number} ".encode() + BASES[0] for number in range(count)]
    for value in values:
        splitter.split(value, {})
    for value in values:
        fresh: dict[bytes, bytes] = {}
        splitter.split(value + b" and more of it" * 20, fresh)
        assert sum(map(len, fresh.values())) < 6_000
