"""What stands in for names of LangMem's modules: ids that come from places, errors that are kept.

LangMem writes a random id into its prompt and gives random ids to memories; inside a memory's scope
both come from the place instead, elsewhere they stay random. trustcall, which LangMem calls models
with, logs what goes wrong and goes on; `keeping_errors` collects that. Nothing outside the two
packages' own modules is touched.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from memtrace.execution.places import next_id

__all__ = ["freeze", "keeping_errors"]

_KEPT: ContextVar[list[str] | None] = ContextVar("memtrace_langmem_errors", default=None)


class _Ids:
    """The module `uuid`, its random ids drawn from places where there is one."""

    def __getattr__(self, name: str) -> Any:
        return getattr(uuid, name)

    @staticmethod
    def uuid4() -> uuid.UUID:
        """An id of this place; a random one outside any scope."""
        return next_id() or uuid.uuid4()


class _Keep(logging.Handler):
    """Puts messages into the list of whoever keeps errors in this context."""

    def emit(self, record: logging.LogRecord) -> None:
        kept = _KEPT.get()
        if kept is not None:
            kept.append(record.getMessage())


def freeze() -> None:
    """Put the stand-ins in place, once a process.

    Raises:
        AttributeError: A module no longer holds the name: the package changed.
    """
    import langmem.knowledge.extraction
    import trustcall._base

    for module in (langmem.knowledge.extraction, trustcall._base):
        if not isinstance(module.uuid, _Ids):
            module.uuid = _Ids()
    logger = trustcall._base.logger
    if not any(isinstance(handler, _Keep) for handler in logger.handlers):
        logger.addHandler(_Keep(level=logging.WARNING))


@contextmanager
def keeping_errors() -> Iterator[list[str]]:
    """What trustcall logs inside the block, threads it starts included."""
    kept: list[str] = []
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)
