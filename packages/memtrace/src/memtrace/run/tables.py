"""The figures of a run: per system for people, all together for the summary line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lmcommon.llm.tally import Spent
from memtrace.attribution.taxonomy import ErrorType
from memtrace.run.pipeline import Results

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["as_table", "cost_line", "cost_of", "headline", "overview"]


def overview(results: Results, systems: Iterable[str]) -> list[dict[str, str]]:
    """One row a system: answers, and where the wrong ones were lost."""
    return [_row(results, system) for system in systems]


def headline(results: Results) -> dict[str, Any]:
    """JSON-able figures of the whole run."""
    episodes = results.episodes
    verdicts = results.verdicts.values()
    failures = sum(episode.is_failure for episode in episodes)
    unscored = sum(episode.is_unscored for episode in episodes)
    return {
        "questions": len(episodes),
        "correct": len(episodes) - failures - unscored,
        "failures": failures,
        "unscored": unscored,
        "kept_from_before": results.kept,
        "abstained": sum(verdict.abstained for verdict in verdicts),
        "blamed": _counts(v.suspects[0].name or "none" for v in verdicts if not v.abstained),
        "error_types": _counts(str(v.error_type) for v in verdicts if not v.abstained),
        "prompt_tokens": sum(episode.prompt_tokens for episode in episodes),
        "completion_tokens": sum(episode.completion_tokens for episode in episodes),
        "model_calls": sum(episode.model_calls for episode in episodes),
        "cost_usd": round(sum(episode.cost_usd for episode in episodes), 6),
        "seconds": {name: round(spent, 1) for name, spent in results.seconds.items()},
    }


def cost_of(results: Results, wall_s: float) -> dict[str, Any]:
    """What the run cost, all attempts and processes together; `wall_s` is of this attempt."""
    rows = results.costs
    sums = {key: sum(row[key] for row in rows) for key in Spent().to_dict()}
    sums["cost_usd"] = round(sums["cost_usd"], 6)
    return {**sums, "seconds": round(sum(row["seconds"] for row in rows), 1), "wall_s": wall_s}


def cost_line(cost: Mapping[str, Any]) -> str:
    """The same for people."""
    tokens = cost["prompt_tokens"] + cost["completion_tokens"]
    return (
        f"cost: {cost['calls']} calls, {cost['cached']} cached, {tokens} tokens "
        f"({cost['prompt_tokens']} in, {cost['completion_tokens']} out), "
        f"{cost['cost_usd']:.4f} USD, {cost['seconds']:.1f} s of work in {cost['wall_s']:.1f} s"
    )


def as_table(rows: list[dict[str, str]], title: str) -> Table:
    """The rows for the terminal."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in rows[0] if rows else ():
        table.add_column(column, overflow="fold", no_wrap=column != "operations blamed")
    for row in rows:
        table.add_row(*row.values())
    return table


def _row(results: Results, system: str) -> dict[str, str]:
    episodes = results.of(system)
    verdicts = [v for key, v in results.verdicts.items() if key[0] == system]
    failures = sum(episode.is_failure for episode in episodes)
    unscored = sum(episode.is_unscored for episode in episodes)
    types = Counter(verdict.error_type for verdict in verdicts)
    blamed = _counts(v.suspects[0].name or "none" for v in verdicts if not v.abstained)
    seconds = results.seconds.get(system)
    return {
        "system": system,
        "asked": str(len(episodes)),
        "right": str(len(episodes) - failures - unscored),
        "wrong": str(failures),
        "unscored": str(unscored),
        **{kind.value: str(types[kind]) for kind in ErrorType if _shown(kind, results)},
        "abstained": str(sum(verdict.abstained for verdict in verdicts)),
        "operations blamed": ", ".join(f"{name} {n}" for name, n in blamed.items()) or "-",
        "seconds": "-" if seconds is None else f"{seconds:.1f}",
    }


def _shown(kind: ErrorType, results: Results) -> bool:
    """A column only for error types that occur."""
    return any(verdict.error_type is kind for verdict in results.verdicts.values())


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def facts_line(facts: Mapping[str, str]) -> str:
    """Label and text pairs as one Markdown line."""
    return ", ".join(f"{label}: {text}" for label, text in facts.items())
