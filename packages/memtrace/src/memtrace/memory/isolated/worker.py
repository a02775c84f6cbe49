"""The process that holds memories for a parent: `python -m memtrace.memory.isolated.worker R W`.

R and W are the file descriptors of two pipes (see `framing`). The protocol, version 1; values of
ours are written as `wire` says, errors as `failures` says:

    worker: {"hello": {protocol, memtrace, python, pid}}                        once, at first
    parent: {"do": "build", memory, config, scope, model, embedder, ...}        then any number of
    parent: {"do": "add" | "search" | "answer" | "snapshot" | "restore" | "close",
             memory, arguments}
    parent: {"do": "leave", run}                                     a recording is being closed
    parent: {"do": "end"}                                                   no answer is expected
      worker: {"ask": "complete" | "generate" | "score" | "settle" | "embed" | "dim" | "redact"}
      parent: {"reply": value} or {"error": error}                   any number of times, meanwhile
    worker: {"done": value} or {"error": error}                                 the end of the call

Every call carries `here` (path and time of the parent's place in this memory's scope),
`recording` (file, run and step to record below, the points of interventions where they changed)
and `dropped` (memories and snapshots that nobody can ask for any more). One call runs at a time;
what it asks, the parent answers in the thread that called. The end of the pipe, or of the parent,
is the end of the worker.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any

from memtrace.execution.places import within
from memtrace.memory.base import MemorySystem
from memtrace.memory.isolated.failures import to_wire_error
from memtrace.memory.isolated.framing import Garbage, Pipes
from memtrace.memory.isolated.joined import Joined
from memtrace.memory.isolated.linking import our_version
from memtrace.memory.isolated.remote import Parent, RemoteEmbedder, RemoteModel
from memtrace.memory.isolated.wire import from_wire, to_wire
from memtrace.memory.packaged import PackagedConfig

__all__ = ["PROTOCOL", "main"]

PROTOCOL = 1
"""Version of what the two processes say to each other."""

_LOOKS_EVERY_S = 1.0


@dataclass(slots=True)
class _Memory:
    system: MemorySystem
    snapshots: dict[int, object] = field(default_factory=dict)


class _Worker:
    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        parent.when_gone = self._abandon
        self._memories: dict[int, _Memory] = {}
        self._joined = Joined(parent, lambda: self._current)
        self._current = 0
        self._numbers = 0

    def serve(self) -> None:
        """Do what the parent says until it is gone."""
        hello = {
            "protocol": PROTOCOL, "memtrace": our_version(),
            "python": platform.python_version(), "pid": os.getpid(),
        }  # fmt: skip
        self._parent.pipes.send({"hello": hello})
        while True:
            try:
                call = self._parent.next_call()
            except EOFError:
                return
            if call["do"] == "end":
                return
            self._parent.returns(self._outcome(call))

    def close(self) -> None:
        """Close what is left: memories, then recordings."""
        for memory in self._memories.values():
            memory.system.close()
        self._joined.close()

    def _abandon(self) -> None:
        """The parent was killed: what ran stays unfinished in the trace, as if we had been too.

        A system that went on would note its trouble as an error of the memory, which it is not.
        """
        try:
            self._joined.flush()
        finally:
            os._exit(1)

    def _outcome(self, call: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"done": to_wire(self._done(call))}
        except Exception as error:  # the border: whatever a system raises is the parent's to see
            return {"error": to_wire_error(error)}

    def _done(self, call: dict[str, Any]) -> Any:
        for sort, *names in call.get("dropped", ()):
            self._drop(sort, names)
        if call["do"] == "leave":
            self._joined.leave(call["run"])
            return None
        self._current = int(call["memory"])
        with self._joined.recording(call.get("recording")):
            if call["do"] == "build":
                return self._build(call)
            memory = self._memories[self._current]
            here = call.get("here")
            place = (
                nullcontext() if here is None
                else within(
                    here["path"], scope=memory.system.scope,
                    time=datetime.fromisoformat(here["time"]) if here["time"] else None,
                )
            )  # fmt: skip
            with place:
                return self._called(memory, call["do"], from_wire(call["arguments"]))

    def _called(self, memory: _Memory, name: str, arguments: list[Any]) -> Any:
        if name == "snapshot":
            self._numbers += 1
            memory.snapshots[self._numbers] = memory.system.snapshot()
            return self._numbers
        if name == "restore":
            return memory.system.restore(memory.snapshots[arguments[0]])
        if name == "close":
            del self._memories[self._current]
            return memory.system.close()
        if name not in ("add", "search", "answer"):
            raise ValueError(f"expected a call of the protocol; got {name!r}")
        return getattr(memory.system, name)(*arguments)

    def _build(self, call: Mapping[str, Any]) -> dict[str, Any]:
        config = _config(call["config"])
        model = RemoteModel(self._parent, self._current, **from_wire(call["model"]))
        embedder = RemoteEmbedder(self._parent, self._current, **from_wire(call["embedder"]))
        system = config.build_here(model, embedder)(call["scope"])
        self._memories[self._current] = _Memory(system)
        return {
            "name": system.name, "version": system.version, "versions": dict(system.versions),
            "scope": system.scope.name, "prompts": dict(system.prompts),
            "parameters": dict(system.parameters),
        }  # fmt: skip

    def _drop(self, sort: str, names: list[Any]) -> None:
        if sort == "recording":
            self._joined.leave(names[0])
        elif sort == "snapshot" and names[0] in self._memories:
            self._memories[names[0]].snapshots.pop(names[1], None)
        elif sort == "memory" and names[0] in self._memories:
            self._memories.pop(names[0]).system.close()


def _config(row: Mapping[str, Any]) -> PackagedConfig:
    """The configuration that the parent described; its embedder stays a description."""
    found: Any = import_module(row["module"])
    for name in row["class"].split("."):
        found = getattr(found, name)
    config: PackagedConfig = found(**from_wire(row["values"]))
    return config


def _end_with(parent_pid: int, ended: Callable[[int], None]) -> None:
    """End when the parent has: a busy call would not notice that the pipe was closed."""
    while os.getppid() == parent_pid:
        time.sleep(_LOOKS_EVERY_S)
    ended(1)


def main(arguments: list[str]) -> None:
    """Serve the parent at the other end of the two descriptors."""
    reads, writes = map(int, arguments)
    for descriptor in (reads, writes):
        os.set_inheritable(descriptor, False)
    watch = threading.Thread(
        target=_end_with, args=(os.getppid(), os._exit), daemon=True, name="parent-watch"
    )
    watch.start()
    pipes = Pipes(reads, writes)
    worker = _Worker(Parent(pipes))
    try:
        worker.serve()
    except (EOFError, Garbage) as error:
        print(f"the parent is gone or talks nonsense: {error}", file=sys.stderr)
    finally:
        worker.close()
        pipes.close()


if __name__ == "__main__":
    main(sys.argv[1:])
