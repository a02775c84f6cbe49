"""Chunks: whole turns, in order, nothing lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from memtrace.memory.chunking import chunk_lines
from memtrace.memory.rendering import Line
from memtrace.memory.tokens import approximate_tokens

LINES = st.lists(st.text("ab ", max_size=40), max_size=30).map(
    lambda texts: [Line(f"t{n}", "8 May 2023", text) for n, text in enumerate(texts)]
)


@settings(deadline=None)
@given(lines=LINES, turns=st.integers(1, 6), overlap=st.integers(0, 5), tokens=st.integers(1, 40))
def test_chunks_cover_every_turn_in_order_within_their_limits(
    lines: list[Line], turns: int, overlap: int, tokens: int
) -> None:
    chunks = list(
        chunk_lines(
            lines, max_turns=turns, overlap_turns=min(overlap, turns - 1), max_tokens=tokens
        )
    )
    covered = list(dict.fromkeys(turn for chunk in chunks for turn in chunk.turns))
    assert covered == [line.turn for line in lines]
    for chunk in chunks:
        size = sum(approximate_tokens(line.text) for line in chunk.lines)
        assert len(chunk.lines) <= turns
        assert size <= tokens or len(chunk.lines) == 1, chunk


def test_neighbours_share_the_overlap() -> None:
    lines = [Line(f"t{n}", "", "word") for n in range(5)]
    chunks = list(chunk_lines(lines, max_turns=3, overlap_turns=1, max_tokens=99))
    assert [chunk.turns for chunk in chunks] == [("t0", "t1", "t2"), ("t2", "t3", "t4")]


def test_a_chunk_opens_with_its_date() -> None:
    chunk = next(chunk_lines([Line("t", "8 May 2023", "Ana: Hi.")], max_turns=1, overlap_turns=0,
                             max_tokens=9))  # fmt: skip
    assert chunk.text == "[8 May 2023]\nAna: Hi."
