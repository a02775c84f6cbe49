"""What goes into a chat model and what comes out: the wire types of `lmcommon.llm`.

All records are frozen. A failed call is a `ChatResponse` with `failure` set, never an exception
and never an empty text: whoever consumes it must treat the item as unscored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lmcommon.rng import seed_for

__all__ = [
    "ChatRequest", "ChatResponse", "FailureKind", "FinishReason", "Message", "ModelFailure",
    "Role", "Sampling", "ScoreRequest", "ScoreResponse", "TokenLogprob", "Usage", "chat",
]  # fmt: skip

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "error"]
FailureKind = Literal[
    "timeout", "connection", "rate_limit", "server", "bad_request", "too_long",
    "invalid_output", "budget", "replay_miss", "unsupported", "internal",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message. Example: `Message("user", "Where does Ana live?")`."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to decode; greedy unless told. Example: `Sampling(temperature=0.7, max_tokens=64)`."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    """None leaves it off. Endpoints without the parameter answer with a `bad_request` failure."""
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: bool = False
    """Return the log-probability of every generated token."""
    top_logprobs: int = 0
    """With `logprobs`: also this many alternatives a token (0 to 20)."""

    def __post_init__(self) -> None:
        stop: object = self.stop  # a text is a sequence of texts too, and would cut everywhere
        checks = {
            "temperature >= 0": self.temperature >= 0,
            "0 < top_p <= 1": 0 < self.top_p <= 1,
            "top_k is None or >= 1": self.top_k is None or self.top_k >= 1,
            "max_tokens >= 1": self.max_tokens >= 1,
            "stop, a tuple of texts": not isinstance(stop, str),
            "0 <= top_logprobs <= 20": 0 <= self.top_logprobs <= 20,
        }
        if failed := [rule for rule, holds in checks.items() if not holds]:
            raise ValueError(f"sampling: expected {', '.join(failed)}; got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One generation to make.

    Example:
        `ChatRequest(messages=(Message("user", "Hello!"),), sampling=Sampling(max_tokens=8))`
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    schema: Mapping[str, Any] | None = None
    """A JSON schema the reply must satisfy; the reply's value is then in `ChatResponse.parsed`."""
    draw: int = 0
    """Which independent sample this is: part of the cache key, and of the seed if one is set."""

    def __post_init__(self) -> None:
        if not self.messages:
            raise ValueError("a chat request needs at least one message; got none")

    @property
    def effective_seed(self) -> int | None:
        """The seed to decode with: the sampling seed for draw 0, one derived from it for others.

        None when no seed is set. Below 2**31, which every engine takes.
        """
        seed = self.sampling.seed
        if seed is None or self.draw == 0:
            return seed
        return seed_for(seed, "draw", self.draw) & 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A generated (or scored) token with its natural-log probability."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest alternatives at this place, best first, when they were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a call cost. Adds up with `+`."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    """Calls that reached a model (a cached answer counts 0, a retried one every attempt)."""
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            calls=self.calls + other.calls,
            cost_usd=self.cost_usd + other.cost_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailure:
    """Why there is no answer."""

    kind: FailureKind
    message: str
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatResponse:
    """The answer to one `ChatRequest`, or why there is none."""

    text: str = ""
    """The reply; with a failure, whatever came (may be empty)."""
    finish_reason: FinishReason = "stop"
    usage: Usage = Usage()
    logprobs: tuple[TokenLogprob, ...] | None = None
    parsed: Any = None
    """The JSON value of the reply when a schema was given and satisfied."""
    failure: ModelFailure | None = None
    model: str = ""
    latency_ms: float = 0.0
    cached: bool = False

    @property
    def ok(self) -> bool:
        """Whether the reply can be used."""
        return self.failure is None

    @classmethod
    def failed(cls, kind: FailureKind, message: str, *, model: str = "", text: str = "",
               attempts: int = 1, usage: Usage = Usage()) -> ChatResponse:  # fmt: skip
        """A response that carries only a failure."""
        return cls(
            text=text, finish_reason="error", usage=usage, model=model,
            failure=ModelFailure(kind=kind, message=message, attempts=attempts),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """How likely is `continuation` as the assistant's reply to `messages`?

    Works with small models where asking fails: compare the score of a gold answer under two
    contexts, or of "yes" and "no" under one.
    """

    messages: tuple[Message, ...]
    """Context. Empty: score `continuation` as plain text from its start (passage likelihood)."""
    continuation: str

    def __post_init__(self) -> None:
        if not self.continuation:
            raise ValueError("a score request needs a continuation; got an empty string")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreResponse:
    """Log-probabilities of a given continuation, in nats."""

    tokens: tuple[TokenLogprob, ...] = ()
    usage: Usage = Usage()
    failure: ModelFailure | None = None
    model: str = ""
    cached: bool = False

    @property
    def ok(self) -> bool:
        """Whether there is a score."""
        return self.failure is None

    @property
    def logprob(self) -> float:
        """Sum over the tokens; NaN for a failed call, so that it can never pass for a score."""
        return sum(t.logprob for t in self.tokens) if self.ok else float("nan")

    @property
    def mean_logprob(self) -> float:
        """Mean per token; NaN for a failed call or no tokens."""
        return self.logprob / len(self.tokens) if self.tokens else float("nan")


def chat(user: str, *, system: str | None = None, sampling: Sampling | None = None,
         schema: Mapping[str, Any] | None = None, draw: int = 0) -> ChatRequest:  # fmt: skip
    """Shorthand for a request with one user message and perhaps a system message."""
    head = (Message("system", system),) if system is not None else ()
    return ChatRequest(
        messages=(*head, Message("user", user)), sampling=sampling or Sampling(), schema=schema,
        draw=draw,
    )  # fmt: skip
