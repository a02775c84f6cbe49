"""The memories of a trace: what they were, which prompts they use, whether they can be replayed.

In: a trace. Out: one row a memory, read in the background: what must be known of a replay is
spread over the whole trace.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.ids import variable_id
from memtrace.graph.reading.database import Database
from memtrace.graph.reading.trace import Trace
from memtrace.memory.specs import PREFIX
from memtrace.replaying.program import read_programs
from memtrace.viewing.texts import shown

__all__ = ["Scopes"]

_NOT_YET = "the trace is still being read; ask again"
_UNBUILT = (
    "the trace does not say how this memory was built; replay it in Python: "
    "memtrace.replay(path, systems={scope: factory})"
)
_NAMES = (
    "SELECT name FROM (SELECT DISTINCT json_extract(metadata, '$.place[0]') AS name"
    " FROM operations WHERE metadata IS NOT NULL) WHERE name IS NOT NULL ORDER BY name"
)
_PROMPTS = (
    "SELECT json_extract(o.metadata, '$.place[0]'), v.name, max(v.number) FROM inputs i"
    " JOIN variables v ON v.number = i.variable JOIN operations o ON o.number = i.operation"
    " WHERE i.role = 'prompt' AND v.producer IS NULL AND v.name IS NOT NULL GROUP BY 1, 2"
)


class Scopes:
    """The memories of one trace.

    Args:
        path: The trace.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, Any]] = []
        self._prompts: dict[tuple[str, str], str] = {}
        self._failure = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scopes", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Wait until it is read."""
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def is_ready(self) -> bool:
        """Whether everything is known."""
        return self._ready.is_set()

    def rows(self, trace: Trace, *, wait_s: float = 0.0) -> list[dict[str, Any]]:
        """All memories.

        Args:
            trace: The trace, for what can be said at once.
            wait_s: How long to wait for the rest at most.
        """
        if self._ready.wait(wait_s) and not self._failure:
            return self._rows
        return [_row(name, about, self._failure or _NOT_YET, []) for name, about in _systems(trace)]

    def prompts(self, trace: Trace, scope: str) -> list[dict[str, Any]]:
        """The named prompts of a memory (of all, if it is empty), with their texts."""
        self._ready.wait()
        return [
            {"scope": place, "name": name, "variable": one, "text": shown(trace.value(one))}
            for (place, name), one in self._prompts.items()
            if scope in ("", place)
        ]

    def _work(self) -> None:
        try:
            with Trace(self._path) as trace:
                self._rows = self._read(trace)
        except UserError as error:
            self._failure = str(error)
        finally:
            self._ready.set()

    def _read(self, trace: Trace) -> list[dict[str, Any]]:
        database = Database(self._path)
        try:
            names = [str(name) for (name,) in database.query(_NAMES)]
            for scope, name, number in database.query(_PROMPTS):
                self._prompts[str(scope or ""), str(name)] = variable_id(number)
        finally:
            database.close()
        systems = dict(_systems(trace))
        try:
            obstacles = {name: one.obstacle for name, one in read_programs(trace).items()}
            absent = "this memory was given nothing, or was not recorded by a MemorySystem"
        except UserError as error:
            obstacles, absent = {}, str(error)
        found = []
        for name in dict.fromkeys([*systems, *names]):
            obstacle = obstacles.get(name, absent) if name in obstacles else absent
            if obstacle is None and name not in systems:
                obstacle = _UNBUILT
            prompts = [prompt for scope, prompt in self._prompts if scope == name]
            found.append(_row(name, systems.get(name, {}), obstacle, prompts))
        return found


def _systems(trace: Trace) -> list[tuple[str, dict[str, Any]]]:
    return [
        (key.removeprefix(PREFIX), about)
        for key, about in trace.metadata.items()
        if key.startswith(PREFIX) and isinstance(about, dict)
    ]


def _row(
    name: str, about: dict[str, Any], obstacle: str | None, prompts: list[str]
) -> dict[str, Any]:
    return {
        "name": name, "system": str(about.get("name", name.partition("/")[0])),
        "replayable": obstacle is None, "obstacle": obstacle, "prompts": prompts,
        "parameters": about.get("parameters", {}), "config": about.get("config", {}),
        "model": (about.get("model") or {}).get("name"),
    }  # fmt: skip
