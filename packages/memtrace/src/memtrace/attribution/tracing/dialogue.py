"""Turn by turn: ask the model, act on its reply, within a hard budget.

In: an environment (what the model sees, what its actions do), a model, a purse. Out: how the sample
ended. A failed call ends the sample unscored; a reply that is no valid action is answered with what
is wrong; when the budget is spent, the best guess so far counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import estimate_chat
from lmcommon.llm.tally import Tally
from lmcommon.llm.types import ChatRequest, ChatResponse, Message, Sampling
from memtrace.attribution.tracing.types import Ending, Finding

__all__ = ["Environment", "Purse", "converse"]

_MALFORMED = 3
"""Malformed replies in a row after which a model is thought unable to do it."""


class Environment(Protocol):
    """What a model sees and does."""

    best: Finding | None
    """Its best guess so far."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of a reply."""
        ...

    def messages(self, turn: int, left: str, *, is_last: bool) -> tuple[Message, ...]:
        """What the model is shown in a turn."""
        ...

    def act(self, reply: Mapping[str, Any]) -> Finding | None:
        """Do what it asked for; a finding ends the conversation."""
        ...

    def refuse(self, problem: str) -> None:
        """Tell it that its reply was no action."""
        ...


class Purse:
    """A budget of calls and tokens that is never overdrawn.

    Replies from a cache are charged as if they had been made, so that asking once more goes the
    same way; `tally` counts what was really spent.

    Args:
        calls: Model calls.
        tokens: Prompt and completion tokens.
    """

    def __init__(self, calls: int, tokens: int) -> None:
        self.calls, self.tokens = calls, tokens
        self.tally = Tally()

    def covers(self, request: ChatRequest, *, calls: int) -> bool:
        """Whether this many calls such as this one fit, were they as long as they can be."""
        estimate = estimate_chat(request)
        tokens = estimate.prompt_tokens + estimate.completion_tokens
        return self.calls >= calls and self.tokens >= tokens * calls + 64 * (calls - 1)

    def pay(self, response: ChatResponse) -> None:
        """Charge a call."""
        usage = response.usage
        self.calls -= max(usage.calls, 1)
        self.tokens -= usage.prompt_tokens + usage.completion_tokens
        self.tally.count([response])

    def share(self, among: int) -> Purse:
        """An equal part of what is left, as a purse of its own."""
        return Purse(self.calls // among, self.tokens // among)

    def take_back(self, part: Purse, given: Purse) -> None:
        """Charge what a part has spent of what it was given."""
        self.calls -= given.calls - part.calls
        self.tokens -= given.tokens - part.tokens


def converse(
    environment: Environment, model: ChatModel, purse: Purse, sampling: Sampling, *, draw: int,
    log: list[dict[str, object]],
) -> Ending:  # fmt: skip
    """Hold one conversation.

    Args:
        environment: What the model sees and does.
        model: Whom to ask.
        purse: What it may cost. A reply that has to be repaired costs two calls, so a turn is
            begun only if two fit, and the verdict is asked for while they still do.
        sampling: How to decode.
        draw: Which independent sample this is.
        log: Gains a row a turn.
    """
    turn = malformed = 0
    failure = "the budget does not cover a single call"
    while True:
        request = ChatRequest(
            messages=environment.messages(turn + 1, _left(purse), is_last=False),
            sampling=sampling, schema=environment.schema, draw=draw,
        )  # fmt: skip
        if not purse.covers(request, calls=4):
            shown = environment.messages(turn + 1, "this is your last turn", is_last=True)
            request = replace(request, messages=shown)
        if not purse.covers(request, calls=2) and not (
            turn == 0 and purse.covers(request, calls=1)
        ):
            break
        turn += 1
        response = model.generate([request])[0]
        purse.pay(response)
        log.append(_row(draw, turn, request, response))
        failure = "the budget is spent, and no guess was made"
        if response.failure is not None and response.failure.kind != "invalid_output":
            failure = f"{response.failure.kind}: {response.failure.message}"
            break
        if response.failure is not None or not isinstance(response.parsed, Mapping):
            malformed += 1
            problem = response.failure.message if response.failure else "it was no JSON object"
            if malformed >= _MALFORMED:
                failure = f"{malformed} malformed replies in a row; the last: {problem}"
                break
            environment.refuse(problem)
            continue
        malformed = 0
        finding = environment.act(response.parsed)
        if finding is not None:
            return Ending(finding=finding, turns=turn, spent=purse.tally.take())
    best = environment.best
    if best is not None and failure.startswith("the budget"):
        finding = replace(best, is_provisional=True)
        return Ending(finding=finding, turns=turn, spent=purse.tally.take())
    return Ending(failure=failure, turns=turn, spent=purse.tally.take())


def _left(purse: Purse) -> str:
    return f"{purse.calls} calls left"


def _row(draw: int, turn: int, request: ChatRequest, response: ChatResponse) -> dict[str, object]:
    """A line of the transcript. The system prompt, equal in every turn, is left out."""
    failure = response.failure
    return {
        "sample": draw, "turn": turn, "model": response.model,
        "shown": request.messages[-1].content, "reply": response.text,
        "failure": None if failure is None else f"{failure.kind}: {failure.message}",
        "prompt_tokens": response.usage.prompt_tokens,
        "completion_tokens": response.usage.completion_tokens, "cached": response.cached,
    }  # fmt: skip
