"""A policy that exists already: a folder, a hub id, or a bundled model; whole or with LoRA.

In: where it is. Out: model and tokenizer. `peft` is imported here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.hub import check_hub
from lmcommon.llm.bundled import BUNDLED_MODELS, bundled_folder
from lmcommon.llm.weights import quiet_loading
from lmcommon.rng import seed_for
from rtt.policy.tiny import Policy

__all__ = ["LoraSettings", "PretrainedPolicy"]

_BUNDLED = "bundled:"
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "mixed": torch.float32}


@dataclass(kw_only=True)
class LoraSettings:
    """Low-rank adapters; only they are trained."""

    rank: int = 0
    """0: no adapters, all weights are trained."""
    alpha: int = 32
    dropout: float = 0.0
    modules: list[str] = field(default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj"])
    """Names of the linear layers that get one."""

    def __post_init__(self) -> None:
        if self.rank < 0 or not 0 <= self.dropout < 1:
            raise UserError(
                "policy.lora: expected a rank of 0 or more and a dropout from 0 to below 1; got "
                f"{self.rank}, {self.dropout}"
            )
        if self.rank and (not self.modules or "lm_head" in self.modules):
            raise UserError(
                "policy.lora.modules: expected names of layers other than lm_head, whose weight "
                f"the log-probabilities are taken from directly; got {self.modules}"
            )


@dataclass(kw_only=True)
class PretrainedPolicy:
    """Settings of a pretrained policy; `build` loads it.

    Example:
        `PretrainedPolicy(path="bundled:smollm2").build()` is SmolLM2-135M-Instruct out of the
        package index, without any hub.
    """

    path: str = "bundled:smollm2"
    """A folder with a `transformers` model, a hub id, or `bundled:NAME`."""
    dtype: str = "float32"
    """Of the weights: float32 or bfloat16; mixed: float32 weights, computed in bfloat16."""
    attention: str = "sdpa"
    """Attention of `transformers`: sdpa, eager or flash_attention_2."""
    chat: bool | None = None
    """Whether prompts go through the chat template; null: if the tokenizer has one."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: less memory, more time."""
    lora: LoraSettings = field(default_factory=LoraSettings)

    def __post_init__(self) -> None:
        if self.dtype not in _DTYPES:
            raise UserError(
                f"policy.dtype: expected one of {', '.join(_DTYPES)}; got {self.dtype!r}"
            )
        if not self.path.strip():
            raise UserError(f"policy.path: expected {_expected()}; got nothing")

    def load(self) -> Policy:
        """Model and tokenizer as they are, without adapters.

        Raises:
            UserError: There is no such model, or it cannot be loaded.
        """
        import transformers

        source = self._source()
        with quiet_loading(transformers):
            try:
                tokenizer = transformers.AutoTokenizer.from_pretrained(source, padding_side="left")
                model = transformers.AutoModelForCausalLM.from_pretrained(
                    source, dtype=_DTYPES[self.dtype], attn_implementation=self.attention
                )
            except (OSError, ValueError, ImportError) as error:
                told = str(error).strip() or repr(error)
                raise UserError(
                    f"policy.path: cannot load {self.path!r} ({told.splitlines()[0]}); expected "
                    f"{_expected()}"
                ) from error
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return Policy(
            model, tokenizer, is_chat=self._is_chat(tokenizer), is_mixed=self.dtype == "mixed"
        )

    def build(self, words: Sequence[str] = (), *, seed: int = 0) -> Policy:
        """Load it, with adapters if asked for.

        Args:
            words: Not needed; the model has its vocabulary.
            seed: Decides the adapters' first weights.

        Raises:
            UserError: There is no such model, or it cannot be loaded.
            MissingExtraError: Adapters need `rtt-llm[trl]`.
        """
        policy = self.load()
        if self.gradient_checkpointing:
            policy.model.gradient_checkpointing_enable()
            policy.model.enable_input_require_grads()
        if (adapters := self.adapters()) is not None:
            peft = require("peft", extra="rtt-llm[trl]")
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed_for(seed, "lora"))
                # The layers change in place, so the model itself stays what it was called.
                peft.get_peft_model(policy.model, adapters)
        return policy

    def adapters(self) -> Any:
        """A `peft.LoraConfig`; None: all weights are trained.

        Raises:
            MissingExtraError: Without `rtt-llm[trl]`.
        """
        if not self.lora.rank:
            return None
        peft = require("peft", extra="rtt-llm[trl]")
        return peft.LoraConfig(
            r=self.lora.rank,
            lora_alpha=self.lora.alpha,
            lora_dropout=self.lora.dropout,
            target_modules=list(self.lora.modules),
            task_type="CAUSAL_LM",
        )

    def _source(self) -> str:
        if self.path.startswith(_BUNDLED):
            return str(bundled_folder(self.path.removeprefix(_BUNDLED)))
        check_hub(self.path, kind="model", expected=_expected())
        return self.path

    def _is_chat(self, tokenizer: Any) -> bool:
        has_template = bool(getattr(tokenizer, "chat_template", None))
        if self.chat and not has_template:
            raise UserError(
                f"policy.chat: expected a tokenizer with a chat template; that of {self.path!r} "
                "has none; set policy.chat=false, or put a chat_template.jinja beside the model"
            )
        return has_template if self.chat is None else self.chat


def _expected() -> str:
    names = ", ".join(f"{_BUNDLED}{name}" for name in BUNDLED_MODELS)
    return f"a folder with a transformers model, a hub id, or one of {names}"
