"""What an optimisation came to, with its measures, for whoever goes on from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lmcommon.llm.tally import Spent
from memtrace.memory.applying import apply_prompts
from memtrace.optimizing.advising import Advice
from memtrace.optimizing.comparing import Compared
from memtrace.optimizing.types import Optimization, Splits

__all__ = ["Optimized"]

Target = TypeVar("Target")


@dataclass(frozen=True, kw_only=True)
class Optimized:
    """The best prompts, and by what evidence.

    Example: `optimize("runs/.../trace.db", reflection_model=model, folder="runs/mine").prompts`
    """

    optimization: Optimization
    splits: Splits
    folder: Path
    """Where everything lies; what loads the prompts takes it."""
    system: Mapping[str, Any]
    """How the memories were built, as the trace tells."""
    trace: Path
    held_out: Compared | None = None
    """The first and the best version on the locked questions; None: there are none."""
    by_type: Mapping[str, Compared] = field(default_factory=dict)
    held_out_calls: int = 0
    """Metric calls for it, which the loop's do not hold."""
    advice: Advice | None = None
    """None: it was not asked for."""
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """Calls that reached a model, by role, all attempts together."""

    @property
    def prompts(self) -> dict[str, str]:
        """The best text of every prompt."""
        return dict(self.optimization.best)

    best = prompts

    @property
    def accepted(self) -> int:
        """Versions that replaced their parent."""
        return len(self.optimization.accepted)

    @property
    def report_path(self) -> Path:
        """The report as one HTML file."""
        return self.folder / "report.html"

    def apply(self, target: Target) -> Target:
        """Give the prompts to a system; see `memtrace.apply_prompts`."""
        return apply_prompts(target, self.prompts)

    @property
    def figures(self) -> dict[str, Any]:
        """Headline figures, JSON-able."""
        done = self.optimization
        total = sum(self.spent.values(), Spent())
        reflection = self.spent.get("reflection", Spent())
        return {
            "method": done.method, "seed_validation": done.seed_validation,
            "best_validation": done.best_validation,
            "held_out": None if self.held_out is None else self.held_out.to_dict(),
            "accepted": self.accepted, "versions": len(done.versions),
            "changed": list(done.changed), "metric_calls": done.spending.metric_calls,
            "held_out_metric_calls": self.held_out_calls,
            "advice_metric_calls": 0 if self.advice is None else self.advice.metric_calls,
            "model_calls": total.calls - reflection.calls, "reflection_calls": reflection.calls,
            "cost_usd": round(total.cost_usd, 6), "stopped": done.stopped,
            "folder": str(self.folder),
        }  # fmt: skip
