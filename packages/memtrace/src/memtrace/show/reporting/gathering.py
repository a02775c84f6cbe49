"""Everything that finished runs hold of each memory system, put together.

In: paths (see `reading`). Out: a `Studied` a system, data set and model: every question with what
came of it, and for a wrong answer what was blamed. A verdict of `memtrace-attribute` goes before
the one that `memtrace-trace` wrote on the way; a wrong answer without either is attributed here, by
program (`llm_free`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.attribution.attributing import examine
from memtrace.attribution.reader import TraceReader
from memtrace.graph.reading.trace import open as open_trace
from memtrace.scoring.analysis import failure_of
from memtrace.scoring.outcomes import Outcome
from memtrace.scoring.sources.asked import AskedQuestion, asked_questions
from memtrace.show.reporting.costs import costs_of
from memtrace.show.reporting.losses import losses_of, prompt_of, settings_of
from memtrace.show.reporting.reading import (
    Attributed,
    Pointed,
    episodes_of,
    json_of,
    outcomes_of,
    own_rows,
    pointed,
)
from memtrace.show.reporting.types import Asked, Spending, State, Studied

__all__ = ["gather"]

_BY_PROGRAM = "llm_free"
_Key = tuple[str, str, str]


@dataclass
class _Part:
    """What is known of a system, data set and model so far."""

    runs: dict[str, None] = field(default_factory=dict)
    traces: dict[Path, None] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, None] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    costs: dict[str, Spending] = field(default_factory=dict)
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class _Found:
    """An attribution, and what made it."""

    method: str
    body: Mapping[str, Any] | None
    obstacle: str = ""


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
    return Studied(
        system=system, data=data, model=model, runs=tuple(part.runs), traces=tuple(part.traces),
        versions=part.versions, seeds=tuple(part.seeds), asked=asked, costs=part.costs,
        attributing=spent, is_whole=part.is_whole,
    )  # fmt: skip


def _told_apart(asked: Sequence[Asked]) -> tuple[Asked, ...]:
    """Of several traces, ids begin with the name of the run's folder, as memtrace-attribute does."""
    traces = {one.trace for one in asked if one.trace is not None}
    if len(traces) < 2:
        return tuple(asked)
    return tuple(
        one if one.trace is None else replace(one, id=f"{one.trace.parent.name}/{one.id}")
        for one in asked
    )


def _add_trace(
    parts: dict[_Key, _Part], path: Path, found: Pointed, said: Mapping[Path, list[Outcome]]
) -> None:
    over = _by_case(path, found.attributed, said)
    if not path.is_file():
        raise UserError(f"{path}: expected the trace of the run; it is gone")
    with open_trace(path) as trace:
        reader = TraceReader(trace)
        told = {one.told.answer: one for one in asked_questions(trace)}
        summary, manifest = (json_of(path.parent / f"{n}.json") for n in ("summary", "manifest"))
        episodes, own = episodes_of(path), own_rows(path)
        is_run = bool(episodes)
        rows = _of_episodes(path, episodes, told) if is_run else _of_trace(path, reader, told)
        costs = costs_of(trace)
        for asked, key in rows:
            about = _about(trace.metadata, asked.id)
            data = _data_of(summary, manifest) if is_run else path.stem
            model = about.get("model", {}).get("name") or summary.get("model") or "-"
            part = parts.setdefault((asked.system, data, str(model)), _Part())
            if path not in part.traces:
                part.traces[path] = None
                for name, spent in costs.get(asked.system, {}).items():
                    part.costs[name] = part.costs.get(name, Spending()) + spent
            part.runs[str(path.parent if is_run else path)] = None
            part.versions |= {**_recorder(trace.metadata), **about.get("versions", {})}
            part.seeds[str(manifest.get("seed", trace.metadata.get("seed", "-")))] = None
            part.runs |= {str(one.folder): None for one in found.attributed if path in one.traces}
            verdict = over.get(asked.id) or _own(own, key)
            part.asked.append(_blamed(asked, verdict, reader, told))


