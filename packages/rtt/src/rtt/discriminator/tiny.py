"""A tiny discriminator made on the spot: a word tokenizer and a small transformer.

In: texts it must be able to read, and a seed. Out: a `TokenDiscriminator` with random weights,
about a quarter million parameters, trained in seconds on one core.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from rtt.discriminator.encoding import INSTRUCTION
from rtt.discriminator.model import TokenDiscriminator

__all__ = ["TinyDiscriminator"]

_SPECIAL = {"pad_token": "<pad>", "unk_token": "<unk>"}


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

    def __post_init__(self) -> None:
        if self.hidden % (2 * self.heads):
            raise UserError(
                f"discriminator.hidden: expected a multiple of {2 * self.heads}; got {self.hidden}"
            )

    def build(self, texts: Iterable[str], *, seed: int) -> TokenDiscriminator:
        """Make one; words and punctuation marks of `texts` become its tokens."""
        import transformers

        tokenizer = _tokenizer(texts)
        name = "Bert" if self.bidirectional else "Llama"
        config = getattr(transformers, f"{name}Config")(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden,
            intermediate_size=3 * self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            max_position_embeddings=self.context,
            initializer_range=self.hidden**-0.5,
            pad_token_id=tokenizer.pad_token_id,
            num_labels=1,
            classifier_dropout=0.0,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for(seed, "discriminator"))
            model = getattr(transformers, f"{name}ForTokenClassification")(config)
        return TokenDiscriminator(model.eval(), tokenizer)


def _tokenizer(texts: Iterable[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    cut = pre_tokenizers.Whitespace()
    lines = [INSTRUCTION, "Criterion: Response:", *texts]
    words = sorted({word for line in lines for word, _ in cut.pre_tokenize_str(line)})
    names = [*_SPECIAL.values(), *words]
    core = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>"))
    core.pre_tokenizer = cut
    return PreTrainedTokenizerFast(
        tokenizer_object=core, clean_up_tokenization_spaces=False, **_SPECIAL
    )
