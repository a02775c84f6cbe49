"""Sizes of a policy without its weights: from its `config.json`, or a small table of hub models.

The model is built on torch's meta device, so parameters are counted and not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from lmcommon.llm.bundled import bundled_folder
from rtt.policy.pretrained import LoraSettings, PretrainedPolicy
from rtt.policy.tiny import PolicySource

__all__ = ["KNOWN", "ModelShape", "policy_shape"]

_SHARED = {"tie_word_embeddings": True, "num_key_value_heads": 8, "head_dim": 128}
KNOWN: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "Qwen/Qwen3-4B-Instruct-2507": {
            "model_type": "qwen3", "hidden_size": 2560, "intermediate_size": 9728,
            "num_hidden_layers": 36, "num_attention_heads": 32, "vocab_size": 151936,
            "max_position_embeddings": 262144, **_SHARED,
        },
        "Qwen/Qwen2.5-7B-Instruct": {
            "model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944,
            "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
            "vocab_size": 152064, "max_position_embeddings": 32768, "tie_word_embeddings": False,
        },
        "Qwen/Qwen2.5-0.5B-Instruct": {
            "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864,
            "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
            "vocab_size": 151936, "max_position_embeddings": 32768, "tie_word_embeddings": True,
        },
        "meta-llama/Llama-3.2-3B-Instruct": {
            "model_type": "llama", "hidden_size": 3072, "intermediate_size": 8192,
            "num_hidden_layers": 28, "num_attention_heads": 24, "vocab_size": 128256,
            "max_position_embeddings": 131072, **_SHARED,
        },
    }
)  # fmt: skip
"""Facts of the models that the recipes name; their `config.json` says the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """Sizes of a causal model.

    Example:
        Qwen2.5-0.5B-Instruct has 494,032,768 parameters, 24 layers and key-value heads of
        2 x 64, so a token takes 12,288 bytes of cache in bfloat16.
    """

    name: str
    parameters: int
    trainable: int
    """Parameters that are trained: all, or those of the adapters."""
    layer_parameters: int
    """Of the largest transformer layer."""
    layers: int
    hidden: int
    intermediate: int
    query_size: int
    """Query heads times their size."""
    kv_size: int
    """Key-value heads times their size."""
    vocabulary: int
    is_tied: bool
    """Whether the head is the embedding."""
    context: int | None
    """Longest prompt + response in tokens."""

    @property
    def outside(self) -> int:
        """Parameters of the embedding and, unless it is the same, the head."""
        return self.vocabulary * self.hidden * (1 if self.is_tied else 2)

    @property
    def cache_bytes(self) -> int:
        """Of one token's keys and values in bfloat16."""
        return 2 * 2 * self.layers * self.kv_size


def policy_shape(policy: PolicySource, words: tuple[str, ...] = ()) -> ModelShape | None:
    """The sizes of a configured policy; None where its `config.json` is not here.

    Args:
        policy: A pretrained one, or one that is made on the spot.
        words: What the second kind must know.

    Raises:
        UserError: A bundled model is not installed.
    """
    if not isinstance(policy, PretrainedPolicy):
        model = policy.build(words).model
        return _shape("tiny", model, LoraSettings())
    config = _config(policy.path)
    if config is None:
        return None
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return _shape(policy.path, model, policy.lora)


def _config(path: str) -> Any:
    from transformers import AutoConfig

    if path.startswith("bundled:"):
        return AutoConfig.from_pretrained(str(bundled_folder(path.removeprefix("bundled:"))))
    if path in KNOWN and not Path(path).is_dir():
        facts = dict(KNOWN[path])
        return AutoConfig.for_model(facts.pop("model_type"), **facts)
    try:
        return AutoConfig.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError):
        return None


def _shape(name: str, model: Any, lora: LoraSettings) -> ModelShape:
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    kinds = set(model._no_split_modules or ())
    layers = [one for one in model.modules() if type(one).__name__ in kinds]
    total = sum(one.numel() for one in model.parameters())
    return ModelShape(
        name=name, parameters=total, trainable=_adapters(model, lora) or total,
        layer_parameters=max(
            (sum(p.numel() for p in layer.parameters()) for layer in layers), default=total
        ),
        layers=config.num_hidden_layers, hidden=config.hidden_size,
        intermediate=config.intermediate_size, query_size=heads * size,
        kv_size=(getattr(config, "num_key_value_heads", None) or heads) * size,
        vocabulary=config.vocab_size, is_tied=bool(config.tie_word_embeddings),
        context=getattr(config, "max_position_embeddings", None),
    )  # fmt: skip


def _adapters(model: Any, lora: LoraSettings) -> int:
    """Parameters of adapters: rank times (inputs + outputs) of each layer that gets one."""
    if not lora.rank:
        return 0
    return sum(
        lora.rank * (one.in_features + one.out_features)
        for name, one in model.named_modules()
        if isinstance(one, torch.nn.Linear) and name.rpartition(".")[2] in lora.modules
    )
