"""The length filter: which prompts are too short or too long to train on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import Protocol

from lmcommon.data.types import RubricPrompt

__all__ = ["LengthFilter", "Tokenizer", "count_tokens", "filter_by_length"]


class Tokenizer(Protocol):
    """What a tokenizer must offer: those of transformers and tokenizers do."""

    def encode(self, text: str, *, add_special_tokens: bool = ...) -> Sized:
        """The tokens of a text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthFilter:
    """What a filter kept and what it left out, in order.

    Example: `LengthFilter(kept=(prompt,), too_short=(), too_long=())`
    """

    kept: Sequence[RubricPrompt]
    too_short: Sequence[RubricPrompt]
    too_long: Sequence[RubricPrompt]


def count_tokens(tokenizer: Tokenizer, text: str) -> int:
    """Tokens of a text alone: no special ones, no chat template."""
    return len(tokenizer.encode(text, add_special_tokens=False))


def filter_by_length(
    prompts: Iterable[RubricPrompt],
    tokenizer: Tokenizer,
    *,
    min_tokens: int = 5,
    max_tokens: int = 2048,
) -> LengthFilter:
    """Keep prompts with `min_tokens < tokens <= max_tokens`, as the paper does.

    Raises:
        ValueError: The bounds leave nothing.
    """
    if not 0 <= min_tokens < max_tokens:
        raise ValueError(
            f"expected 0 <= min_tokens < max_tokens, got {min_tokens!r} and {max_tokens!r}"
        )
    kept: list[RubricPrompt] = []
    short: list[RubricPrompt] = []
    long: list[RubricPrompt] = []
    for prompt in prompts:
        tokens = count_tokens(tokenizer, prompt.prompt)
        (short if tokens <= min_tokens else long if tokens > max_tokens else kept).append(prompt)
    return LengthFilter(kept=tuple(kept), too_short=tuple(short), too_long=tuple(long))
