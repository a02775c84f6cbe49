"""Questions with what came of them: of the episodes of a run, of a bare trace, of cases alone.

In: rows and traces. Out: `Asked`s, wrong ones with what was blamed. A wrong answer that nothing was
said of is attributed here, by program (`llm_free`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.attribution.attributing import examine
from memtrace.attribution.reader import TraceReader
from memtrace.evaluate.types import Episode
from memtrace.execution.replies import place_of
from memtrace.scoring.analysis import Failure, failure_of
from memtrace.scoring.outcomes import Outcome
from memtrace.scoring.sources.asked import AskedQuestion
from memtrace.show.reporting.losses import losses_of, prompt_of, settings_of
from memtrace.show.reporting.reading import Attributed
from memtrace.show.reporting.types import Asked, State

__all__ = ["Said", "blamed", "of_episodes", "of_outcome", "of_trace", "own_verdict", "verdicts_on"]

_BY_PROGRAM = "llm_free"
Key = tuple[str, ...]
"""`Episode.key`; empty for what is of a bare trace."""


@dataclass(frozen=True, slots=True)
class Said:
    """An attribution, and what made it."""

    method: str
    body: Mapping[str, Any] | None
    obstacle: str = ""


def of_episodes(
    path: Path, episodes: Sequence[Episode], told: Mapping[str, AskedQuestion]
) -> Iterator[tuple[Asked, Key]]:
    """The questions of a run of memtrace-trace, with the keys of their episodes.

    Args:
        path: Its trace.
        episodes: Of each question the last.
        told: What the trace says of answers, by variable.
    """
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


def of_trace(
    path: Path, reader: TraceReader, told: Mapping[str, AskedQuestion]
) -> Iterator[tuple[Asked, Key]]:
    """The questions of a bare trace: judged answers, and answers that failed."""
    states: dict[bool | None, State] = {True: "right", False: "wrong", None: "unscored"}
    for answer, one in told.items():
        yield Asked(
            id=f"{one.scope}/{one.id}/{answer}", system=one.system, category=one.category or "-",
            question=one.told.text or "", gold=one.told.gold, prediction=reader.text(answer),
            state=states[one.told.judged], answer=answer, trace=path,
            why="" if one.told.judged is not None else "the judge gave no verdict",
        ), ()  # fmt: skip
    for operation in reader.trace.operations(kind="answer"):
        place, error = place_of(operation), operation.error
        if place is None or error is None:
            continue
        yield Asked(
            id=f"{place.scope}/{operation.id}", system=place.scope.partition("/")[0],
            category="-", question=place.path, gold=None, prediction="", state="unscored",
            trace=path, why=f"{error.type}: {error.message}",
        ), ()  # fmt: skip


def verdicts_on(
    path: Path, attributed: Sequence[Attributed], said: Mapping[Path, list[Outcome]]
) -> dict[str, Said]:
    """Verdicts of memtrace-attribute over a trace, by the id of the case in that trace alone.

    Of several runs the last goes first, unless its attempt failed.
    """
    found: dict[str, Said] = {}
    for run in attributed:
        if path not in run.traces:
            continue
        before = run.id_of(path, "")
        for outcome in said[run.folder]:
            case = outcome.case.removeprefix(before)
            is_here = outcome.case.startswith(before)
            if is_here and (outcome.attribution is not None or case not in found):
                found[case] = Said(outcome.method, outcome.attribution, outcome.failure or "")
    return found


def own_verdict(rows: Mapping[Key, Mapping[str, Any]], key: Key, answer: str | None) -> Said | None:
    """What memtrace-trace itself said of an episode on the way, if it was of this answer."""
    body = rows.get(key)
    if body is None or body.get("answer") != answer:  # the question was asked again since
        return None
    return Said(_BY_PROGRAM, body)


def blamed(
    asked: Asked, found: Said | None, reader: TraceReader, told: Mapping[str, AskedQuestion]
) -> Asked:
    """A wrong answer with what was blamed for it.

    Args:
        asked: Right and unscored ones come back as they are.
        found: The verdict that is known; None: it is made here.
        reader: The trace.
        told: What the trace says of answers, by variable.

    Raises:
        UserError: The verdict is malformed.
    """
    if asked.state != "wrong":
        return asked
    known = told.get(asked.answer or "")
    if found is None and known is not None:
        found = Said(_BY_PROGRAM, examine(reader, known.told).to_dict())
    if found is None or found.body is None:
        why = found.obstacle if found else "the trace does not hold this answer"
        return replace(asked, obstacle=why, method=found.method if found else "")
    groups = {"system": asked.system, "category": asked.category}
    failure = _failure(asked.id, found.body, groups)
    return replace(
        asked, method=found.method, attribution=_without_paths(found.body),
        failure=failure, lost=losses_of(found.body, reader, known),
        settings=settings_of(found.body, reader), prompt=prompt_of(found.body, reader),
    )  # fmt: skip


def of_outcome(outcome: Outcome, system: str) -> Asked:
    """A case whose trace is not there: what its row says, and nothing else.

    Raises:
        UserError: The attribution in it is malformed.
    """
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
        asked, attribution=_without_paths(body),
        failure=_failure(outcome.case, body, outcome.groups),
        lost=losses_of(body, None, None), prompt=prompt_of(body, None),
    )  # fmt: skip


def _failure(case: str, body: Mapping[str, Any], groups: Mapping[str, str]) -> Failure | None:
    try:
        return failure_of(body, groups)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{case}: expected an attribution; got fields {sorted(body)[:8]} ({error!r})"
        ) from error


def _without_paths(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in ("paths", "key")}
