"""Options of the stages, typed: what `settings` of `memtrace-attribute` may hold.

In: `settings.causal.max_replays=20` on the command line. Out: keyword arguments by stage.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from lmcommon.errors import UserError
from memtrace.attribution.tracing.types import TracingSettings

__all__ = ["CausalSettings", "StageSettings", "ValiditySettings", "WholeTraceSettings"]


@dataclass(kw_only=True)
class ValiditySettings:
    """The validity gate."""

    asks_model: bool = True
    """Whether judges are asked where the program is unsure, if there is a model."""


@dataclass(kw_only=True)
class CausalSettings:
    """Repair and replay."""

    draws: int | None = None
    """Replays of each set of repairs; null: one, or three where the model samples."""
    max_set: int = 3
    """How many operations a set may have."""
    max_replays: int = 30
    """How many replays a case may take."""

    def __post_init__(self) -> None:
        for key in ("draws", "max_set", "max_replays"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise UserError(f"settings.causal.{key}: expected at least 1; got {value!r}")


@dataclass(kw_only=True)
class WholeTraceSettings:
    """The whole trace in one prompt, a baseline."""

    max_tokens: int = 30_000
    """Of the prompt; the beginning of a longer trace is cut."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1000:
            raise UserError(
                f"settings.whole_trace.max_tokens: expected at least 1000, which instructions and "
                f"reply need; got {self.max_tokens!r}"
            )


@dataclass(kw_only=True)
class StageSettings:
    """All stages that have options."""

    validity: ValiditySettings = field(default_factory=ValiditySettings)
    tracing: TracingSettings = field(default_factory=TracingSettings)
    causal: CausalSettings = field(default_factory=CausalSettings)
    whole_trace: WholeTraceSettings = field(default_factory=WholeTraceSettings)
    flat_log: TracingSettings = field(default_factory=TracingSettings)
    plugins: dict[str, Any] = field(default_factory=dict)
    """Of stages that plug-ins bring: +settings.plugins.STAGE.OPTION=VALUE."""

    def by_stage(self) -> dict[str, dict[str, Any]]:
        """Keyword arguments of each stage."""
        body = asdict(self)
        plugins = body.pop("plugins")
        return {**body, **{name: dict(options or {}) for name, options in plugins.items()}}
