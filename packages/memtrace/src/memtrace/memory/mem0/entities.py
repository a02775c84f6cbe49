"""Entity linking of Mem0 2.x without its language model.

The package finds entities with a spaCy model that it downloads on first use. Here names are runs
of capitalised words and quoted texts: enough to link memories that name the same thing, with no
network. Off unless the configuration says so; then no text has entities, as without spaCy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["STAND_INS", "linking"]

_ON: ContextVar[bool] = ContextVar("memtrace_mem0_entities", default=False)
_NAME = re.compile(r"\b[A-Z][\w'-]*(?: [A-Z][\w'-]*)*")
_QUOTED = re.compile(r'"([^"]{2,60})"')
_STARTERS = frozenset({"A", "An", "He", "Her", "His", "I", "In", "It", "My", "Our", "She", "The",
                       "Their", "They", "This", "We", "What", "When", "Where", "Which", "Who",
                       "You", "Your"})  # fmt: skip


@contextmanager
def linking(is_on: bool) -> Iterator[None]:
    """Whether texts have entities inside."""
    token = _ON.set(is_on)
    try:
        yield
    finally:
        _ON.reset(token)


def _entities(text: str) -> list[tuple[str, str]]:
    if not _ON.get():
        return []
    found = [("QUOTED", quoted) for quoted in _QUOTED.findall(text)]
    for name in _NAME.findall(text):
        head, _, rest = name.partition(" ")
        name = rest if head in _STARTERS else name
        if len(name) > 1:
            found.append(("PROPER", name))
    return list(dict.fromkeys(found))


def _batch(texts: Sequence[str], *args: Any, **kwargs: Any) -> list[list[tuple[str, str]]]:
    return [_entities(text) for text in texts]


def _same(text: str) -> str:
    return text


STAND_INS: Mapping[str, Callable[..., Any]] = {
    "extract_entities": _entities, "extract_entities_batch": _batch, "lemmatize_for_bm25": _same,
}  # fmt: skip
"""By the name they stand in for."""
