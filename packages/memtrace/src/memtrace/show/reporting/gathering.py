"""Everything that finished runs hold of each memory system, put together.

In: paths (see `reading`). Out: a `Studied` a system, data set and model: every question with what
came of it, and for a wrong answer what was blamed. A verdict of `memtrace-attribute` goes before
the one that `memtrace-trace` wrote on the way; a wrong answer without either is attributed here, by
program (`llm_free`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.attribution.reader import TraceReader
from memtrace.graph.reading.trace import open as open_trace
from memtrace.scoring.outcomes import Outcome
from memtrace.scoring.sources.asked import asked_questions
from memtrace.show.reporting.costs import costs_of
from memtrace.show.reporting.questions import (
    blamed,
    of_episodes,
    of_outcome,
    of_trace,
    own_verdict,
    verdicts_on,
)
from memtrace.show.reporting.reading import (
    Pointed,
    episodes_of,
    json_of,
    outcomes_of,
    own_rows,
    pointed,
)
from memtrace.show.reporting.types import Asked, Spending, Studied

__all__ = ["gather"]

_Key = tuple[str, str, str]


@dataclass
class _Part:
    """What is known of a system, data set and model so far."""

    runs: dict[str, None] = field(default_factory=dict)
    traces: dict[Path, None] = field(default_factory=dict)
    versions: dict[str, dict[str, None]] = field(default_factory=dict)
    seeds: dict[str, None] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    costs: dict[str, Spending] = field(default_factory=dict)
    is_whole: bool = True


def gather(paths: Sequence[str | Path], method: str | None = None) -> list[Studied]:
    """Read finished runs and traces.

    Args:
        paths: See `reading.pointed`.
        method: Of runs of memtrace-attribute with several methods: whose verdicts to take.

    Returns:
        One entry a system, data set and model, in the order they were met.

    Raises:
        UserError: Nothing is there, or no question was asked or judged.
        DataError: A row is malformed.
    """
    found = pointed(paths)
    parts: dict[_Key, _Part] = {}
    said = {one.folder: outcomes_of(one.folder, method) for one in found.attributed}
    for trace in found.traces:
        _add_trace(parts, trace, found, said)
    for one in found.attributed:
        if not one.traces:
            _add_outcomes(parts, one.folder, said[one.folder])
    studied = [_studied(key, part) for key, part in parts.items()]
    if not any(one.asked for one in studied):
        shown = ", ".join(map(str, paths))
        raise UserError(f"runs: expected questions that were asked and judged; got none in {shown}")
    return [one for one in studied if one.asked]


def _studied(key: _Key, part: _Part) -> Studied:
    system, data, model = key
    asked = _told_apart(part.asked)
    spent = Spending()
    for one in asked:
        cost = (one.attribution or {}).get("cost") or {}
        spent += Spending(
            count=int(cost.get("replays", 0)), calls=int(cost.get("model_calls", 0)),
            prompt_tokens=int(cost.get("prompt_tokens", 0)),
            completion_tokens=int(cost.get("completion_tokens", 0)),
            cost_usd=float(cost.get("cost_usd", 0.0)), ms=float(cost.get("time_ms", 0.0)),
        )  # fmt: skip
    versions = {name: " and ".join(found) for name, found in part.versions.items()}
    return Studied(
        system=system, data=data, model=model, runs=tuple(part.runs), traces=tuple(part.traces),
        versions=versions, seeds=tuple(part.seeds), asked=asked, costs=part.costs,
        attributing=spent, is_whole=part.is_whole,
    )  # fmt: skip


def _told_apart(asked: Sequence[Asked]) -> tuple[Asked, ...]:
    """Of several traces, ids begin with the run's folder, as those of memtrace-attribute do."""
    folders = {one.trace.parent for one in asked if one.trace is not None}
    if len({one.trace for one in asked if one.trace is not None}) < 2:
        return tuple(asked)
    is_clear = len({folder.name for folder in folders}) == len(folders)
    return tuple(
        one if one.trace is None else replace(
            one, id=f"{one.trace.parent.name if is_clear else one.trace.parent}/{one.id}"
        )
        for one in asked
    )  # fmt: skip


def _add_trace(
    parts: dict[_Key, _Part], path: Path, found: Pointed, said: Mapping[Path, list[Outcome]]
) -> None:
    over = verdicts_on(path, found.attributed, said)
    if not path.is_file():
        raise UserError(f"{path}: expected the trace of the run; it is gone")
    with open_trace(path) as trace:
        reader = TraceReader(trace)
        told = {one.told.answer: one for one in asked_questions(trace)}
        summary, manifest = (json_of(path.parent / f"{n}.json") for n in ("summary", "manifest"))
        episodes, own = episodes_of(path), own_rows(path)
        is_run = bool(episodes)
        rows = of_episodes(path, episodes, told) if is_run else of_trace(path, reader, told)
        costs, metadata = costs_of(trace), trace.metadata
        for asked, key in rows:
            about = _about(metadata, asked.id)
            data = _data_of(summary, manifest) if is_run else path.stem
            model = about.get("model", {}).get("name") or summary.get("model") or "-"
            part = parts.setdefault((asked.system, data, str(model)), _Part())
            if path not in part.traces:
                part.traces[path] = None
                for name, spent in costs.get(asked.system, {}).items():
                    part.costs[name] = part.costs.get(name, Spending()) + spent
            part.runs[str(path.parent if is_run else path)] = None
            for name, one in {**_recorder(metadata), **about.get("versions", {})}.items():
                part.versions.setdefault(name, {})[str(one)] = None
            part.seeds[str(manifest.get("seed", metadata.get("seed", "-")))] = None
            part.runs |= {str(one.folder): None for one in found.attributed if path in one.traces}
            over_it = over.get(asked.id)
            verdict = (
                over_it
                if over_it and over_it.body
                else own_verdict(own, key, asked.answer) or over_it
            )
            part.asked.append(blamed(asked, verdict, reader, told))


def _add_outcomes(parts: dict[_Key, _Part], folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Cases whose traces are not there: only failures are known."""
    for outcome in outcomes:
        groups = outcome.groups
        system = groups.get("system") or groups.get("pipeline") or "-"
        data = groups.get("dataset") or "cases handed in"
        part = parts.setdefault((system, data, "-"), _Part(is_whole=False))
        part.runs[str(folder)] = None
        part.seeds[str(json_of(folder / "manifest.json").get("seed", "-"))] = None
        part.asked.append(of_outcome(outcome, system))


def _about(metadata: Mapping[str, Any], case: str) -> Mapping[str, Any]:
    """What the trace says of the memory of a case."""
    scope = case
    while scope:
        if isinstance(found := metadata.get(f"system {scope}"), dict):
            return found
        scope = scope.rpartition("/")[0]
    return {}


def _recorder(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Versions of what recorded the trace."""
    sessions = metadata.get("sessions") or [{}]
    return dict(sessions[-1].get("versions") or {})


def _data_of(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """The data set of a run of memtrace-trace."""
    if summary.get("data"):
        return str(summary["data"])
    chosen = [one.partition("=")[2] for one in manifest.get("overrides", ())
              if str(one).startswith("data=")]  # fmt: skip
    return str(chosen[-1]) if chosen else "an unnamed data set"
