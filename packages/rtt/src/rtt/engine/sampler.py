"""A small sampler on `transformers`: one prefill a prompt, a shared key-value cache, G samples.

In: prompts. Out: one `Group` a prompt with tokens, the log-probabilities they were drawn with,
text and character offsets. Draws depend on the seed alone, never on the global random state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lmcommon.data.types import RubricPrompt
from rtt.engine.text import text_with_offsets
from rtt.policy.logprobs import position_ids
from rtt.policy.tiny import Policy
from rtt.types import Group, Rollout

__all__ = ["Sampler"]


@dataclass(frozen=True, slots=True)
class Sampler:
    """Samples responses of at most `max_tokens` tokens at temperature 1 (no top-p, no top-k)."""

    policy: Policy
    max_tokens: int

    @torch.no_grad()
    def sample(
        self, prompts: Sequence[RubricPrompt], *, samples: int, seed: int, version: int = 0
    ) -> list[Group]:
        """Draw `samples` responses to each prompt.

        Args:
            prompts: P prompts.
            samples: G.
            seed: Decides every draw.
            version: Recorded on the rollouts as `policy_version`.

        Returns:
            P groups of G rollouts, in the order of `prompts`.
        """
        tokenizer = self.policy.tokenizer
        asked = tokenizer([prompt.prompt for prompt in prompts], padding=True)
        device = self.policy.model.device
        tokens_BT, logprob_BT, count_B = self._draw(
            torch.tensor(asked["input_ids"], device=device),
            torch.tensor(asked["attention_mask"], device=device),
            samples,
            torch.Generator(device=device).manual_seed(seed),
        )
        rows = zip(tokens_BT.tolist(), logprob_BT.tolist(), count_B.tolist(), strict=True)
        rollouts = []
        for row, (ids, logprobs, count) in enumerate(rows):
            prompt = prompts[row // samples]
            rollouts.append(self._rollout(prompt.id, ids[:count], logprobs[:count], version))
        return [
            Group(prompt=prompt, rollouts=tuple(rollouts[i * samples : (i + 1) * samples]))
            for i, prompt in enumerate(prompts)
        ]

    def _draw(
        self, prompt_PL: Tensor, mask_PL: Tensor, samples: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens [B, T], log-probabilities [B, T] and number of tokens [B] of each response."""
        from transformers import DynamicCache

        model: Any = self.policy.model
        model.eval()
        cache = DynamicCache(config=model.config)
        hidden = _forward(model, prompt_PL, mask_PL, position_ids(mask_PL), cache)
        cache.batch_repeat_interleave(samples)
        hidden = hidden.repeat_interleave(samples, dim=0)
        mask = mask_PL.repeat_interleave(samples, dim=0)
        end = self.policy.tokenizer.eos_token_id
        count_B = torch.zeros(mask.shape[0], dtype=torch.long, device=mask.device)
        alive_B = torch.ones_like(count_B, dtype=torch.bool)
        tokens, logprobs = [], []
        for step in range(self.max_tokens):
            logprob_BV = torch.log_softmax(model.get_output_embeddings()(hidden).float(), dim=-1)
            token_B1 = torch.multinomial(logprob_BV.exp(), 1, generator=generator)
            tokens.append(token_B1)
            logprobs.append(logprob_BV.gather(1, token_B1))
            count_B += alive_B
            alive_B &= token_B1[:, 0] != end
            if step + 1 == self.max_tokens or not bool(alive_B.any()):
                break
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            hidden = _forward(model, token_B1, mask, mask.sum(dim=1, keepdim=True) - 1, cache)
        return torch.cat(tokens, dim=1), torch.cat(logprobs, dim=1), count_B

    def _rollout(
        self, prompt_id: str, ids: list[int], logprobs: list[float], version: int
    ) -> Rollout:
        text, offsets = text_with_offsets(self.policy.tokenizer, ids)
        is_ended = bool(ids) and ids[-1] == self.policy.tokenizer.eos_token_id
        return Rollout(
            prompt_id=prompt_id,
            tokens=tuple(ids),
            logprobs=tuple(logprobs),
            text=text,
            offsets=offsets,
            finish_reason="stop" if is_ended else "length",
            policy_version=version,
        )


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
