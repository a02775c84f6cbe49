"""The knobs of memory systems: settings by name, what to try, and which operations they sit at.

In: the recorded configuration and the operations to blame. Out: `Knob`s that are near them, each
with a value that differs from the present one. A system of any kind has the knobs whose fields
its configuration has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from memtrace.execution.interventions import SetParameter

__all__ = ["Knob", "knobs_near"]

Number = int | float

_FINDING = frozenset({
    "retrieve", "search", "fuse", "recall_facts", "recall_profile", "read_window", "rewrite",
})  # fmt: skip
_SHOWING = frozenset({"build_context", "render_prompt"})
_CUTTING = frozenset({"chunk", "index"})
_FADING = frozenset({"trim", "summarise"})
_WRITING = frozenset({"extract", "decide", "parse", "write", "store", "search_similar"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """Settings to try together.

    Example: `Knob(changes=(SetParameter(name="top_k", value=10),), before=(5,), why="retrieve")`
    """

    changes: tuple[SetParameter, ...]
    before: tuple[Any, ...]
    """The present values."""
    why: str
    """The blamed operations it sits at."""

    @property
    def told(self) -> str:
        """In words: `top_k 5 -> 10`."""
        return ", ".join(
            f"{change.name} {old} -> {change.value}"
            for change, old in zip(self.changes, self.before, strict=True)
        )


def _times(factor: int) -> Callable[[Number], Number]:
    return lambda value: value * factor


def _halved(value: Number) -> Number:
    return value / 2


def _wider(value: Number) -> Number:
    return value + 1


_TRIED: tuple[tuple[frozenset[str], tuple[tuple[str, Callable[[Number], Number]], ...]], ...] = (
    (_FINDING, (("top_k", _times(2)),)),
    (_FINDING, (("top_k", _times(4)),)),
    (_FINDING, (("threshold", _halved),)),
    (_FINDING | {"rerank"}, (("rerank_candidates", _times(2)),)),
    (frozenset({"rerank"}), (("top_k", _times(2)), ("rerank_candidates", _times(2)))),
    (_SHOWING, (("context_tokens", _times(2)),)),
    (_SHOWING, (("context_tokens", _times(4)), ("top_k", _times(2)))),
    (_CUTTING | _FINDING, (("chunk_turns", _times(2)), ("chunk_tokens", _times(2)))),
    (_CUTTING, (("chunk_tokens", _times(2)),)),
    (_CUTTING | _FINDING, (("overlap_turns", _wider),)),
    (_FADING, (("budget_tokens", _times(2)),)),
    (_FADING, (("budget_tokens", _times(4)),)),
    (_FADING, (("summary_tokens", _times(2)),)),
    (_WRITING, (("query_limit", _times(2)),)),
    (_WRITING, (("max_memory_tokens", _times(2)),)),
    (_WRITING, (("max_extract_tokens", _times(2)),)),
    (_WRITING, (("max_extraction_tokens", _times(2)),)),
    (frozenset({"answer"}), (("max_answer_tokens", _times(2)),)),
)
"""Operations, and the fields to change together, each with the way to another value."""

_IDLE = {"rerank_candidates": ("rerank", "none"), "summary_tokens": ("trim", "drop")}
"""Fields that do nothing while another one has a value."""


def knobs_near(config: Mapping[str, Any], operations: Collection[str]) -> Iterator[Knob]:
    """What may be tried for some operations.

    Args:
        config: The recorded configuration: values by field.
        operations: Names of blamed operations.
    """
    for near, fields in _TRIED:
        mine = sorted(near & set(operations))
        values = [config.get(name) for name, _ in fields]
        if not mine or any(not _is_number(value) for value in values):
            continue
        if any(config.get(_IDLE[name][0]) == _IDLE[name][1] for name, _ in fields if name in _IDLE):
            continue
        changes = tuple(
            SetParameter(name=name, value=change(value))
            for (name, change), value in zip(fields, values, strict=True)
            if value is not None
        )
        if all(change.value != old for change, old in zip(changes, values, strict=True)):
            yield Knob(changes=changes, before=tuple(values), why=", ".join(mine))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
