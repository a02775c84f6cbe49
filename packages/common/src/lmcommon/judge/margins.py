"""log P(yes) - log P(no) of a statement about a response: what a log-probability judge looks at.

In: a model, items, a prompt. Out: a margin in nats an item, or why there is none. Two ways to read
it: the likelihoods of the two given words (models that `score`), or the alternatives at the first
generated token (any endpoint that tells log-probabilities; llama.cpp's and hosted ones do not
score). There the spellings of a word ("Yes", " yes") are added up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from lmcommon.judge.asking import failure_text
from lmcommon.judge.base import JudgeItem
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, ChatResponse, Message, Sampling, ScoreRequest
from lmcommon.prompt import Prompt

__all__ = ["Reads", "margins"]

Reads = Literal["continuation", "first_token"]

_TOP = 20
"""Alternatives that are asked for: the most that endpoints give."""


def margins(
    model: ChatModel, items: Sequence[JudgeItem], prompt: Prompt, *, reads: Reads = "continuation"
) -> list[float | str]:
    """Per item log P(yes) - log P(no) in nats, or the text of the failure.

    Args:
        model: It must `score` for "continuation"; for "first_token" it must tell log-probabilities.
        items: What is judged.
        prompt: Template with `{prompt}`, `{response}`, `{criterion}`.
        reads: Where the two probabilities come from.
    """
    asked = [
        (
            Message(
                "user",
                prompt.fill(
                    prompt=item.prompt, response=item.response, criterion=item.criterion.text
                ),
            ),
        )
        for item in items
    ]
    return (_of_first_token if reads == "first_token" else _of_continuations)(model, asked)


def _of_continuations(model: ChatModel, asked: Sequence[tuple[Message, ...]]) -> list[float | str]:
    requests = [
        ScoreRequest(messages=messages, continuation=word)
        for messages in asked
        for word in ("Yes", "No")
    ]
    responses = model.score(requests)
    told: list[float | str] = []
    for yes, no in zip(responses[::2], responses[1::2], strict=True):
        failure = yes.failure or no.failure
        if failure is not None:
            told.append(failure_text(failure.kind, failure.message))
        else:
            told.append(_usable(yes.logprob - no.logprob))
    return told


def _of_first_token(model: ChatModel, asked: Sequence[tuple[Message, ...]]) -> list[float | str]:
    sampling = Sampling(max_tokens=1, logprobs=True, top_logprobs=_TOP)
    responses = model.generate(
        [ChatRequest(messages=messages, sampling=sampling) for messages in asked]
    )
    return [_alternatives(response) for response in responses]


def _alternatives(response: ChatResponse) -> float | str:
    if response.failure is not None:
        return failure_text(response.failure.kind, response.failure.message)
    if not response.logprobs:
        return "the model told no log-probabilities"
    first = response.logprobs[0]
    top = dict(first.top)
    top.setdefault(first.token, first.logprob)
    yes, no = (_mass(top, word) for word in ("yes", "no"))
    if yes is None or no is None:
        seen = ", ".join(repr(token) for token in list(top)[:5])
        return f"expected yes and no among the {_TOP} likeliest tokens; got {seen} ..."
    return _usable(yes - no)


def _mass(top: dict[str, float], word: str) -> float | None:
    """Log of the summed probability of a word's spellings; None: it is not among them."""
    found = [logprob for token, logprob in top.items() if token.strip().lower() == word]
    if not found:
        return None
    most = max(found)
    return most + math.log(sum(math.exp(one - most) for one in found))


def _usable(margin: float) -> float | str:
    return "the model gave no usable log-probabilities" if math.isnan(margin) else margin
