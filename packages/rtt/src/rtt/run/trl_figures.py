"""The headline figures of a TRL run, from its rows of metrics and the last evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rtt.train.evaluation import Evaluation

if TYPE_CHECKING:
    from rtt.run.train_trl import TrlRun

__all__ = ["run_figures", "run_report"]


def run_figures(
    config: TrlRun, rows: list[dict[str, Any]], final: Evaluation | None
) -> dict[str, Any]:
    """The figures that the verb prints last.

    Args:
        config: Of the verb.
        rows: Of `metrics.jsonl`.
        final: The last evaluation; None: none was made.
    """
    from rtt.train.bootstrap import mean_interval

    shares = final.per_prompt if final else ()
    steps = [row for row in rows if "loss" in row]
    rewards = [row["reward"] for row in steps if row.get("reward") is not None]
    speeds = sorted(row["tokens_per_s"] for row in steps if "tokens_per_s" in row)
    tail = rewards[-10:]
    return {
        "method": config.credit.label,
        "seed": config.seed,
        "steps": steps[-1]["step"] if steps else 0,
        "first_reward": rewards[0] if rewards else None,
        "late_reward": sum(tail) / len(tail) if tail else None,
        "base_all_satisfied": rows[0].get("heldout_all_satisfied") if rows else None,
        "all_satisfied": final.all_satisfied if final and shares else None,
        "all_satisfied_95": list(mean_interval(shares)) if shares else None,
        "satisfied_rate": final.satisfied_rate if final and shares else None,
        "unscored": int(sum(row.get("unscored") or 0 for row in steps))
        + (final.unscored if final else 0),
        "step_s": _median([sum(row.get(f"{name}_s") or 0 for name in _PHASES) for row in steps]),
        **{f"{name}_s": _median([row.get(f"{name}_s") or 0 for row in steps]) for name in _PHASES},
        "tokens_per_s": speeds[len(speeds) // 2] if speeds else None,
    }


_PHASES = ("rollout", "sync", "verdict", "relevance", "credit", "update")


def _median(values: list[float]) -> float | None:
    return round(sorted(values)[len(values) // 2], 4) if values else None


def run_report(figures: Mapping[str, Any]) -> str:
    """The same in a sentence or two, for `report.md`."""

    def share(name: str) -> str:
        value = figures[name]
        return "not measured" if value is None else f"{value:.1%}"

    return (
        f"# {figures['method']} with TRL, seed {figures['seed']}\n\n"
        f"After {figures['steps']} optimiser steps, {share('all_satisfied')} of the responses to "
        f"held-out prompts satisfy every criterion; before, {share('base_all_satisfied')}. "
        f"Mean training reward of the last ten steps: {share('late_reward')}. "
        f"Unscored: {figures['unscored']}.\n"
    )
