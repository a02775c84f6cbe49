"""A tiny discriminator made on the spot: a tokenizer and a small transformer.

In: texts it must be able to read, and a seed. Out: a `TokenDiscriminator` with random weights,
about a quarter million parameters as it is, trained in seconds on one core.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from rtt.discriminator.encoding import INSTRUCTION, encodable
from rtt.discriminator.inputs import MATCH_TYPES
from rtt.discriminator.model import TokenDiscriminator
from rtt.discriminator.pieces import SPECIAL, piece_tokenizer

__all__ = ["TinyDiscriminator"]

_AROUND = f"{INSTRUCTION} Task: Criterion: Verdict: not met Response:"
_MOST_TEXTS = 20_000
"""Texts that pieces are learned from at most; more would not change them much."""


@dataclass(kw_only=True)
class TinyDiscriminator:
    """Settings; `build` makes it."""

    hidden: int = 96
    """Width, a multiple of `2 * heads`."""
    layers: int = 2
    heads: int = 4
    context: int = 256
    bidirectional: bool = False
    """Whether a token sees what follows it (an encoder), or only what precedes it."""
    reads_matches: bool = False
    """Whether it is told which response tokens the criterion holds too
    (`rtt.discriminator.inputs`); only an encoder can be."""
    pieces: int = 0
    """Word pieces of the tokenizer (`rtt.discriminator.pieces`); 0: whole words of the texts, and
    every other word is unknown."""

    def __post_init__(self) -> None:
        if self.hidden % (2 * self.heads):
            raise UserError(
                f"discriminator.hidden: expected a multiple of {2 * self.heads}; got {self.hidden}"
            )
        if self.reads_matches and not self.bidirectional:
            raise UserError(
                "discriminator.reads_matches: expected bidirectional=true with it; got false; "
                "give reads_matches=false for a causal one"
            )
        if self.pieces and self.pieces < 100:
            raise UserError(
                f"discriminator.pieces: expected 0 or at least 100; got {self.pieces!r}"
            )

    def build(self, texts: Iterable[str], *, seed: int) -> TokenDiscriminator:
        """Make one; words, or pieces of them, and punctuation marks of `texts` are its tokens."""
        import transformers

        texts = map(encodable, texts)
        if self.pieces:
            # With every text, as in every row: so the words around it become whole pieces.
            lines = (f"{_AROUND}\n{text}" for text in islice(texts, _MOST_TEXTS))
            tokenizer = piece_tokenizer(lines, size=self.pieces)
        else:
            tokenizer = _tokenizer(texts)
        # Norms before the layers: BERT's own, behind them, hardly learn from scratch.
        name = "MegatronBert" if self.bidirectional else "Llama"
        config = getattr(transformers, f"{name}Config")(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden,
            intermediate_size=3 * self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.heads,
            max_position_embeddings=self.context,
            initializer_range=self.hidden**-0.5,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=None,
            mask_token_id=tokenizer.pad_token_id,
            num_labels=1,
            classifier_dropout=0.0,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            **({"type_vocab_size": MATCH_TYPES} if self.reads_matches else {}),
        )
        config.rtt = {"reads_matches": self.reads_matches}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for(seed, "discriminator"))
            model = getattr(transformers, f"{name}ForTokenClassification")(config)
        _compare_alike(model)
        _order_places(model)
        return TokenDiscriminator(model.eval(), tokenizer)


def _compare_alike(model: Any) -> None:
    """Let queries and keys start equal, so that a token looks at its like from the start.

    To find a word of the criterion again is what most criteria need; from unequal ones it takes
    several times as many steps to come up.
    """
    parts = dict(model.named_parameters())
    for name, value in parts.items():
        for query, key in (("q_proj", "k_proj"), ("query", "key")):
            if query in name.split("."):
                parts[name.replace(query, key)].data.copy_(value.data)


def _order_places(model: Any) -> None:
    """Let learned positions start as waves, so that neighbours are alike from the start.

    With the above, a token then looks around itself.
    """
    for name, value in model.named_parameters():
        if name.endswith("position_embeddings.weight"):
            count, width = value.shape
            waves = 10_000 ** (-torch.arange(0, width, 2) / width)
            angles = torch.arange(count).unsqueeze(1) * waves
            value.data.copy_(torch.cat([angles.sin(), angles.cos()], 1) * (2 / width) ** 0.5)


def _tokenizer(texts: Iterable[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    cut = pre_tokenizers.Whitespace()
    lines = [INSTRUCTION, "Criterion: Response:", *texts]
    words = sorted({word for line in lines for word, _ in cut.pre_tokenize_str(line)})
    names = [*SPECIAL.values(), *words]
    core = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>"))
    core.pre_tokenizer = cut
    return PreTrainedTokenizerFast(
        tokenizer_object=core, clean_up_tokenization_spaces=False, **SPECIAL
    )