def _of_episodes(
    path: Path, episodes: Sequence[Any], told: Mapping[str, AskedQuestion]
) -> Iterator[tuple[Asked, tuple[str, ...]]]:
    for episode in episodes:
        state: State = "unscored" if episode.is_unscored else (
            "wrong" if episode.is_failure else "right"
        )  # fmt: skip
        known = told.get(episode.answer or "")
        scope = known.scope if known else f"{episode.system}/{episode.conversation}"
        name = known.id if known else episode.question
        verdict = episode.verdict
        yield Asked(
            id="/".join(filter(None, (scope, name, episode.answer))), system=episode.system,
            category=episode.category or "-", question=episode.text, gold=episode.gold,
            prediction=episode.prediction, state=state, answer=episode.answer, trace=path,
            why=verdict.failure or verdict.rationale or "",
        ), episode.key  # fmt: skip


def _of_trace(
    path: Path, reader: TraceReader, told: Mapping[str, AskedQuestion]
) -> Iterator[tuple[Asked, tuple[str, ...]]]:
    states: dict[bool | None, State] = {True: "right", False: "wrong", None: "unscored"}
    for answer, one in told.items():
        yield Asked(
            id=f"{one.scope}/{one.id}/{answer}", system=one.system, category=one.category or "-",
            question=one.told.text or "", gold=one.told.gold, prediction=reader.text(answer),
            state=states[one.told.judged], answer=answer, trace=path,
            why="" if one.told.judged is not None else "the judge gave no verdict",
        ), ()  # fmt: skip


def _by_case(
    path: Path, attributed: Sequence[Attributed], said: Mapping[Path, list[Outcome]]
) -> dict[str, _Found]:
    """Verdicts of memtrace-attribute over a trace, by the id of the case in that trace alone."""
    found = {}
    for run in attributed:
        if path not in run.traces:
            continue
        before = run.id_of(path, "")
        for outcome in said[run.folder]:
            if outcome.case.startswith(before):
                found[outcome.case.removeprefix(before)] = _Found(
                    outcome.method, outcome.attribution, outcome.failure or ""
                )
    return found


def _own(rows: Mapping[tuple[str, ...], Mapping[str, Any]], key: tuple[str, ...]) -> _Found | None:
    body = rows.get(key)
    return None if body is None else _Found(_BY_PROGRAM, body)


def _blamed(
    asked: Asked, found: _Found | None, reader: TraceReader, told: Mapping[str, AskedQuestion]
) -> Asked:
    """A wrong answer with what was blamed for it."""
    if asked.state != "wrong":
        return asked
    known = told.get(asked.answer or "")
    if found is None and known is not None:
        found = _Found(_BY_PROGRAM, examine(reader, known.told).to_dict())
    if found is None or found.body is None:
        why = found.obstacle if found else "the trace does not hold this answer"
        return replace(asked, obstacle=why, method=found.method if found else "")
    groups = {"system": asked.system, "category": asked.category}
    return replace(
        asked, method=found.method, attribution=_without_paths(found.body),
        failure=failure_of(found.body, groups), lost=losses_of(found.body, reader, known),
        settings=settings_of(found.body, reader), prompt=prompt_of(found.body, reader),
    )  # fmt: skip


def _add_outcomes(parts: dict[_Key, _Part], folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Cases whose traces are not there: only failures are known."""
    for outcome in outcomes:
        groups = outcome.groups
        system = groups.get("system") or groups.get("pipeline") or "-"
        data = groups.get("dataset") or "cases handed in"
        part = parts.setdefault((system, data, "-"), _Part(is_whole=False))
        part.runs[str(folder)] = None
        part.seeds[str(json_of(folder / "manifest.json").get("seed", "-"))] = None
        part.asked.append(_of_outcome(outcome, system))


def _of_outcome(outcome: Outcome, system: str) -> Asked:
    body = outcome.attribution
    asked = Asked(
        id=outcome.case, system=system, category=outcome.groups.get("category", "-"),
        question=str((body or {}).get("question", "")), gold=(body or {}).get("gold"),
        prediction=str((body or {}).get("prediction", "")), state="wrong", method=outcome.method,
        obstacle=outcome.failure or "",
    )  # fmt: skip
    if body is None:
        return asked
    return replace(
        asked, attribution=_without_paths(body), failure=failure_of(outcome.to_dict()),
        lost=losses_of(body, None, None), prompt=prompt_of(body, None),
    )  # fmt: skip


def _without_paths(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in ("paths", "key")}


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
