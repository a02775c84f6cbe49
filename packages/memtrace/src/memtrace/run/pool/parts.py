"""Parts become one run: `parts/<task>/` of the run folder into its trace, episodes and costs.

In: a run folder in which processes have recorded parts (each a small run folder of its own). Out:
`trace.db` with all of them behind what it held, `episodes.jsonl` and `costs.jsonl` in the order of
the run, and no parts. Everything is written aside and appears by one rename: a process killed
meanwhile leaves either the parts, or the whole with a few files to move, which the next call does.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import memtrace
from lmcommon.errors import UserError
from lmcommon.runlog import Run, finite
from memtrace.evaluate import Episode
from memtrace.graph.recording.lock import is_locked
from memtrace.graph.storage.merging import append
from memtrace.run.pipeline import latest

__all__ = ["gather", "parts_folder"]

Key = tuple[str, str, str]

_PATIENCE_S = 15.0
"""A worker whose run was killed notices it and leaves."""


def parts_folder(run: Run) -> Path:
    """Where the parts of a run are."""
    return run.folder / "parts"


def gather(run: Run, order: Sequence[Key], unscored: Iterable[Episode] = ()) -> None:
    """Make one trace and one list of episodes of all parts.

    Args:
        run: The run.
        order: Keys of all episodes, as they should be listed.
        unscored: Episodes for questions that no part answers.

    Raises:
        UserError: A process still writes to a part, or the disk does not take the whole.
    """
    _move(run)
    parts = [part for part in _parts(run) if _is_readable(part / "trace.db")]
    missing = list(unscored)
    if not (parts or missing):
        _clear(run)  # a part that nothing was written to may be left
        return
    aside = run.folder / ".gathering"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        whole = run.folder / "trace.db"
        sources = [run.folder, *parts] if _is_readable(whole) else parts
        renamed = append(aside / "trace.db", [one / "trace.db" for one in sources]) if parts else []
        episodes, costs = latest(run), run.read("costs")
        for source, ids in zip(sources, renamed, strict=False):
            own = Run(source)
            for key, episode in latest(own).items():
                answer = None if episode.answer is None else ids[episode.answer]
                episodes[key] = replace(episode, answer=answer)
            if source != run.folder:
                costs += own.read("costs")
        for episode in missing:
            episodes.setdefault(episode.key, episode)
        places = {key: place for place, key in enumerate(order)}
        rows = sorted(episodes.values(), key=lambda e: places.get(e.key, len(places)))
        _write(aside / "episodes.jsonl", (episode.to_dict() for episode in rows))
        _write(aside / "costs.jsonl", costs)
    except (OSError, UserError) as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise UserError(
            f"{run.folder}: joining the parts failed: {error}; all of them are kept; free the disk "
            f"and go on with resume={run.folder}"
        ) from error
    aside.rename(run.folder / ".gathered")
    _move(run)


def _parts(run: Run) -> list[Path]:
    folder = parts_folder(run)
    if not folder.is_dir():
        return []
    return sorted(part for part in folder.iterdir() if not part.name.startswith("."))


def _is_readable(trace: Path) -> bool:
    """Whether a trace can be opened; a process may be killed before its first transaction."""
    until = time.monotonic() + _PATIENCE_S
    while is_locked(trace):
        if time.monotonic() >= until:
            raise UserError(f"{trace}: a worker of this run still writes here; wait for its end")
        time.sleep(0.05)
    try:
        memtrace.open(trace).close()
    except UserError:
        rows = trace.with_name("episodes.jsonl")
        if rows.is_file() and rows.stat().st_size:
            raise
        return False
    return True


def _move(run: Run) -> None:
    """Put what was gathered in its place, and tidy up. Can be cut off and done again."""
    gathered = run.folder / ".gathered"
    if not gathered.is_dir():
        return
    if (gathered / "trace.db").exists():
        for rest in ("trace.db-wal", "trace.db-shm"):  # of the trace that is replaced
            (run.folder / rest).unlink(missing_ok=True)
        # Its verdicts are found anew: cheaper than to rename what they cite.
        (run.folder / "attributions.jsonl").unlink(missing_ok=True)
    for path in sorted(gathered.iterdir(), reverse=True):
        os.replace(path, run.folder / path.name)
    _clear(run)
    gathered.rmdir()


def _clear(run: Run) -> None:
    folder = parts_folder(run)
    shutil.rmtree(folder.resolve(), ignore_errors=True)
    if folder.is_symlink():  # to a folder that several machines see
        folder.unlink()


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            line = json.dumps(finite(dict(row)), ensure_ascii=False, allow_nan=False)
            if any("\ud800" <= character <= "\udfff" for character in line):
                line = json.dumps(finite(dict(row)))  # half a surrogate pair cannot be UTF-8
            file.write(line + "\n")
