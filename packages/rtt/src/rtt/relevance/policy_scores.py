"""The policy as a scorer of given responses, in padded batches of similar length.

In: (prompt or conversation, rollout) pairs. Out: log-probability of every response token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from rtt.discriminator.model import length_buckets
from rtt.policy.asking import Asked
from rtt.policy.logprobs import response_logprobs
from rtt.policy.tiny import Policy
from rtt.types import Rollout

__all__ = ["PolicyScores"]

Rows = list[tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyScores:
    """Scores under the weights that the policy has at the time of the call.

    Example:
        `PolicyScores(policy=policy).score([("start amber :", rollout)])`
    """

    policy: Policy
    batch_tokens: int = 16_384
    """Most tokens in a batch, padding included."""
    within: Callable[[Callable[[], Rows]], Rows] | None = None
    """What runs the forward passes, where weights are spread over processes: calls its argument
    with the model ready. None: nothing to prepare."""

    def score(self, pairs: Sequence[tuple[Asked, Rollout]]) -> Rows:
        """Natural log-probability of each token of each rollout after that prompt, [T]."""

        def work() -> Rows:
            return self._score(pairs)

        return work() if self.within is None else self.within(work)

    @torch.no_grad()
    def _score(self, pairs: Sequence[tuple[Asked, Rollout]]) -> Rows:
        model = self.policy.model
        was_training = model.training
        model.eval()
        prompts = [self.policy.ask(prompt) for prompt, _ in pairs]
        lengths = [
            len(ids) + len(rollout.tokens) for ids, (_, rollout) in zip(prompts, pairs, strict=True)
        ]
        told: Rows = [()] * len(pairs)
        for bucket in length_buckets(lengths, self.batch_tokens):
            responses = [pairs[place][1].tokens for place in bucket]
            rows = self._batch([prompts[place] for place in bucket], responses)
            for place, row in zip(bucket, rows, strict=True):
                told[place] = tuple(row)
        model.train(was_training)
        return told

    def _batch(
        self, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        device, pad = self.policy.model.device, self.policy.pad_id
        before, after = max(map(len, prompts)), max(map(len, responses))

        def tensor(rows: list[list[int]]) -> torch.Tensor:
            return torch.tensor(rows, dtype=torch.long, device=device)

        logprob_BT, _ = response_logprobs(
            self.policy.model,
            tensor([[pad] * (before - len(ids)) + [*ids] for ids in prompts]),
            tensor([[0] * (before - len(ids)) + [1] * len(ids) for ids in prompts]),
            tensor([[*ids] + [pad] * (after - len(ids)) for ids in responses]),
            tensor([[1] * len(ids) + [0] * (after - len(ids)) for ids in responses]),
        )
        return [row[: len(ids)] for row, ids in zip(logprob_BT.tolist(), responses, strict=True)]
