"""A sampler with its own copy of the policy: it stands still while the policy trains.

In and out: as `Sampler`. It costs a second copy of the weights, and lets the next batch be drawn
while this one is trained on, without vLLM.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from rtt.engine.base import Finished, SamplesByStream
from rtt.engine.drawing import Sampling
from rtt.engine.sampler import Sampler
from rtt.engine.weights import merge_into_base
from rtt.policy.tiny import Policy

__all__ = ["CopiedSampler"]


class CopiedSampler(SamplesByStream):
    """A `RolloutEngine` by `transformers` on a copy of the policy.

    Args:
        policy: Copied as it is now. Adapters are added to the copy's weights; it has none.
        max_tokens: Of a response.
        sampling: How tokens are drawn.
        row_budget: Responses under way at once.
    """

    holds_weights = True

    def __init__(
        self,
        policy: Policy,
        max_tokens: int,
        sampling: Sampling | None = None,
        *,
        row_budget: int = 1024,
    ) -> None:
        self.policy = policy
        own = copy.deepcopy(policy.model).requires_grad_(requires_grad=False)
        copied = Policy(own, policy.tokenizer, is_chat=policy.is_chat, is_mixed=policy.is_mixed)
        self._sampler = Sampler(copied, max_tokens, sampling or Sampling(), row_budget)
        self._own = merge_into_base(copied)
        self._version = -1

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
        """As `Sampler.stream`, from the weights of the last `update`."""
        return self._sampler.stream(
            prompts, samples=samples, seed=seed, version=version, places=places, sampling=sampling
        )

    @torch.no_grad()
    def update(self, weights: Iterable[tuple[str, Tensor]], *, version: int) -> None:
        """Copy the policy's weights; a version that it has already is not copied again.

        Raises:
            UserError: A weight that the copy has not.
        """
        if version == self._version:
            return
        for name, tensor in weights:
            if name not in self._own:
                raise UserError(
                    f"sampler: expected the weights of the copied policy; got {name!r} besides; "
                    "use sampler.copy=false, or vLLM"
                )
            self._own[name].copy_(tensor)
        self._version = version

    def close(self) -> None:
        """Nothing to free that does not go with the object."""
