"""Attaching to a user's own `mem0.Memory`: what can be traced, and what is refused."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

from lmcommon.errors import UserError
from memtrace.execution.places import Scope
from memtrace.memory.mem0.releases import checked_release
from memtrace.memory.mem0.shims import freeze
from memtrace.memory.mem0.tracer import MARK, Tracer

__all__ = ["attach"]

_LOCK = threading.Lock()


def attach(obj: Any, name: str | None = None) -> Tracer:
    """Trace every call on a `mem0.Memory` that is made inside a recording.

    Args:
        obj: The memory.
        name: What traces call it; `mem0` by default.

    Raises:
        UserError: For another class (an `AsyncMemory`, a `MemoryClient`), a release that is not
            supported, or an object that is attached already.
    """
    main = import_module("mem0.memory.main")
    if not isinstance(obj, main.Memory):
        raise UserError(
            f"attach: expected a mem0.Memory; got a {type(obj).__name__}. An AsyncMemory writes in "
            "no fixed order, and a MemoryClient works on somebody else's machine: neither can be "
            "traced; use mem0.Memory"
        )
    release = checked_release(obj, main)
    with _LOCK:
        before = vars(obj).get(MARK)
        if before is not None:
            raise UserError(
                f"attach: expected a memory that is not attached yet; this one is attached as "
                f"{before.scope.name!r}; detach it first"
            )
        freeze(main, import_module("mem0.memory.storage"), import_module("mem0.configs.prompts"))
        tracer = Tracer(obj, main, release, Scope(name or "mem0"))
        setattr(obj, MARK, tracer)
    return tracer
