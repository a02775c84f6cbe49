"""Rows of finished runs, read back: attributions of `memtrace-attribute` and `memtrace-trace`.

In: a run folder or its `attributions.jsonl`. Out: outcomes to score again, or failures to analyse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lmcommon.data.files import read_rows
from lmcommon.data.rows import Row
from lmcommon.errors import UserError
from memtrace.scoring.analysis import Failure, failure_of
from memtrace.scoring.outcomes import Outcome

__all__ = ["read_failures", "read_outcomes"]

_NAME = "attributions.jsonl"


def read_outcomes(path: Path) -> list[Outcome]:
    """The outcomes of a run of `memtrace-attribute`; the last attempt of each case and method.

    Raises:
        UserError: There is no such file.
        DataError: A row is of something else.
    """
    found: dict[tuple[str, str], Outcome] = {}
    for row in read_rows(_file(path)):
        outcome = _outcome(row)
        found[outcome.key] = outcome
    return list(found.values())


def read_failures(path: Path, method: str | None = None) -> Iterator[Failure]:
    """The attributed failures of a run of either verb.

    Args:
        path: A run folder, or its `attributions.jsonl`.
        method: Whose attributions; None: there is only one method.

    Raises:
        UserError: There is no such file, or several methods and none was chosen.
        DataError: A row is of something else.
    """
    file = _file(path)
    rows = list(read_rows(file))
    if rows and all("key" in row.value for row in rows):
        yield from _of_trace_run(file, rows)
        return
    outcomes = read_outcomes(file)
    methods = sorted({one.method for one in outcomes})
    chosen = method or (methods[0] if len(methods) == 1 else None)
    if outcomes and chosen not in methods:
        raise UserError(
            f"method: expected one of {', '.join(methods)}, whose attributions {path} holds; got "
            f"{method!r}"
        )
    for outcome in outcomes:
        if outcome.method == chosen:
            failure = failure_of(outcome.to_dict())
            if failure is not None:
                yield failure


def _of_trace_run(file: Path, rows: list[Row]) -> Iterator[Failure]:
    """Rows of `memtrace-trace`: system and question by their key, the rest beside them."""
    about = _episodes(file.with_name("episodes.jsonl"))
    for row in rows:
        key = tuple(map(str, row.items("key")))
        groups = {"system": key[0] if key else "-", **about.get(key, {})}
        try:
            failure = failure_of(row.value, groups)
        except (KeyError, ValueError) as error:
            raise row.error(f"expected an attribution of memtrace-trace; {error}") from error
        if failure is not None:
            yield failure


def _episodes(path: Path) -> dict[tuple[str, ...], dict[str, str]]:
    """Category of each question, and the length of its history where the trace is there."""
    if not path.is_file():
        return {}
    found = {}
    lengths = _lengths(path.with_name("trace.db"))
    for row in read_rows(path):
        episode = row.value
        key = tuple(str(episode.get(name)) for name in ("system", "conversation", "question"))
        found[key] = {"category": str(episode.get("category") or "-")}
        if key[0:2] in lengths:
            found[key]["length"] = lengths[key[0], key[1]]
    return found


def _lengths(path: Path) -> dict[tuple[str, ...], str]:
    """Length of the history by system and conversation."""
    from memtrace.graph.reading.trace import open as open_trace
    from memtrace.scoring.sources.asked import asked_questions

    if not path.is_file():
        return {}
    with open_trace(path) as trace:
        return {
            (one.system, one.scope.partition("/")[2].partition("#")[0]): one.length
            for one in asked_questions(trace)
        }


def _outcome(row: Row) -> Outcome:
    try:
        return Outcome.from_dict(row.value)
    except (KeyError, TypeError, ValueError) as error:
        said = json.dumps(_keys(row.value))
        raise row.error(f"expected a row of memtrace-attribute; got fields {said}") from error


def _keys(value: Mapping[str, Any]) -> list[str]:
    return sorted(value)[:8]


def _file(path: Path) -> Path:
    file = path / _NAME if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"{path}: expected a run folder with {_NAME}; got none there")
    return file
