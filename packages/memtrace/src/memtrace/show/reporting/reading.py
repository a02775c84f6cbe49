"""What a user points at, sorted out: run folders of either verb, and bare traces.

In: paths. Out: `Pointed`: traces with the run folders beside them, verdicts of `memtrace-attribute`
over these traces, and verdicts whose traces are not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lmcommon.data.files import read_rows
from lmcommon.errors import UserError
from memtrace.evaluate.types import Episode
from memtrace.scoring.outcomes import Outcome
from memtrace.scoring.sources.traces import trace_files

__all__ = ["Attributed", "Pointed", "episodes_of", "json_of", "outcomes_of", "own_rows", "pointed"]

_EPISODES, _ATTRIBUTIONS, _TRACE = "episodes.jsonl", "attributions.jsonl", "trace.db"


@dataclass(frozen=True, slots=True)
class Attributed:
    """A run of memtrace-attribute. Example: `Attributed(Path("runs/a"), (Path("t/trace.db"),))`"""

    folder: Path
    traces: tuple[Path, ...]
    """The traces its cases are of; empty: its source was of another kind, or is gone."""

    def id_of(self, trace: Path, case: str) -> str:
        """What this run calls a case of one of its traces."""
        return case if len(self.traces) == 1 else f"{trace.parent.name}/{case}"


@dataclass(frozen=True, slots=True)
class Pointed:
    """Everything that was pointed at."""

    traces: tuple[Path, ...]
    """Each once; beside it lie the rows of its run, if it was made by `memtrace-trace`."""
    attributed: tuple[Attributed, ...]


def pointed(paths: Sequence[str | Path]) -> Pointed:
    """Sort out paths.

    Args:
        paths: Run folders of memtrace-trace or memtrace-attribute, their `attributions.jsonl`,
            folders of such run folders, or traces.

    Raises:
        UserError: Nothing was given, or nothing of the kind is there.
    """
    if not paths:
        raise UserError("runs: expected run folders or traces; got none; give 'runs=[FOLDER,...]'")
    traces: dict[Path, None] = {}
    attributed: dict[Path, Attributed] = {}
    for given in paths:
        for path in _unfolded(Path(given)):
            if path.is_dir() and _is_attributed(path):
                found = Attributed(path, _traces_of(path))
                attributed[path.resolve()] = found
                traces |= dict.fromkeys(found.traces)
            elif path.is_dir():
                traces[path.resolve() / _TRACE] = None
            else:
                traces[path.resolve()] = None
    return Pointed(tuple(traces), tuple(attributed.values()))


def episodes_of(trace: Path) -> list[Episode]:
    """The episodes beside a trace, of each question the last; none for a bare trace.

    Raises:
        DataError: A row is of something else.
    """
    path = trace.with_name(_EPISODES)
    if not path.is_file():
        return []
    found: dict[tuple[str, str, str], Episode] = {}
    for row in read_rows(path):
        try:
            episode = Episode.from_dict(dict(row.value))
        except (KeyError, TypeError) as error:
            raise row.error(f"expected an episode of memtrace-trace; {error}") from error
        found[episode.key] = episode
    return list(found.values())


def own_rows(trace: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """The attributions that `memtrace-trace` itself made, by the key of the episode."""
    path = trace.with_name(_ATTRIBUTIONS)
    if not path.is_file():
        return {}
    rows = [row.value for row in read_rows(path)]
    return {tuple(map(str, row["key"])): dict(row) for row in rows if "key" in row}


def outcomes_of(folder: Path, method: str | None) -> list[Outcome]:
    """What one method said in a run of `memtrace-attribute`: of each case the last attempt.

    Raises:
        UserError: The run has several methods and none was chosen, or not this one.
        DataError: A row is of something else.
    """
    found: dict[tuple[str, str], Outcome] = {}
    for row in read_rows(folder / _ATTRIBUTIONS):
        try:
            outcome = Outcome.from_dict(row.value)
        except (KeyError, TypeError, ValueError) as error:
            raise row.error(f"expected a row of memtrace-attribute; {error}") from error
        found[outcome.key] = outcome
    methods = sorted({one.method for one in found.values()})
    chosen = methods[0] if method is None and len(methods) == 1 else method
    if found and chosen not in methods:
        raise UserError(
            f"method: expected one of {', '.join(methods)}, whose attributions {folder} holds; got "
            f"{method!r}"
        )
    return [one for one in found.values() if one.method == chosen]


def json_of(path: Path) -> dict[str, Any]:
    """A JSON or YAML object of a run folder; empty where it is not there or damaged."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        if path.suffix == ".yaml":
            found = OmegaConf.to_container(OmegaConf.load(path))
        else:
            found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, OmegaConfBaseException):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _unfolded(path: Path) -> Iterator[Path]:
    """A run folder or a trace as it is; of a folder of runs each."""
    if path.name == _ATTRIBUTIONS and path.is_file():
        yield path.parent
    elif path.is_file() or _is_run(path):
        yield path
    elif found := sorted(one for one in path.glob("*") if _is_run(one)):
        yield from found
    else:
        raise UserError(
            f"{path}: expected a run folder of memtrace-trace or memtrace-attribute, or a trace; "
            "there is none"
        )


def _is_run(path: Path) -> bool:
    return any((path / name).is_file() for name in (_EPISODES, _ATTRIBUTIONS, _TRACE))


def _is_attributed(folder: Path) -> bool:
    """Whether this is a run of memtrace-attribute: its rows are of cases."""
    path = folder / _ATTRIBUTIONS
    if not path.is_file():
        return False
    return any("case" in row.value for row in read_rows(path))


def _traces_of(folder: Path) -> tuple[Path, ...]:
    """The traces that a run of memtrace-attribute read, where they are still there."""
    source = json_of(folder / "config.yaml").get("source")
    if not isinstance(source, dict) or "every" not in source or not source.get("path"):
        return ()  # only recorded runs have the option `every`
    given = Path(source["path"]).expanduser()
    for place in (given, *(above / given for above in folder.resolve().parents[2:3])):
        try:
            return tuple(path.resolve() for path in trace_files(place))
        except UserError:
            continue
    return ()
