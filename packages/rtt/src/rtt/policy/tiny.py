"""A tiny policy: an ordinary `transformers` causal model with a word-level tokenizer.

In: the words it must know and a seed. Out: model and tokenizer, about 0.3 million parameters at
the default size, trained from scratch in seconds on one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from rtt.policy.asking import Asked, chat_text, plain_text

__all__ = ["Policy", "PolicySource", "TinyPolicy", "word_tokenizer"]

_SPECIAL = {
    "pad_token": "<pad>",
    "bos_token": "<bos>",
    "eos_token": "<eos>",
    "unk_token": "<unk>",
}


@dataclass(slots=True)
class Policy:
    """A causal model and its tokenizer."""

    model: Any
    """A `transformers.PreTrainedModel` with a language-model head."""
    tokenizer: Any
    is_chat: bool = False
    """Whether a prompt is a user's message, put through the tokenizer's chat template."""
    is_mixed: bool = False
    """Whether the model computes in bfloat16 where that is safe; its weights stay as they are."""
    end_ids: frozenset[int] = field(init=False)
    """Tokens that end a response."""

    def __post_init__(self) -> None:
        named = getattr(self.model.generation_config, "eos_token_id", None)
        ids = [self.tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])]
        self.end_ids = frozenset(index for index in ids if index is not None)

    @property
    def parameters(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def context(self) -> int | None:
        """Longest prompt + response in tokens; None: the model does not say."""
        return getattr(self.model.config, "max_position_embeddings", None)

    @property
    def pad_id(self) -> int:
        """A token to fill up with; it is masked wherever it stands."""
        pad = self.tokenizer.pad_token_id
        return next(iter(self.end_ids), 0) if pad is None else pad

    def ask(self, prompt: Asked) -> list[int]:
        """Token ids of a prompt, up to where the response begins.

        Args:
            prompt: A message of the user, or a conversation (see `rtt.policy.asking.asked`).

        Raises:
            UserError: The chat template refuses the conversation.
        """
        if self.is_chat:
            coded = self.tokenizer(chat_text(self.tokenizer, prompt), add_special_tokens=False)
        else:
            coded = self.tokenizer(plain_text(prompt))
        ids: list[int] = coded["input_ids"]
        return ids

    def precision(self) -> AbstractContextManager[Any]:
        """What forward passes run under."""
        if not self.is_mixed:
            return nullcontext()
        return torch.autocast(self.model.device.type, dtype=torch.bfloat16)


class PolicySource(Protocol):
    """Settings that a policy can be made from."""

    def build(self, words: Sequence[str] = (), *, seed: int = 0) -> Policy:
        """Make or load the policy.

        Args:
            words: What it must know, if it is made from nothing.
            seed: Decides random weights, if there are any.
        """
        ...


@dataclass(kw_only=True)
class TinyPolicy:
    """Settings of the tiny policy; `build` makes it."""

    hidden: int = 96
    """Model width, a multiple of `heads`."""
    layers: int = 2
    heads: int = 4
    context: int = 64
    """Longest prompt + response in tokens."""

    def __post_init__(self) -> None:
        if self.hidden % (2 * self.heads):
            raise UserError(
                f"policy.hidden: expected a multiple of 2 * policy.heads = {2 * self.heads}; "
                f"got {self.hidden}"
            )

    def build(self, words: Sequence[str] = (), *, seed: int = 0) -> Policy:
        """Make a policy with random weights that depend on nothing but the seed."""
        from transformers import LlamaConfig, LlamaForCausalLM

        tokenizer = word_tokenizer(words)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden,
            intermediate_size=3 * self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.heads,
            max_position_embeddings=self.context,
            tie_word_embeddings=True,
            initializer_range=self.hidden**-0.5,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for(seed, "policy"))
            model = LlamaForCausalLM(config)
        return Policy(model, tokenizer)


def word_tokenizer(words: Sequence[str]) -> Any:
    """A tokenizer with one token a whitespace-separated word; it puts <bos> before a text.

    Returns:
        A `transformers.PreTrainedTokenizerFast` that pads on the left.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    names = [*_SPECIAL.values(), *words]
    core = Tokenizer(
        WordLevel({name: index for index, name in enumerate(names)}, unk_token="<unk>")
    )
    core.pre_tokenizer = WhitespaceSplit()
    core.post_processor = TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", names.index("<bos>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        **_SPECIAL,
    )
