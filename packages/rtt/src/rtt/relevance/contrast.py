"""Relevance without a discriminator: what does the policy itself find likelier for a criterion?

The same response is scored twice, with and without the criterion in the prompt:
`delta_t = log pi(y_t | with) - log pi(y_t | without)`, `p_t = sigmoid(tau * (delta_t - bias))`
(CoRT, arXiv 2607.25659). In: items and something that scores. Out: one number in [0, 1] a token,
1/2 where the criterion makes no difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import exp
from typing import ClassVar, Protocol

from lmcommon.data.types import ChatMessage, RubricPrompt
from lmcommon.judge.types import Criterion
from rtt.policy.asking import Asked, asked
from rtt.relevance.sources import RelevanceItem
from rtt.types import Rollout

__all__ = ["Contrast", "PolicyContrast", "PolicyScorer", "drop_criteria"]

Contrast = tuple[Asked, Asked]
"""Two prompts: with the criterion and without."""

NEUTRAL = 0.5


class PolicyScorer(Protocol):
    """The policy as a scorer of given responses; many at once."""

    def score(self, pairs: Sequence[tuple[Asked, Rollout]]) -> list[tuple[float, ...]]:
        """Natural log-probability of each token of each rollout after that prompt, [T]."""
        ...


def drop_criteria(prompt: RubricPrompt, criteria: Sequence[Criterion]) -> Contrast | None:
    """The prompt, and the prompt without the words that state these criteria.

    The words of a criterion are `prompt.metadata["wording"][criterion.id]`, else its text, if the
    prompt holds them verbatim; of a conversation, the last of its messages that does. A data set
    whose prompts word criteria in another way can give the task by itself as
    `prompt.metadata["question"]`: then the contrast is the question with the criteria's texts after
    it, and the question, each in place of the last message.

    Returns:
        None if there is no way to take a criterion out.
    """
    wording = prompt.metadata.get("wording", {})
    words = [wording.get(criterion.id, criterion.text) for criterion in criteria]
    given = asked(prompt)
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else list(given)
    bare = [dict(one) for one in messages]
    for part in words:
        holders = [one for one in bare if part and part in one["content"]]
        if not holders:
            break
        holders[-1]["content"] = holders[-1]["content"].replace(part, "", 1)
    else:
        return given, _like(given, [_tidied(*pair) for pair in zip(bare, messages, strict=True)])
    question = prompt.metadata.get("question")
    if not isinstance(question, str) or not question:
        return None
    whole = " ".join([question, *(criterion.text for criterion in criteria)])
    before = messages[:-1]
    return (
        _like(given, [*before, {"role": "user", "content": whole}]),
        _like(given, [*before, {"role": "user", "content": question}]),
    )


def _tidied(bare: ChatMessage, message: ChatMessage) -> ChatMessage:
    """A message that something was taken out of, without the gaps that this leaves."""
    if bare["content"] == message["content"]:
        return message
    return {**bare, "content": re.sub(r" {2,}", " ", bare["content"]).strip()}


def _like(given: Asked, messages: Sequence[ChatMessage]) -> Asked:
    """Messages in the form that the prompt was given in: a text stays a text."""
    return messages[0]["content"] if isinstance(given, str) else messages


@dataclass(slots=True, kw_only=True)
class PolicyContrast:
    """Scores responses under the policy with and without a criterion.

    Example:
        `PolicyContrast(scorer=PolicyScores(policy))`; with `whole=True` all criteria are taken out
        at once, as CoRT does, and every criterion gets the same relevances.
    """

    scorer: PolicyScorer
    runs_policy: ClassVar[bool] = True
    """It cannot be asked while the policy writes."""
    tau: float = 1.0
    """Steepness, per nat."""
    bias: float = 0.0
    """Nats by which the criterion must help before a token counts as more than neutral."""
    whole: bool = False
    """Whether the rubric is taken out as a whole."""
    contrast: Callable[[RubricPrompt, Sequence[Criterion]], Contrast | None] = field(
        default=drop_criteria
    )
    """How a criterion is taken out of a prompt."""
    neutral: int = 0
    """Items so far whose criterion could not be taken out: 1/2 everywhere."""

    def relevances(self, items: Sequence[RelevanceItem]) -> list[tuple[float, ...]]:
        """One number in [0, 1] a token of each item's rollout, [T]; in the order of the items."""
        contrasts = [self._contrast(item) for item in items]
        pairs: dict[_Key, tuple[Asked, Rollout]] = {}
        for item, prompts in zip(items, contrasts, strict=True):
            for prompt in prompts or ():
                pairs[_key(prompt, item.rollout)] = prompt, item.rollout
        told = dict(zip(pairs, self.scorer.score(list(pairs.values())), strict=True))
        self.neutral += sum(prompts is None for prompts in contrasts)
        return [
            (NEUTRAL,) * len(item.rollout.tokens)
            if prompts is None
            else self._weigh(*(told[_key(prompt, item.rollout)] for prompt in prompts))
            for item, prompts in zip(items, contrasts, strict=True)
        ]

    def _contrast(self, item: RelevanceItem) -> Contrast | None:
        criteria = item.prompt.rubric.criteria if self.whole else (item.criterion,)
        return self.contrast(item.prompt, criteria)

    def _weigh(self, given: tuple[float, ...], without: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(
            _sigmoid(self.tau * (high - low - self.bias))
            for high, low in zip(given, without, strict=True)
        )


_Key = tuple[str | tuple[tuple[str, str], ...], tuple[int, ...]]
"""A prompt and the tokens of a response, to score each pair once."""


def _key(given: Asked, rollout: Rollout) -> _Key:
    if isinstance(given, str):
        return given, rollout.tokens
    return tuple((one["role"], one["content"]) for one in given), rollout.tokens


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else 1 - 1 / (1 + exp(x))
