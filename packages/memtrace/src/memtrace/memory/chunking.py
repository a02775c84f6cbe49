"""Cutting a session into chunks: runs of whole turns, never across sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lmcommon.errors import UserError
from memtrace.memory.rendering import Line, page
from memtrace.memory.tokens import approximate_tokens

__all__ = ["Chunk", "chunk_lines"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive lines of one session."""

    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """What is stored and shown to the model."""
        return page(self.lines)

    @property
    def turns(self) -> tuple[str, ...]:
        """Ids of the turns in it."""
        return tuple(line.turn for line in self.lines)

    def to_list(self) -> list[dict[str, str]]:
        """Its lines as JSON."""
        return [line.to_dict() for line in self.lines]

    @classmethod
    def from_list(cls, lines: Sequence[Mapping[str, str]]) -> Chunk:
        """The chunk of these lines.

        Raises:
            UserError: For none at all.
        """
        if not lines:
            raise UserError("chunk: expected at least one line {turn, date, text}; got none")
        return cls(tuple(map(Line.from_dict, lines)))


def chunk_lines(
    lines: Sequence[Line], *, max_turns: int, overlap_turns: int, max_tokens: int
) -> Iterator[Chunk]:
    """Cut lines into chunks of at most `max_turns` turns and `max_tokens` approximate tokens.

    A single turn above `max_tokens` is a chunk of its own: turns are never cut. Consecutive
    chunks share `overlap_turns` turns.
    """
    start = 0
    while start < len(lines):
        end = start + 1
        tokens = approximate_tokens(lines[start].text)
        while end < min(start + max_turns, len(lines)):
            tokens += approximate_tokens(lines[end].text)
            if tokens > max_tokens:
                break
            end += 1
        yield Chunk(tuple(lines[start:end]))
        if end == len(lines):
            return
        start = max(start + 1, end - overlap_turns)
