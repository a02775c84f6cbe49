"""Configuration of language models: one dataclass an implementation, each with `build()`.

`LLM_SCHEMAS` is the group `llm` of every verb. All share the options of `ModelConfig`: a record
and replay cache, and a budget. `build()` stacks them as cache over meter over model, so that a
cached answer costs nothing. Nothing is loaded, opened or called before it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Budget, Meter, MeteredModel

__all__ = [
    "LLM_SCHEMAS",
    "BudgetConfig",
    "CacheConfig",
    "ModelConfig",
    "ScriptedConfig",
    "choose",
]


def choose(key: str, value: str, options: Sequence[str]) -> None:
    """Raise `UserError` unless `value` is one of `options`."""
    if value not in options:
        raise UserError(f"{key}: expected one of {', '.join(options)}; got {value!r}")


@dataclass(kw_only=True)
class CacheConfig:
    """Record and replay. Off while `path` is null."""

    path: str | None = None
    """SQLite file, made when missing; `~` is expanded."""
    mode: str = "record"
    """record: use what is there, call and store the rest. replay: never call, a miss is a failed
    item. refuse: never call, a miss stops the run. refresh: always call and store anew."""

    def __post_init__(self) -> None:
        choose("cache.mode", self.mode, ("record", "replay", "refuse", "refresh"))


@dataclass(kw_only=True)
class BudgetConfig:
    """Hard limits on what a run may spend; null leaves one off."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None

    def __post_init__(self) -> None:
        for key in ("usd", "tokens", "calls"):
            value = getattr(self, key)
            if value is not None and value < 0:
                raise UserError(f"budget.{key}: expected a number >= 0 or null; got {value!r}")

    def build(self) -> Budget:
        """The limits as `Budget`."""
        return Budget(usd=self.usd, tokens=self.tokens, calls=self.calls)


@dataclass(kw_only=True)
class ModelConfig:
    """What every language model can be given. Implementations add their own keys."""

    cache: CacheConfig = field(default_factory=CacheConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)

    def build(self, meter: Meter | None = None) -> ChatModel:
        """Construct the model.

        Args:
            meter: Counts and limits several models together; this config's own `budget` must then
                be empty. None: a meter of its own with `budget`.

        Raises:
            UserError: Two budgets, or options that do not go together.
        """
        limits = self.budget.build()
        if meter is not None and limits != Budget():
            raise UserError("budget: a shared meter is in use; set its limits, not this model's")
        model = self.metered(meter if meter is not None else Meter(limits))
        if self.cache.path is None:
            return model
        from lmcommon.llm.cache import CachedModel

        return CachedModel(model, self.cache.path, mode=self.cache.mode)

    def metered(self, meter: Meter) -> ChatModel:
        """The model under `meter`. Clients that meter every attempt themselves override this."""
        return MeteredModel(self.model(), meter)

    def model(self) -> ChatModel:
        """The bare model, without meter and cache."""
        raise TypeError(f"{type(self).__name__} must define model()")


@dataclass(kw_only=True)
class ScriptedConfig(ModelConfig):
    """Fixed replies, to rehearse a run without a model."""

    replies: dict[str, str] = field(default_factory=lambda: {"": "I do not know."})
    """Reply by what the last message holds; see `lmcommon.llm.scripted.ScriptedModel`."""
    name: str = "scripted"

    def model(self) -> ChatModel:
        """The scripted model."""
        from lmcommon.llm.scripted import ScriptedModel

        return ScriptedModel(dict(self.replies), name=self.name)


LLM_SCHEMAS: Mapping[str, type[Any]] = MappingProxyType({"scripted": ScriptedConfig})
"""Option of the group `llm` to its schema."""
