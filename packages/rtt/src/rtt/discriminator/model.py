"""The token-level relevance discriminator: any `transformers` backbone and one linear head.

In: (criterion, response) pairs. Out: for each, the relevance `p = sigmoid(logit)` of every
character of the response, the largest among the tokens that cover it. Characters, because the
policy's tokenizer may be another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lmcommon.errors import UserError
from lmcommon.hub import check_hub
from lmcommon.llm.weights import quiet_loading
from rtt.discriminator.batching import length_buckets
from rtt.discriminator.characters import Chars, pair_characters
from rtt.discriminator.encoding import Asked, Encoded, encode_pair, encode_pairs
from rtt.discriminator.inputs import Inputs, Row

__all__ = ["TokenDiscriminator", "batch_logits", "length_buckets"]


class TokenDiscriminator:
    """A token classifier with one output, and its tokenizer.

    Args:
        model: A `transformers` model for token classification with `num_labels=1`; causal or
            bidirectional.
        tokenizer: Its fast tokenizer.
        context: Most tokens in a row; None: what the model's configuration says.

    Example:
        `TokenDiscriminator.load("runs/discriminator")` reads what `save` wrote;
        `TokenDiscriminator.start("Qwen/Qwen3-0.6B-Base")` puts a fresh head on a backbone.
    """

    def __init__(self, model: Any, tokenizer: Any, *, context: int | None = None) -> None:
        if getattr(model.config, "num_labels", None) != 1:
            raise UserError(
                "discriminator: expected a token classifier with num_labels=1, got "
                f"{getattr(model.config, 'num_labels', None)!r} ({type(model).__name__})"
            )
        self.model, self.tokenizer = model, tokenizer
        self.context = context or int(getattr(model.config, "max_position_embeddings", 4096))

    @classmethod
    def start(
        cls, backbone: str | Path, *, seed: int = 0, context: int | None = None,
        device: str | None = None,
    ) -> TokenDiscriminator:  # fmt: skip
        """A backbone (a folder or a hub id) with a fresh head, drawn by the seed.

        Raises:
            UserError: It can be neither found nor reached.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls._from_pretrained(str(backbone), context, device, is_fresh=True)

    @classmethod
    def load(
        cls, folder: str | Path, *, context: int | None = None, device: str | None = None
    ) -> TokenDiscriminator:
        """A trained discriminator: a folder that `save` wrote, or a hub id.

        Raises:
            UserError: It can be neither found nor reached, or it is no discriminator.
        """
        return cls._from_pretrained(str(folder), context, device, is_fresh=False)

    @classmethod
    def _from_pretrained(
        cls, name: str, context: int | None, device: str | None, *, is_fresh: bool
    ) -> TokenDiscriminator:
        import transformers

        check_hub(name, kind="model", expected="a folder with a model and its tokenizer")
        try:
            with quiet_loading(transformers):
                config = transformers.AutoConfig.from_pretrained(name)
                config.classifier_dropout = 0.0  # some architectures would take 0.1 unasked
                if is_fresh:
                    config.num_labels = 1
                model = transformers.AutoModelForTokenClassification.from_pretrained(
                    name, config=config
                )
                tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        except (OSError, ValueError) as error:
            raise UserError(
                f"discriminator: expected a folder or hub id of a model with a tokenizer, got "
                f"{name!r}: {str(error).strip().splitlines()[0]}"
            ) from error
        return cls(model.eval().to(device or "cpu"), tokenizer, context=context)

    def save(self, folder: str | Path) -> None:
        """Write weights and tokenizer; `load` and `transformers` read them."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    @property
    def reads_question(self) -> bool:
        """Whether it reads the task as well; kept in the model's configuration."""
        return bool(self._told("reads_question", False))

    @property
    def reads_verdict(self) -> bool:
        """Whether the criterion is to say whether it is met (`with_verdict`)."""
        return bool(self._told("reads_verdict", False))

    @property
    def reads_matches(self) -> bool:
        """Whether it is told which response tokens the criterion holds too
        (`rtt.discriminator.inputs`).
        """
        return bool(self._told("reads_matches", False))

    @property
    def inputs(self) -> Inputs:
        """What makes the tensors of its forward passes."""
        return Inputs.of(
            self.model, pad=self.tokenizer.pad_token_id or 0, reads_matches=self.reads_matches
        )

    @property
    def temperature(self) -> float:
        """By what logits are divided before they become probabilities (calibration)."""
        return float(self._told("temperature", 1.0))

    def tell(self, **facts: Any) -> None:
        """Note facts in the model's configuration, where `save` keeps them.

        Example:
            `discriminator.tell(reads_question=True, temperature=1.3)`
        """
        self.model.config.rtt = {**(getattr(self.model.config, "rtt", None) or {}), **facts}

    def _told(self, key: str, default: Any) -> Any:
        return (getattr(self.model.config, "rtt", None) or {}).get(key, default)

    def encode(self, asked: Asked) -> list[Encoded]:
        """The rows that one pair becomes; none for an empty response."""
        return encode_pair(
            self.tokenizer, asked, context=self.context, reads_question=self.reads_question
        )

    @torch.inference_mode()
    def relevances(
        self, pairs: Sequence[tuple[str, ...]], *, batch_tokens: int = 16_384
    ) -> list[Chars]:
        """Relevance of every character of every response, float32 in [0, 1], [characters].

        A character that no token covers (white space, with some tokenizers) gets 0.

        Args:
            pairs: What is asked, as `Asked` or plain (criterion, response[, question]) texts.
            batch_tokens: Most tokens in a batch, padding included; rows of similar length go
                together.

        Raises:
            UserError: A criterion is too long for the context.
        """
        self.model.eval()
        asked = [Asked(*pair) for pair in pairs]
        rows = encode_pairs(
            self.tokenizer, asked, context=self.context, reads_question=self.reads_question
        )
        flat = [row for pieces in rows for row in pieces]
        read: dict[int, Chars] = {}
        for bucket in length_buckets([len(row.ids) for row in flat], batch_tokens):
            logits_BL = batch_logits(self, [flat[place] for place in bucket])
            values = (logits_BL.float() / self.temperature).sigmoid().cpu().numpy()
            for place, line in zip(bucket, values, strict=True):
                read[place] = line[flat[place].start : len(flat[place].ids)]
        return pair_characters(
            [one.response for one in asked], rows, (read[place] for place in range(len(flat)))
        )


def batch_logits(discriminator: TokenDiscriminator, rows: Sequence[Row]) -> Tensor:
    """Logits [B, L] of rows, padded on the right."""
    told = discriminator.inputs.tensors(rows, device=discriminator.model.device)
    logits: Tensor = discriminator.model(**told).logits
    return logits.squeeze(-1)
