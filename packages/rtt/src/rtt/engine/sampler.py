"""A small sampler on `transformers`: one prefill a prompt, a shared key-value cache, G samples.

In: prompts. Out: one `Group` a prompt with tokens, the log-probabilities they were drawn with,
text and character offsets. The draws of a prompt depend on the seed and its place alone: neither
the global random state, nor the other prompts, nor the number of processes changes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lmcommon.data.types import RubricPrompt
from rtt.engine.asking import ask, rollout_of
from rtt.engine.base import Finished, SamplesByStream
from rtt.engine.drawing import Sampling, draw, uniforms
from rtt.policy.logprobs import position_ids
from rtt.policy.softmax import HeadForm, head_weights, project
from rtt.policy.tiny import Policy

__all__ = ["Sampler"]


@dataclass(frozen=True, slots=True)
class Sampler(SamplesByStream):
    """Samples responses of at most `max_tokens` tokens, `row_budget` of them at once.

    Example:
        `Sampler(policy, 48, Sampling(temperature=0.7)).sample(prompts, samples=8, seed=0)`
    """

    policy: Policy
    max_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    row_budget: int = 1024

    @torch.no_grad()
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
        """Draw `samples` responses to each prompt, each yielded when it ends.

        Args:
            prompts: P prompts.
            samples: G.
            seed: Decides every draw, with the place of the prompt.
            version: Recorded on the rollouts as `policy_version`.
            places: Where each prompt stands in the whole draw, of which this may be a part; None:
                0, 1, 2, ...
            sampling: In place of the sampler's own.

        Yields:
            P * G responses. A rollout's log-probabilities are at the sampling temperature, before
            top-k and top-p.

        Raises:
            UserError: A prompt leaves no room for a response in the policy's context.
        """
        sampling = sampling or self.sampling
        places = range(len(prompts)) if places is None else places
        size = max(self.row_budget // samples, 1)
        for first in range(0, len(prompts), size):
            part = prompts[first : first + size]
            draws = [
                uniforms(seed, place, samples, self.max_tokens)
                for place in places[first : first + size]
            ]
            asked = [ask(self.policy, prompt, self.max_tokens) for prompt in part]
            for row, ids, logprobs in self._draw(asked, torch.cat(draws), sampling):
                prompt, sample = divmod(row, samples)
                rollout = rollout_of(self.policy, part[prompt].id, ids, logprobs, version)
                yield Finished(prompt=first + prompt, sample=sample, rollout=rollout)

    def update(self, weights: Iterable[tuple[str, Tensor]], *, version: int) -> None:
        """Nothing to do: the policy's own weights are read."""

    def close(self) -> None:
        """Nothing to free: the policy belongs to whoever made it."""

    def _draw(
        self, asked: Sequence[Sequence[int]], uniform_BT: Tensor, sampling: Sampling
    ) -> Iterator[tuple[int, list[int], list[float]]]:
        """Number, tokens and log-probabilities of each row when it ends; a prompt's rows follow
        one another.
        """
        from transformers import DynamicCache

        model: Any = self.policy.model
        model.eval()
        prompt_PL, mask_PL = _left_padded(asked, self.policy.pad_id, model.device)
        copies = len(uniform_BT) // len(asked)
        cache = DynamicCache(config=model.config)
        form = HeadForm.of(model.config, temperature=sampling.temperature)
        with self.policy.precision():  # never across a yield: it would hold for the caller too
            hidden = _forward(model, prompt_PL, mask_PL, position_ids(mask_PL), cache)
            cache.batch_repeat_interleave(copies)
            hidden_BH = hidden.repeat_interleave(copies, dim=0)
        mask = mask_PL.repeat_interleave(copies, dim=0)
        live = list(range(len(uniform_BT)))
        drawn: list[tuple[list[int], list[float]]] = [([], []) for _ in live]
        for step in range(self.max_tokens):
            with self.policy.precision():
                weight_VH, bias_V = head_weights(model.get_output_embeddings())
                token_B, logprob_B = draw(
                    project(hidden_BH, weight_VH, bias_V, form), uniform_BT[live, step], sampling
                )
            going = self._note(drawn, live, token_B.tolist(), logprob_B.tolist())
            is_last = step + 1 == self.max_tokens
            ended = live if is_last else [live[i] for i in sorted(set(range(len(live))) - {*going})]
            yield from ((row, *drawn[row]) for row in ended)
            if is_last or not going:
                return
            if len(going) < len(live):
                kept = torch.tensor(going, device=model.device)
                cache.batch_select_indices(kept)
                token_B, mask = token_B[kept], mask[kept]
                live = [live[place] for place in going]
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            positions = mask.sum(dim=1, keepdim=True) - 1
            with self.policy.precision():
                hidden_BH = _forward(model, token_B.unsqueeze(1), mask, positions, cache)

    def _note(
        self,
        drawn: list[tuple[list[int], list[float]]],
        live: Sequence[int],
        tokens: Sequence[int],
        logprobs: Sequence[float],
    ) -> list[int]:
        """Append what was drawn; which of the live rows go on."""
        going = []
        for place, (row, token, logprob) in enumerate(zip(live, tokens, logprobs, strict=True)):
            drawn[row][0].append(token)
            drawn[row][1].append(logprob)
            if token not in self.policy.end_ids:
                going.append(place)
        return going


def _left_padded(asked: Sequence[Sequence[int]], pad: int, device: Any) -> tuple[Tensor, Tensor]:
    """Ids and mask [P, L]."""
    width = max(len(ids) for ids in asked)
    ids = [[*[pad] * (width - len(row)), *row] for row in asked]
    mask = [[*[0] * (width - len(row)), *[1] * len(row)] for row in asked]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _forward(model: Any, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
    """Hidden state of the last position, [B, H]."""
    output = model.base_model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
    )
    last: Tensor = output.last_hidden_state[:, -1]
    return last
