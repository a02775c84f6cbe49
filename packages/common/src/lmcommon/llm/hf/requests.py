"""Requests to token ids, or to the failure that says why they cannot be run."""

from __future__ import annotations

from lmcommon.llm.hf.tokens import ChatTokens
from lmcommon.llm.types import ChatRequest, ModelFailure, ScoreRequest

__all__ = ["prompt_ids", "scored_ids"]


def prompt_ids(request: ChatRequest, tokens: ChatTokens, context: int) -> list[int] | ModelFailure:
    """The prompt of a generation, if it and the longest reply fit into `context` tokens.

    Raises:
        UserError: The model has no chat template.
    """
    try:
        ids = tokens.prompt(request.messages)
    except ValueError as error:
        return ModelFailure(kind="bad_request", message=str(error))
    return _too_long(len(ids), request.sampling.max_tokens, context) or ids


def scored_ids(
    request: ScoreRequest, tokens: ChatTokens, context: int
) -> tuple[list[int], list[int]] | ModelFailure:
    """Context and continuation, if both fit into `context` tokens.

    Raises:
        UserError: The model has no chat template.
    """
    try:
        before, continuation = tokens.scored(request)
    except ValueError as error:
        return ModelFailure(kind="bad_request", message=str(error))
    return _too_long(len(before), len(continuation), context) or (before, continuation)


def _too_long(prompt: int, reply: int, context: int) -> ModelFailure | None:
    if prompt + reply <= context:
        return None
    return ModelFailure(
        kind="too_long",
        message=f"{prompt} tokens of prompt and {reply} of reply exceed the context of {context}",
    )
