"""Prompts that fit: a stream without those that are too long for the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from rtt.policy.asking import Asked, asked, plain_text

__all__ = ["short_enough"]

_PATIENCE = 10_000
"""Long prompts in a row after which an endless stream is taken to have no short one."""


def short_enough(
    prompts: Iterable[RubricPrompt], ask: Callable[[Asked], list[int]], limit: int | None
) -> Iterator[RubricPrompt]:
    """The prompts of at most `limit` tokens, in order.

    Args:
        prompts: May have no end.
        ask: Token ids of a prompt, chat template included (`Policy.ask`).
        limit: Tokens at most; None: all prompts pass.

    Raises:
        UserError: Thousands of prompts in a row are too long.
    """
    if limit is None:
        yield from prompts
        return
    fits: dict[str, bool] = {}  # an endless stream repeats its prompts
    missed = 0
    for prompt in prompts:
        given = asked(prompt)
        text = plain_text(given)
        if text not in fits:
            fits[text] = len(ask(given)) <= limit
        if fits[text]:
            missed = 0
            yield prompt
            continue
        missed += 1
        if missed == _PATIENCE:
            raise UserError(
                f"engine.max_prompt_tokens: expected prompts of at most {limit} tokens; got "
                f"{missed} in a row that are longer; raise the limit, or give other prompts"
            )
