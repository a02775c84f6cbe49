"""From response ids to text, keeping which characters each token covers."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from functools import cache
from typing import Any

from rtt.types import Span

__all__ = ["text_with_offsets"]

_REPLACED = "\ufffd"
"""What bytes that are no character decode to."""


def text_with_offsets(tokenizer: Any, ids: Sequence[int]) -> tuple[str, tuple[Span, ...]]:
    """Decode ids and give the characters `[start, end)` of each token.

    Works for any `transformers` tokenizer by decoding growing prefixes: a token covers what it
    adds. Every token with bytes of one character (an emoji takes four) covers that whole
    character; special tokens cover nothing. Word-level and byte-level tokenizers, which join
    their tokens without looking at them, take one pass instead of one a prefix.

    Example:
        ids of "amber dune <eos>" give `("amber dune", ((0, 5), (5, 10), (10, 10)))`: a separating
        space belongs to the token after it.
    """
    special = set(tokenizer.all_special_ids) | {
        index
        for index, token in getattr(tokenizer, "added_tokens_decoder", {}).items()
        if token.special
    }
    if _part(tokenizer, "model") == "WordLevel":
        return _join_words(tokenizer, ids, special)
    if _part(tokenizer, "decoder") == "ByteLevel":
        joined = _join_bytes(tokenizer, ids, special)
        if joined and joined[0] == tokenizer.decode(list(ids), skip_special_tokens=True):
            return joined
    return _grow(tokenizer, ids, special)


def _grow(tokenizer: Any, ids: Sequence[int], special: set[int]) -> tuple[str, tuple[Span, ...]]:
    """The general path: one decoding a prefix."""
    offsets: list[Span] = []
    before = ""
    for count in range(1, len(ids) + 1):
        now = tokenizer.decode(list(ids[:count]), skip_special_tokens=True)
        settled = _shared_prefix(before, now)
        is_special = ids[count - 1] in special
        if now == before and now.endswith(_REPLACED) and not is_special:
            settled -= 1  # one more byte of a character that is still open
        offsets.append((settled, settled if is_special else len(now)))
        before = now
    return before, tuple(offsets)


def _shared_prefix(before: str, now: str) -> int:
    if now.startswith(before):
        return len(before)
    return next(
        (i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a != b),
        min(len(before), len(now)),
    )


def _part(tokenizer: Any, name: str) -> str:
    core = getattr(tokenizer, "backend_tokenizer", None)
    return type(getattr(core, name, None)).__name__


def _join_words(
    tokenizer: Any, ids: Sequence[int], special: set[int]
) -> tuple[str, tuple[Span, ...]]:
    """Words joined by single spaces."""
    text, offsets = "", []
    for index, word in zip(ids, tokenizer.convert_ids_to_tokens(list(ids)), strict=True):
        start = len(text)
        if index not in special:
            text += f" {word}" if text else word
        offsets.append((start, len(text)))
    return text, tuple(offsets)


def _join_bytes(
    tokenizer: Any, ids: Sequence[int], special: set[int]
) -> tuple[str, tuple[Span, ...]] | None:
    """Bytes of all tokens in a row, decoded as they come.

    None where bytes that were waited for are no character even in part (a lone surrogate): each is
    then shown by itself, which only the general path can tell.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    added = tokenizer.added_tokens_decoder
    parts: list[str] = []
    offsets: list[Span] = []
    length = 0
    for index, token in zip(ids, tokenizer.convert_ids_to_tokens(list(ids)), strict=True):
        if token is None or index in special:
            offsets.append((length, length))
            continue
        was_open = bool(decoder.getstate()[0])
        piece = decoder.decode(token.encode() if index in added else _bytes_of(token))
        if was_open and piece.startswith(2 * _REPLACED):
            return None
        is_open = bool(decoder.getstate()[0])
        # What an open character turned into when its rest never came was covered before.
        start = length + (was_open and piece.startswith(_REPLACED))
        length += len(piece)
        parts.append(piece)
        offsets.append((start, max(start, length + is_open)))
    tail = decoder.decode(b"", final=True)
    if len(tail) > 1:
        return None
    parts.append(tail)
    text = "".join(parts)
    return text, tuple((start, min(end, len(text))) for start, end in offsets)


def _bytes_of(token: str) -> bytes:
    letters = _letters()
    return b"".join(letters.get(letter, letter.encode()) for letter in token)


@cache
def _letters() -> dict[str, bytes]:
    """Which byte each letter of a byte-level vocabulary stands for.

    Printable bytes stand for themselves, the others for the letters from U+0100 on, in order.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): bytes([byte]) for byte in printable} | {
        chr(0x100 + place): bytes([byte]) for place, byte in enumerate(others)
    }
