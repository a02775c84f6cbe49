"""What every rollout engine does: prompts in, finished responses out, weights that follow.

`Sampler` (transformers, the policy's own weights), vLLM in this process and a vLLM server answer
the same few calls, so training does not know which of them it has. `tests/contract` holds all of
them to one suite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from lmcommon.data.types import RubricPrompt
from rtt.types import Group, Rollout

if TYPE_CHECKING:
    from rtt.engine.drawing import Sampling
    from rtt.policy.tiny import Policy

__all__ = ["Finished", "RolloutEngine", "RolloutSettings", "SamplesByStream", "whole_groups"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One response that is complete, while others may still be under way.

    Example:
        `Finished(prompt=0, sample=3, rollout=rollout)` is the fourth sample of the first prompt.
    """

    prompt: int
    """Its place in the call's prompts."""
    sample: int
    """Which of the prompt's samples."""
    rollout: Rollout


class RolloutEngine(Protocol):
    """Samples responses from the policy whose weights it was last given.

    A prompt's draws depend on the seed and the prompt's place alone: not on the other prompts of
    the call, nor on how the work is batched or spread over processes.
    """

    @property
    def policy(self) -> Policy:
        """Whose tokenizer and chat template are used."""
        ...

    def stream(
        self,
        prompts: Sequence[RubricPrompt],
        *,
        samples: int,
        seed: int,
        version: int = 0,
        places: Sequence[int] | None = None,
        sampling: Sampling | None = None,
    ) -> Iterator[Finished]:
        """Draw `samples` responses to each prompt and yield each as soon as it is complete.

        Args:
            prompts: P prompts.
            samples: G; the samples of a prompt share the work on the prompt.
            seed: Decides every draw, with the place of the prompt.
            version: Recorded on the rollouts as `policy_version`.
            places: Where each prompt stands in the whole draw, of which this may be a part; None:
                0, 1, 2, ...
            sampling: In place of the engine's own.

        Yields:
            P * G responses in the order they end. Log-probabilities are at the sampling
            temperature, before top-k and top-p.

        Raises:
            UserError: A prompt leaves no room for a response; the engine cannot be reached or has
                died.
        """
        ...

    def sample(
        self,
        prompts: Sequence[RubricPrompt],
        *,
        samples: int,
        seed: int,
        version: int = 0,
        places: Sequence[int] | None = None,
        sampling: Sampling | None = None,
    ) -> list[Group]:
        """`stream`, waited for: P groups of G rollouts, in the order of `prompts`."""
        ...

    def update(self, weights: Iterable[tuple[str, Tensor]], *, version: int) -> None:
        """Take over the policy's weights; what follows is sampled from them.

        Args:
            weights: Whole tensors by their names in `transformers`.
            version: Optimiser steps taken.
        """
        ...

    def close(self) -> None:
        """Free what the engine holds. Idempotent."""
        ...


class SamplesByStream:
    """`sample` of an engine: its stream, waited for."""

    def sample(
        self: RolloutEngine,
        prompts: Sequence[RubricPrompt],
        *,
        samples: int,
        seed: int,
        version: int = 0,
        places: Sequence[int] | None = None,
        sampling: Sampling | None = None,
    ) -> list[Group]:
        """`stream`, waited for: P groups of G rollouts, in the order of `prompts`."""
        finished = self.stream(
            prompts, samples=samples, seed=seed, version=version, places=places, sampling=sampling
        )
        return whole_groups(prompts, samples, finished)


class RolloutSettings(Protocol):
    """Settings that an engine can be made from: an option of the group `sampler`."""

    def build(
        self, policy: Policy, *, max_tokens: int, sampling: Sampling, row_budget: int, seed: int
    ) -> RolloutEngine:
        """Make the engine of a policy.

        Args:
            policy: Whose model and tokenizer.
            max_tokens: Of a response.
            sampling: How tokens are drawn.
            row_budget: Responses under way at once, at most.
            seed: Of the engine itself, where it wants one.
        """
        ...


def whole_groups(
    prompts: Sequence[RubricPrompt], samples: int, finished: Iterable[Finished]
) -> list[Group]:
    """Put finished responses, in whatever order they came, into groups in the order of prompts."""
    found: list[list[Rollout | None]] = [[None] * samples for _ in prompts]
    for one in finished:
        found[one.prompt][one.sample] = one.rollout
    missing = sum(rollout is None for rollouts in found for rollout in rollouts)
    if missing:
        raise ValueError(f"expected {len(prompts)} * {samples} responses; {missing} never came")
    return [
        Group(prompt=prompt, rollouts=tuple(one for one in rollouts if one is not None))
        for prompt, rollouts in zip(prompts, found, strict=True)
    ]
