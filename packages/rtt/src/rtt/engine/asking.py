"""What every engine does alike: a prompt to ids, a seed a response, drawn ids to a rollout."""

from __future__ import annotations

from collections.abc import Sequence

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from rtt.engine.text import text_with_offsets
from rtt.policy.asking import asked
from rtt.policy.tiny import Policy
from rtt.types import Rollout

__all__ = ["ask", "rollout_of", "sample_seeds"]


def ask(policy: Policy, prompt: RubricPrompt, max_tokens: int) -> list[int]:
    """Token ids of a prompt, up to where the response begins.

    Raises:
        UserError: It leaves no room for a response in the policy's context.
    """
    ids = policy.ask(asked(prompt))
    context = policy.context
    if context is not None and len(ids) + max_tokens > context:
        raise UserError(
            f"prompt {prompt.id!r}: expected at most {context - max_tokens} tokens (the policy's "
            f"context of {context} without the response's {max_tokens}); got {len(ids)}; leave it "
            "out, or ask for shorter responses"
        )
    return ids


def sample_seeds(seed: int, place: int, samples: int) -> list[int]:
    """A seed for each sample of a prompt, for engines that seed each response by itself."""
    return [seed_for(seed, "prompt", place, "sample", sample) for sample in range(samples)]


def rollout_of(
    policy: Policy,
    prompt_id: str,
    tokens: Sequence[int],
    logprobs: Sequence[float],
    version: int,
) -> Rollout:
    """A rollout with text and offsets; it stopped if it ends with a token that ends responses."""
    text, offsets = text_with_offsets(policy.tokenizer, tokens)
    return Rollout(
        prompt_id=prompt_id,
        tokens=tuple(tokens),
        logprobs=tuple(logprobs),
        text=text,
        offsets=offsets,
        finish_reason="stop" if tokens[-1] in policy.end_ids else "length",
        policy_version=version,
    )
