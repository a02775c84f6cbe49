"""A `Diff` as text: the first divergence, then the rest in few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from memtrace.graph.explaining.diff import AnswerChange, Change, Diff, SourceChange
from memtrace.graph.explaining.texts import snippet

__all__ = ["tell_diff"]

_LINES = 6


def tell_diff(found: Diff) -> str:
    """A `Diff` as text."""
    return "\n".join(chain(_head(found), _sources(found), _changes(found), _answers(found)))


def _head(found: Diff) -> Iterator[str]:
    yield f"a: {found.a}"
    yield f"b: {found.b}"
    same = found.matched - len(found.changes)
    yield f"{found.matched} operations in both, {same} of them the same"
    if found.is_empty:
        yield "no difference"
    elif found.first is not None:
        yield f"first divergence (equal inputs): {_change(found.first)}"
    elif found.sources:
        yield f"first divergence: {_source(found.sources[0])}, a value from outside"
    else:
        yield "no operation with equal inputs did anything else: see what only one run did"


def _sources(found: Diff) -> Iterator[str]:
    if found.sources:
        yield f"\nvalues from outside that differ: {len(found.sources)}"
        yield from _first([_source(source) for source in found.sources])


def _changes(found: Diff) -> Iterator[str]:
    causes = [change for change in found.changes if change.is_cause]
    if causes:
        yield f"\nother work on equal inputs: {_counted(change.name for change in causes)}"
        yield from _first([_change(change) for change in causes])
    if followed := [change for change in found.changes if not change.is_cause]:
        yield f"\nfollowing from other inputs: {_counted(change.name for change in followed)}"
        yield from _first([_change(change) for change in followed])
    for label, ids in (("missing", found.missing), ("added", found.added)):
        if ids:
            side = "a" if label == "missing" else "b"
            shown = f"{', '.join(ids[:_LINES])}{', ...' if len(ids) > _LINES else ''}"
            yield f"\nonly in {side}: {_counted(found.names[label])} ({shown})"


def _answers(found: Diff) -> Iterator[str]:
    if found.answer_count:
        yield f"\nanswers changed: {len(found.answers)} of {found.answer_count}"
        yield from _first([_answer(answer) for answer in found.answers])


def _change(change: Change) -> str:
    details = f" ({'; '.join(change.details[:4])})" if change.details else ""
    return f"{change.a} / {change.b} {snippet(change.name, 60)}: {', '.join(change.what)}{details}"


def _source(source: SourceChange) -> str:
    name = f" {source.name}" if source.name else ""
    return f"{source.kind}{name} ({source.a or 'not in a'} / {source.b or 'not in b'})"


def _answer(answer: AnswerChange) -> str:
    question = f"{answer.question!r}: " if answer.question else ""
    before, after = _said(answer.a_text), _said(answer.b_text)
    return f"{question}{before} -> {after} ({answer.a or 'none'} / {answer.b or 'none'})"


def _said(text: str | None) -> str:
    return "no answer" if text is None else repr(text)


def _counted(names: Iterable[str]) -> str:
    counts = Counter(names)
    return f"{sum(counts.values())}, " + ", ".join(
        f"{snippet(n, 60)} x{c}" for n, c in counts.most_common(6)
    )


def _first(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines[:_LINES])
    if len(lines) > _LINES:
        yield f"  ... and {len(lines) - _LINES} more"
