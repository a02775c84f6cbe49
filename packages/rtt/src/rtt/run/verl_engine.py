"""Settings of the verl engine, as `conf/engine/verl.yaml` chooses them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lmcommon.errors import UserError

__all__ = ["VerlEngine"]

_STRATEGIES = ("fsdp", "fsdp2", "megatron")
_MODES = ("sync", "colocate_async", "separate_async")


@dataclass(kw_only=True)
class VerlEngine:
    """A run of verl on a Ray cluster; everything else of its configuration goes into `options`.

    Example:
        `VerlEngine(nodes=2, tensor_parallel=2, options={"trainer.logger": ["console", "wandb"]})`
    """

    steps: int = 500
    """Rollout batches."""
    prompts: int = 64
    """P: prompts of a rollout batch."""
    samples: int = 8
    """G: samples a prompt."""
    minibatches: int = 2
    """Optimiser steps a rollout batch."""
    learning_rate: float = 1e-6
    warmup: int = 0
    """Steps of verl's schedule over which the learning rate rises from 0."""
    weight_decay: float = 0.0
    grad_clip: float = 1.0
    """Largest norm of the gradient."""
    clip_low: float = 0.2
    clip_high: float = 0.27
    dual_clip: float | None = None
    """Where the advantage is negative, the loss is at most this times its size; null: no limit."""
    aggregation: str = "token-mean"
    """verl's `loss_agg_mode`; the paper: token-mean."""
    max_prompt_tokens: int = 2048
    """Longer prompts are left out."""
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    """-1: all."""
    nodes: int = 1
    gpus: int = 8
    """GPUs of each node."""
    strategy: str = "fsdp2"
    """What shards the policy: fsdp, fsdp2 or megatron."""
    rollouts: str = "vllm"
    """What samples: vllm or sglang."""
    tensor_parallel: int = 1
    """GPUs of one sampling engine."""
    rollout_memory: float = 0.5
    """Share of a GPU that the sampling engine takes."""
    tokens_at_once: int = 16_384
    """Most tokens a GPU trains in one pass."""
    mode: str = "sync"
    """sync; colocate_async or separate_async: sampling goes on while training, with policies at
    most some steps old (verl's `trainer.v1.sampler`)."""
    reward_workers: int = 8
    """Processes that score."""
    heldout: int = 128
    """Held-out prompts at most; 0: none."""
    eval_every: int = 20
    checkpoint_every: int = 20
    python: str = "python"
    """The Python of verl's environment, on every node."""
    ray_address: str = "auto"
    """Where `ray job submit` of the written command asks."""
    launch: bool = False
    """Whether to start verl here, and wait for it; false: only write what starts it."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further keys of verl's configuration with their values; they win."""

    def __post_init__(self) -> None:
        for key, options in (
            ("strategy", _STRATEGIES), ("mode", _MODES), ("rollouts", ("vllm", "sglang")),
        ):  # fmt: skip
            if (value := getattr(self, key)) not in options:
                raise UserError(
                    f"engine.{key}: expected one of {', '.join(options)}; got {value!r}"
                )
        self._check_numbers()
        if self.samples < 2:
            raise UserError(
                "engine.samples: expected at least 2 samples a prompt, which are compared with "
                f"each other; got {self.samples}"
            )
        if self.prompts % self.minibatches:
            raise UserError(
                f"engine.prompts: expected a multiple of engine.minibatches = {self.minibatches}; "
                f"got {self.prompts}"
            )
        if (self.nodes * self.gpus) % self.tensor_parallel or self.tensor_parallel > self.gpus:
            raise UserError(
                f"engine.tensor_parallel: expected a number of GPUs that divides the {self.gpus} "
                f"of a node; got {self.tensor_parallel}"
            )
        rows, processes = self.prompts * self.samples // self.minibatches, self.nodes * self.gpus
        if self.strategy != "megatron" and rows % processes:
            raise UserError(
                f"engine: expected the {rows} rows of a minibatch (prompts * samples / "
                f"minibatches) to divide over {processes} GPUs; choose another engine.prompts or "
                "engine.minibatches"
            )

    def _check_numbers(self) -> None:
        for key in ("steps", "prompts", "samples", "minibatches", "max_prompt_tokens", "nodes",
                    "gpus", "tensor_parallel", "tokens_at_once", "reward_workers", "eval_every",
                    "checkpoint_every"):  # fmt: skip
            if getattr(self, key) < 1:
                raise UserError(
                    f"engine.{key}: expected a whole number above 0; got {getattr(self, key)!r}"
                )
        for key in ("learning_rate", "grad_clip"):
            if not getattr(self, key) > 0:
                raise UserError(
                    f"engine.{key}: expected a number above 0; got {getattr(self, key)!r}"
                )
        for key in ("heldout", "warmup", "weight_decay", "clip_low", "clip_high"):
            if not getattr(self, key) >= 0:
                raise UserError(f"engine.{key}: expected 0 or more; got {getattr(self, key)!r}")
