"""The rows of a step: how many, in which parts, and how many tokens at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lmcommon.errors import UserError
from rtt.engine.vllm import VllmRolloutsSettings
from rtt.engine.vllm_server import VllmServerRolloutsSettings
from rtt.run.trl_engine import TrlEngine
from rtt.train.local.engine import LocalEngine
from rtt.train.local.settings import TrainSettings

__all__ = ["BatchPlan", "batch_plan", "sampling_fields", "trl_fields"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """One rollout batch and what becomes of it.

    Example:
        The paper's 64 prompts x 8 samples, 2 updates, 4 rows at once on 4 processes: 256 rows an
        update, 16 forward passes for it on each process.
    """

    prompts: int
    samples: int
    updates: int
    """Optimiser steps a rollout batch."""
    processes: int
    rows_at_once: int | None
    """Responses in a forward pass of a process; None: as many as a token budget takes."""
    token_budget: int | None
    passes: int | None
    """Forward passes of a process for an optimiser step; None: it depends on the lengths."""
    batches: int
    """Rollout batches of the run."""
    steps: int
    """Optimiser steps of the run."""
    response_tokens: int
    """Longest response."""
    prompt_tokens: int | None
    """Longest prompt that is trained on; None: whatever the data has."""
    evaluations: int
    heldout: int
    """Held-out prompts of each evaluation."""
    eval_samples: int
    checkpoints: int

    @property
    def rows(self) -> int:
        """Responses of a rollout batch."""
        return self.prompts * self.samples

    @property
    def rows_a_process(self) -> int:
        """Responses of a rollout batch that one process samples and trains on."""
        return -(-self.rows // self.processes)

    @property
    def sequence_tokens(self) -> int:
        """Longest prompt and response together; without a limit of prompts the response alone."""
        return self.response_tokens + (self.prompt_tokens or 0)


def trl_fields(config: Any) -> dict[str, Any]:
    """The engine's settings in TRL's words, vLLM's among them; empty for another engine.

    Raises:
        UserError: Rows that cannot be dealt out evenly.
    """
    if not isinstance(config.engine, TrlEngine):
        return {}
    return config.engine.arguments(processes=config.launch.world)


def sampling_fields(config: Any) -> dict[str, Any]:
    """Who samples, in TRL's words whatever the engine is; without `use_vllm`: transformers.

    Of sampler=auto nothing is known before the run: it looks for vLLM where it runs.

    Raises:
        UserError: Rows that cannot be dealt out evenly.
    """
    sampler = config.sampler
    if not isinstance(config.engine, LocalEngine):
        return trl_fields(config)
    if isinstance(sampler, VllmRolloutsSettings):
        return {
            "use_vllm": True, "vllm_mode": "colocate",
            "vllm_gpu_memory_utilization": sampler.memory_share,
        }  # fmt: skip
    is_served = isinstance(sampler, VllmServerRolloutsSettings)
    return {"use_vllm": True, "vllm_mode": "server"} if is_served else {}


def batch_plan(config: Any) -> BatchPlan:
    """The batch of a configuration of rtt-train.

    Raises:
        UserError: Rows that cannot be dealt out evenly, or an engine that is not planned for.
    """
    engine, world = config.engine, config.launch.world
    tokens = config.task.max_tokens
    if isinstance(engine, TrlEngine):
        told = trl_fields(config)
        return BatchPlan(
            prompts=engine.prompts, samples=engine.samples, updates=engine.minibatches,
            processes=world, rows_at_once=told["per_device_train_batch_size"], token_budget=None,
            passes=told["gradient_accumulation_steps"], batches=engine.generation_batches,
            steps=engine.steps, response_tokens=tokens, prompt_tokens=engine.max_prompt_tokens,
            evaluations=_often(engine.steps, engine.eval_every) if engine.heldout else 0,
            heldout=engine.heldout, eval_samples=engine.eval_samples,
            checkpoints=_often(engine.steps, engine.checkpoint_every),
        )  # fmt: skip
    if isinstance(engine, LocalEngine):
        train: TrainSettings = config.train
        return BatchPlan(
            prompts=train.prompts, samples=train.samples, updates=train.update.minibatches,
            processes=world, rows_at_once=None, token_budget=train.update.token_budget,
            passes=None, batches=train.steps, steps=train.steps * train.update.minibatches,
            response_tokens=tokens, prompt_tokens=None,
            evaluations=_often(train.steps, train.eval_every), heldout=train.heldout,
            eval_samples=train.eval_samples,
            checkpoints=_often(train.steps, train.checkpoint_every or train.steps),
        )  # fmt: skip
    raise UserError(
        f"engine: expected engine=local or engine=trl, which rtt-plan knows; got "
        f"{type(engine).__name__}"
    )


def _often(steps: int, every: int) -> int:
    return -(-steps // every)
