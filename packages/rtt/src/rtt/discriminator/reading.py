"""A discriminator made ready to read many pairs fast, with the values of the plain forward.

In: a `TokenDiscriminator` and how it is to run. Out: a `Reader`, which takes (criterion, response)
texts and gives the relevance of every character. Each text is tokenised once, equal pairs are read
once, rows of similar length go together, and of a causal model's rows the common beginning
(instruction and question, or all before the samples of a prompt) is forwarded once.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import torch

from lmcommon.errors import UserError
from rtt.discriminator.batching import (
    Bundle,
    filled,
    length_buckets,
    saved_tokens,
    shared_beginnings,
)
from rtt.discriminator.characters import Chars, pair_characters
from rtt.discriminator.encoding import Asked, Encoded, encode_pairs
from rtt.discriminator.forward import Forward
from rtt.discriminator.model import TokenDiscriminator

__all__ = ["Precision", "ReadSettings", "Reader"]

Precision = Literal["fp32", "bf16", "fp16"]
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_TOKENS, _CPU_TOKENS = 16_384, 2048  # on a CPU, activations of more do not fit its caches
_WORTH = 0.1
"""Share of the tokens that sharing must save: attention over what is shared needs a mask."""


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """How a discriminator runs. Example: `ReadSettings(precision="bf16", batch_tokens=65_536)`."""

    batch_tokens: int = 0
    """Most tokens in a batch, padding included; 0: 2,048 on a CPU, 16,384 elsewhere."""
    precision: Precision = "fp32"
    """Of weights and activations; relevances come in float32 all the same."""
    compile: bool = False
    """Whether `torch.compile` translates the model, at the first batches."""
    share: bool = True
    """Whether a causal model may read common beginnings once, where that saves a tenth."""
    pack: bool = True
    """Whether float32 matrix products on a CPU go through oneDNN."""

    def __post_init__(self) -> None:
        if self.batch_tokens < 0:
            raise UserError(f"batch_tokens: expected 0 or more; got {self.batch_tokens!r}")
        if self.precision not in get_args(Precision):
            raise UserError(
                f"precision: expected one of {', '.join(get_args(Precision))}; "
                f"got {self.precision!r}"
            )


class Reader:
    """Reads pairs with the weights that the discriminator has when the reader is made.

    Args:
        discriminator: What reads. It is left as it is.
        settings: How.

    Example:
        `Reader(TokenDiscriminator.load(folder)).relevances([("No commas.", "Well, yes.")])`
    """

    def __init__(
        self, discriminator: TokenDiscriminator, settings: ReadSettings | None = None
    ) -> None:
        self.settings = settings or ReadSettings()
        self._discriminator = discriminator
        self._forward = Forward(
            _cast(discriminator.model, _DTYPES[self.settings.precision]),
            pad=discriminator.tokenizer.pad_token_id or 0, pack=self.settings.pack,
            compiled=self.settings.compile, reads_matches=discriminator.reads_matches,
        )  # fmt: skip

    @property
    def reads_question(self) -> bool:
        """Whether it reads the task as well."""
        return self._discriminator.reads_question

    @property
    def reads_verdict(self) -> bool:
        """Whether the criterion is to say whether it is met (`with_verdict`)."""
        return self._discriminator.reads_verdict

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of weights, tokenizer and precision: equal digests, equal relevances."""
        from rtt.discriminator.digest import weights_digest

        return weights_digest(self._discriminator, self.settings.precision)

    def relevances(self, pairs: Sequence[tuple[str, ...]]) -> list[Chars]:
        """Relevance of every character of every response, float32 in [0, 1], [characters].

        Args:
            pairs: What is asked, as `Asked` or plain (criterion, response[, question]) texts.

        Raises:
            UserError: A criterion is too long for the context.
        """
        mine = self._discriminator
        asked = [Asked(*pair) for pair in pairs]
        if not mine.reads_question:
            asked = [Asked(one.criterion, one.response) for one in asked]
        distinct = list(dict.fromkeys(asked))
        rows = encode_pairs(
            mine.tokenizer, distinct, context=mine.context, reads_question=mine.reads_question
        )
        flat = [row for pieces in rows for row in pieces]
        chars = pair_characters([one.response for one in distinct], rows, self._values(flat))
        told = dict(zip(distinct, chars, strict=True))
        return [told[one] for one in asked]

    def close(self) -> None:
        """Nothing to end: it runs in this process."""

    @torch.inference_mode()
    def _values(self, rows: Sequence[Encoded]) -> list[Chars]:
        """Relevance of each response token of each row, [T]."""
        told: list[Any] = [None] * len(rows)
        for places, logits in self._logits(rows):
            values = (logits.float() / self._discriminator.temperature).sigmoid().cpu().numpy()
            first = 0
            for place in places:
                size = len(rows[place].offsets)
                told[place] = values[first : first + size]
                first += size
        return told

    def _logits(self, rows: Sequence[Encoded]) -> Any:
        """Places of rows, and the logits of their response tokens one after another; by batch."""
        budget = self.settings.batch_tokens
        if not budget:
            budget = _CPU_TOKENS if self._forward.device.type == "cpu" else _TOKENS
        lengths = [len(row.ids) for row in rows]
        bundles = self._bundles(rows, sum(lengths))
        alone = [one.places[0] for one in bundles if not one.shared]
        for bucket in length_buckets([lengths[place] for place in alone], budget, slack=0.125):
            places = [alone[number] for number in bucket]
            yield places, self._forward.padded([rows[place] for place in places])
        for batch in filled([one for one in bundles if one.shared], lengths, budget):
            places = [place for one in batch for place in one.places]
            given = [(one.shared, [rows[place] for place in one.places]) for one in batch]
            yield places, self._forward.shared(given)

    def _bundles(self, rows: Sequence[Encoded], tokens: int) -> list[Bundle]:
        if rows and self.settings.share and self._forward.is_causal:
            bundles = shared_beginnings([row.ids for row in rows], [row.start for row in rows])
            if saved_tokens(bundles) >= _WORTH * tokens and self._forward.can_share:
                return bundles
        return [Bundle(shared=0, places=(place,)) for place in range(len(rows))]


def _cast(model: Any, dtype: torch.dtype) -> Any:
    """The model itself, or a copy in another precision."""
    if next(model.parameters()).dtype == dtype:
        return model
    return copy.deepcopy(model).to(dtype)
