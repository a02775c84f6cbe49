"""A user's memory in a re-run: it has to start empty, and leaves the user's history alone.

In: a tracer whose memory is used for the first time in a re-run. Out: nothing, or a refusal. What
was left over from another run would be in the requests, and no reply would be found.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lmcommon.errors import UserError
from memtrace.graph.recording.scope import current_scope

if TYPE_CHECKING:
    from memtrace.memory.mem0.tracer import Tracer

__all__ = ["check_fresh"]


def check_fresh(tracer: Tracer, name: str) -> None:
    """See, once in a re-run, that the memory is empty, and count its places from the start.

    Additive Mem0 shows the model earlier messages out of its history file; in a re-run that
    history is in memory, so that the file is neither read nor written.

    Args:
        tracer: Whose memory it is.
        name: Of the public call; `reset` makes any memory empty.

    Raises:
        UserError: The store holds something.
    """
    here = current_scope()
    if here is None:
        return
    if tracer.begun is not None and tracer.begun() is here[0]:
        return
    held = [] if name == "reset" else _held(tracer)
    if held:
        raise UserError(
            f"re-run: expected an empty memory at the start; {tracer.scope.name!r} holds "
            f"{held[0]!r}. Build a new memory in the function that is run again, with a store of "
            "its own (for Qdrant a path from tempfile.mkdtemp())"
        )
    tracer.begin(here[0])
    manager = import_module("mem0.memory.storage").SQLiteManager
    if isinstance(tracer.memory.db, manager):
        tracer.memory.db = manager(":memory:")
        tracer.wrap()


def _held(tracer: Tracer) -> list[str]:
    """A memory the store holds, if it holds any."""
    found: Any = tracer.memory.vector_store.list(**{tracer.release.limit: 1})
    rows = found[0] if isinstance(found, (list, tuple)) and found else found
    if not isinstance(rows, (list, tuple)):
        rows = [rows] if rows else []
    return [str((getattr(row, "payload", None) or {}).get("data", row.id)) for row in rows]
