"""Settings of the TRL engine, as `conf/engine/trl.yaml` chooses them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from lmcommon.errors import UserError
from rtt.run.trl_rollouts import TrlVllm, chosen_rollouts

__all__ = ["TrlEngine"]


@dataclass(kw_only=True)
class TrlEngine:
    """Sizes and schedule of a TRL run; everything else of `RTTConfig` goes into `options`."""

    steps: int = 30
    """Optimiser steps."""
    prompts: int = 4
    """P: prompts of a generation batch, over all processes."""
    samples: int = 4
    """G: samples a prompt."""
    minibatches: int = 1
    """Optimiser steps a generation batch."""
    rows_at_once: int | None = None
    """Responses in one forward pass of a process; null: all of a minibatch."""
    learning_rate: float = 1e-6
    """Constant, after the warm-up."""
    warmup: int = 0
    """Optimiser steps over which the learning rate rises from 0."""
    weight_decay: float = 0.0
    grad_clip: float = 1.0
    """Largest norm of the gradient."""
    clip_low: float = 0.2
    clip_high: float = 0.27
    """Clip of the importance ratio: 1 - clip_low to 1 + clip_high."""
    max_prompt_tokens: int | None = None
    """Training prompts with more tokens are left out; null: none is."""
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    rollouts: str = "auto"
    """Who samples: transformers, vllm (in this process, beside the trainer) or vllm_server; auto:
    vllm where it and CUDA are, else transformers."""
    vllm: TrlVllm = field(default_factory=TrlVllm)
    token_kernel: str = "chunked"
    """Log-probabilities by chunked (ours) or trl."""
    response_advantage: str = "rtt"
    """Group normalisation by rtt (the paper's) or trl."""
    eval_every: int = 10
    heldout: int = 32
    """Held-out prompts at most; 0: no evaluation, which is all that sharded weights can do."""
    eval_samples: int = 1
    """Samples a held-out prompt, at temperature 1; the last evaluation takes four times as many."""
    checkpoint_every: int = 10
    options: dict[str, Any] = field(default_factory=dict)
    """Further fields of `RTTConfig` and `trl.GRPOConfig`, such as loss_type."""

    def __post_init__(self) -> None:
        for key in ("steps", "prompts", "samples", "minibatches", "eval_every", "eval_samples",
                    "checkpoint_every", "max_prompt_tokens"):  # fmt: skip
            value = getattr(self, key)
            if value is not None and value < 1:
                raise UserError(f"engine.{key}: expected a whole number above 0; got {value!r}")
        for key in ("learning_rate", "grad_clip"):
            if getattr(self, key) <= 0:
                raise UserError(
                    f"engine.{key}: expected a number above 0; got {getattr(self, key)!r}"
                )
        for key in ("heldout", "warmup", "weight_decay", "clip_low", "clip_high"):
            if getattr(self, key) < 0:
                raise UserError(f"engine.{key}: expected 0 or more; got {getattr(self, key)!r}")
        chosen_rollouts(self.rollouts)

    @property
    def generation_batches(self) -> int:
        """How often prompts are drawn."""
        return math.ceil(self.steps / self.minibatches)

    @property
    def _is_truncated(self) -> bool:
        return self.top_p < 1 or self.top_k > 0 or bool(self.options.get("min_p"))

    def arguments(self, *, processes: int) -> dict[str, Any]:
        """The settings in TRL's words.

        Raises:
            UserError: The rows of a generation batch cannot be dealt out evenly.
        """
        rows, parts = self.prompts * self.samples, processes * self.minibatches
        at_once = self.rows_at_once or rows // parts
        if at_once < 1 or rows % (parts * at_once):
            raise UserError(
                f"engine: expected prompts * samples = {rows} to be a multiple of minibatches * "
                f"processes * rows_at_once = {self.minibatches} * {processes} * {at_once}; choose "
                "another engine.prompts, engine.minibatches or engine.rows_at_once"
            )
        accumulation = rows // (parts * at_once)
        return {
            "max_steps": self.steps, "num_generations": self.samples,
            "per_device_train_batch_size": at_once, "gradient_accumulation_steps": accumulation,
            "steps_per_generation": accumulation * self.minibatches,
            "learning_rate": self.learning_rate, "weight_decay": self.weight_decay,
            "lr_scheduler_type": "constant_with_warmup" if self.warmup else "constant",
            "warmup_steps": self.warmup, "max_grad_norm": self.grad_clip,
            "epsilon": self.clip_low, "epsilon_high": self.clip_high,
            "temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k,
            "token_kernel": self.token_kernel, "response_advantage": self.response_advantage,
            "save_strategy": "steps", "save_steps": self.checkpoint_every, "save_total_limit": 2,
            "logging_steps": 1, "shuffle_dataset": False, "ddp_find_unused_parameters": False,
            "report_to": [], "disable_tqdm": True,
            **self.vllm.arguments(chosen_rollouts(self.rollouts), is_truncated=self._is_truncated),
            **self.options,
        }  # fmt: skip
