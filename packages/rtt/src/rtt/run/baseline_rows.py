"""What a run of rtt-baseline tells at its end: headline figures, a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rtt.train.bootstrap import mean_interval
from rtt.train.evaluation import Evaluation

__all__ = ["report", "told_at_the_end"]


def told_at_the_end(
    rows: Sequence[Mapping[str, Any]], final: Evaluation | None, *, label: str, seed: int,
    steps: int, counts: Mapping[str, int],
) -> dict[str, Any]:  # fmt: skip
    """Headline figures.

    Args:
        rows: Of `metrics.jsonl`.
        final: The last evaluation; None: nothing was held out.
        label: Name of the method.
        seed: Of the run.
        steps: Optimiser steps taken.
        counts: Where the recorded responses went.
    """
    losses = [row["loss"] for row in rows if "loss" in row]
    tail = losses[-10:]
    return {
        "method": label,
        "seed": seed,
        "steps": steps,
        "first_loss": losses[0] if losses else None,
        "late_loss": sum(tail) / len(tail) if tail else None,
        "base_all_satisfied": rows[0].get("heldout_all_satisfied") if rows else None,
        "all_satisfied": final.all_satisfied if final else None,
        "all_satisfied_95": list(mean_interval(final.per_prompt)) if final else None,
        "satisfied_rate": final.satisfied_rate if final else None,
        "unscored": final.unscored if final else 0,
        "data": dict(counts),
    }


def report(figures: Mapping[str, Any]) -> str:
    """The run in words."""
    counts = ", ".join(f"{name} {count}" for name, count in figures["data"].items())
    lines = [f"# {figures['method']}, seed {figures['seed']}", "",
             f"{figures['steps']} optimiser steps. Responses: {counts}."]  # fmt: skip
    if figures["first_loss"] is not None:
        lines.append(
            f"Loss {figures['first_loss']:.4f} at first, {figures['late_loss']:.4f} over the last "
            "ten steps."
        )
    if figures["all_satisfied"] is None:
        lines.append("Nothing was held out.")
    else:
        low, high = figures["all_satisfied_95"]
        before = figures["base_all_satisfied"]
        lines.append(
            f"{figures['all_satisfied']:.1%} of the responses to held-out prompts satisfy every "
            f"criterion (95 % interval over prompts {low:.1%} to {high:.1%})"
            + ("." if before is None else f"; before, {before:.1%}.")
        )
    return "\n".join(lines) + "\n"
