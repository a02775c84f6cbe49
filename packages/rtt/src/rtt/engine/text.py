"""From response ids to text, keeping which characters each token covers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rtt.types import Span

__all__ = ["text_with_offsets"]


def text_with_offsets(tokenizer: Any, ids: Sequence[int]) -> tuple[str, tuple[Span, ...]]:
    """Decode ids and give the characters `[start, end)` of each token.

    Works for any `transformers` tokenizer by decoding growing prefixes: a token covers what it
    adds. A token that completes a character begun before (bytes of one emoji) covers that whole
    character; special tokens cover nothing.

    Example:
        ids of "amber dune <eos>" give `("amber dune", ((0, 5), (5, 10), (10, 10)))`: a separating
        space belongs to the token after it.
    """
    special = set(tokenizer.all_special_ids)
    if _is_word_level(tokenizer):
        return _join_words(tokenizer, ids, special)
    offsets: list[Span] = []
    before = ""
    for count in range(1, len(ids) + 1):
        now = tokenizer.decode(ids[:count], skip_special_tokens=True)
        settled = _shared_prefix(before, now)
        offsets.append((settled, settled if ids[count - 1] in special else len(now)))
        before = now
    return before, tuple(offsets)


def _shared_prefix(before: str, now: str) -> int:
    if now.startswith(before):
        return len(before)
    return next(
        (i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a != b),
        min(len(before), len(now)),
    )


def _is_word_level(tokenizer: Any) -> bool:
    core = getattr(tokenizer, "backend_tokenizer", None)
    return core is not None and type(core.model).__name__ == "WordLevel"


def _join_words(
    tokenizer: Any, ids: Sequence[int], special: set[int]
) -> tuple[str, tuple[Span, ...]]:
    """The fast path: words joined by single spaces."""
    text, offsets = "", []
    for index, word in zip(ids, tokenizer.convert_ids_to_tokens(list(ids)), strict=True):
        start = len(text)
        if index not in special:
            text += f" {word}" if text else word
        offsets.append((start, len(text)))
    return text, tuple(offsets)
