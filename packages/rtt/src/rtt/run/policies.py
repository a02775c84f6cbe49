"""The policy that a verb samples from: built, given its weights, behind a sampler.

In: a verb's settings (policy, sampler, checkpoint, warm start). Out: a rollout engine that holds
the weights of a training run (our own engine's checkpoint, or the last of TRL's), of a warm start
(the tiny policy's, which knows nothing without), or those that the policy comes with.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch

from lmcommon.errors import UserError
from lmcommon.llm.checkpoints import last_checkpoint
from rtt.engine.base import RolloutEngine
from rtt.engine.drawing import Sampling
from rtt.engine.weights import policy_weights
from rtt.policy.pretrained import LoraSettings, PretrainedPolicy
from rtt.policy.tiny import Policy, TinyPolicy
from rtt.tasks.base import SketchingTask
from rtt.train.local.checkpoint import find_checkpoint, load_checkpoint
from rtt.train.warm import WarmStart

__all__ = ["SamplingRun", "open_policy", "open_sampler", "weights_of"]


class SamplingRun(Protocol):
    """What is read of a verb's configuration."""

    seed: int
    policy: Any
    sampler: Any
    sampling: Sampling
    checkpoint: str | None
    warm_start: WarmStart


def open_sampler(
    config: SamplingRun, task: Any, *, max_tokens: int, row_budget: int
) -> RolloutEngine:
    """The sampler of a policy with its weights, on this process's device.

    Args:
        config: Of the verb.
        task: Whose prompts are answered; None: prompts of a data set, which a policy with a
            vocabulary of its own cannot read.
        max_tokens: Of a response.
        row_budget: Responses at once.

    Raises:
        UserError: The policy cannot read the prompts, or there is no such checkpoint.
    """
    policy = open_policy(config, task)
    sampler: RolloutEngine = config.sampler.build(
        policy, max_tokens=max_tokens, sampling=config.sampling, row_budget=row_budget,
        seed=config.seed,
    )  # fmt: skip
    if torch.cuda.is_available() and not getattr(sampler, "holds_weights", False):
        policy.model.to("cuda")  # this process's own device, see `joined`
    # A server has the weights it was started with, not those of a checkpoint or a warm start.
    sampler.update(policy_weights(policy), version=0)
    return sampler


def open_policy(config: SamplingRun, task: Any) -> Policy:
    """The policy alone, with its weights.

    Args:
        config: Of the verb.
        task: As for `open_sampler`.

    Raises:
        UserError: The policy cannot read the prompts, or there is no such checkpoint.
    """
    words = getattr(task, "tokens", ())
    if isinstance(config.policy, TinyPolicy) and not words:
        raise UserError(
            "policy: expected a pretrained one for the prompts of a data set (policy=pretrained), "
            "or responses=FILE; got the tiny one, which knows none of their words"
        )
    if config.checkpoint is not None:
        return _trained(config, words, Path(config.checkpoint))
    policy: Policy = config.policy.build(words, seed=config.seed)
    if isinstance(task, SketchingTask) and isinstance(config.policy, TinyPolicy):
        config.warm_start.run(policy, task, seed=config.seed)
    return policy


def weights_of(checkpoint: str | None) -> Path | None:
    """The file or folder of a checkpoint's weights; None if there is none."""
    if checkpoint is None:
        return None
    folder = Path(checkpoint)
    return find_checkpoint(folder / "checkpoint.pt") or last_checkpoint(folder / "trl")


def _trained(config: SamplingRun, words: tuple[str, ...], folder: Path) -> Policy:
    """The policy with the last weights of a training run."""
    if (found := find_checkpoint(folder / "checkpoint.pt")) is not None:
        policy: Policy = config.policy.build(words, seed=config.seed)
        load_checkpoint(found, policy, torch.optim.AdamW(policy.model.parameters()))
        return policy
    exported = last_checkpoint(folder / "trl")
    if exported is None:
        raise UserError(
            f"checkpoint: expected a run folder of rtt-train with a checkpoint; got {str(folder)!r}"
        )
    if not isinstance(config.policy, PretrainedPolicy):
        raise UserError(
            f"policy: expected policy=pretrained for a run of engine=trl; got the tiny one for "
            f"{str(folder)!r}"
        )
    # A whole model, or adapters that name the model they belong to: no further ones are put on.
    settings = replace(config.policy, path=str(exported), lora=LoraSettings())
    return settings.build(words, seed=config.seed)
