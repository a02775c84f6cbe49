"""A tiny causal language model made on the spot: byte-level tokenizer, two layers, random weights.

In: a folder and a seed. Out: the folder, which `transformers` and vLLM load like any other model.
It says nothing sensible, but its arithmetic is that of a real architecture, so batching, padding,
sampling, scoring and training can be tested in milliseconds without any download.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from lmcommon.extras import require

__all__ = ["TINY_CHAT_TEMPLATE", "make_tiny_lm", "tiny_tokenizer"]

_SPECIAL = {
    "bos_token": "<|bos|>",
    "eos_token": "<|end|>",
    "pad_token": "<|pad|>",
    "unk_token": "<|endoftext|>",  # the name that transformers gives to Qwen's, so none is added
}
TINY_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
"""ChatML in miniature; every role marker is one token."""


def tiny_tokenizer() -> Any:
    """A byte-level tokenizer: one token a UTF-8 byte, seven special tokens, 263 in all.

    Returns:
        A `transformers.PreTrainedTokenizerFast` with a chat template.

    Raises:
        MissingExtraError: Without `lmcommon[hf]`.
    """
    tokenizers = require("tokenizers", extra="lmcommon[hf]")
    transformers = require("transformers", extra="lmcommon[hf]")
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    core = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    core.add_special_tokens([*_SPECIAL.values(), "<|system|>", "<|user|>", "<|assistant|>"])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core,
        chat_template=TINY_CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        **_SPECIAL,
    )


def make_tiny_lm(
    folder: str | Path,
    *,
    seed: int = 0,
    architecture: Literal["llama", "qwen2"] = "qwen2",
    hidden: int = 64,
    layers: int = 2,
    context: int = 512,
    scale: float = 0.3,
) -> Path:
    """Write a random model and its tokenizer to a folder.

    Args:
        folder: Where to write; made if absent.
        seed: Decides the weights. The global random state is left as it was.
        architecture: Which implementation of `transformers` to use.
        hidden: Model width, a multiple of 8; the feed-forward part is twice as wide.
        layers: Number of layers.
        context: Longest input in tokens.
        scale: Standard deviation of the weights. Larger makes predictions more peaked.

    Returns:
        The folder.

    Raises:
        MissingExtraError: Without `lmcommon[hf]`.
    """
    torch = require("torch", extra="lmcommon[hf]")
    transformers = require("transformers", extra="lmcommon[hf]")
    tokenizer = tiny_tokenizer()
    names = {"llama": "Llama", "qwen2": "Qwen2"}
    config = getattr(transformers, f"{names[architecture]}Config")(
        vocab_size=264,  # the tokenizer's 263, rounded up to a multiple of 8
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        initializer_range=scale,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, f"{names[architecture]}ForCausalLM")(config)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target
