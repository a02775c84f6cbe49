"""`Why` and `WhyNot` as text: a page at most, however large the slice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from memtrace.graph.explaining.texts import snippet
from memtrace.graph.explaining.why import ItemRead, Source, Stage, Why
from memtrace.graph.explaining.why_not import Holder, Loss, WhyNot

__all__ = ["tell_why", "tell_why_not"]

_FIRST_STAGES, _LAST_STAGES = 4, 8
_LINES = 8


def tell_why(why: Why) -> str:
    """A `Why` as text."""
    made = f" by {why.operation}" if why.operation else ", from outside"
    lines = [f"{why.answer} ({why.kind}{made}): {why.text or '(empty)'}"]
    if why.question is not None:
        lines.append(f"asked in {why.question}: {why.question_text}")
    lines += ["", f"came from {_counted(source.kind for source in why.sources)}"]
    lines += _first([_source(source) for source in why.holders], "sources")
    if why.sources and not why.holders:
        lines.append("  none of them holds its words in a row")
    if why.stages:
        count = sum(len(stage.operations) for stage in why.stages)
        lines += ["", f"through {count} operation{'s' * (count != 1)}", *_stages(why.stages)]
    if why.items:
        kept = sorted(why.items, key=lambda item: (item.is_dropped, not item.holds_answer))
        lines += ["", f"read from memory: {len(why.items)}, {len(why.dropped)} of them dropped"]
        lines += _first([_item(item) for item in kept], "items")
    return "\n".join(lines)


def tell_why_not(found: WhyNot) -> str:
    """A `WhyNot` as text."""
    lines = [f"{found.text!r}: {found.fate.replace('_', ' ')}", *_split(found.sentence)]
    if found.holders:
        lines += ["", f"held by {len(found.holders)} variable{'s' * (len(found.holders) != 1)}"]
        lines += _first([_holder(holder) for holder in found.holders], "variables")
    if found.losses:
        lines += ["", "read, and not in what was written"]
        lines += _first([_loss(loss) for loss in found.losses], "operations")
    return "\n".join(lines)


def _split(sentence: str) -> list[str]:
    return [f"  {part}" for part in sentence.split("; ")]


def _first(lines: Sequence[str], noun: str) -> list[str]:
    more = len(lines) - _LINES
    return [*lines[:_LINES], *([f"  ... and {more} more {noun}"] if more > 0 else [])]


def _counted(kinds: Iterable[str]) -> str:
    counts = Counter(kinds)
    return (
        ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts.items())
        or "nothing outside"
    )


def _source(source: Source) -> str:
    name = f" {source.name}" if source.name else ""
    share = "" if source.share == 1.0 else f" ({source.share:.0%} of the answer's words)"
    return f"  {source.variable} {source.kind}{name}: {source.text}{share}"


def _stages(stages: Sequence[Stage]) -> Iterator[str]:
    if len(stages) <= _FIRST_STAGES + _LAST_STAGES + 1:
        yield from map(_stage, stages)
        return
    middle = stages[_FIRST_STAGES:-_LAST_STAGES]
    names = Counter(
        name for stage in middle for name in stage.names for _ in range(stage.times)
    ).most_common(6)
    yield from map(_stage, stages[:_FIRST_STAGES])
    told = ", ".join(f"{snippet(name, 60)} x{count}" for name, count in names)
    yield f"  ... {sum(len(stage.operations) for stage in middle)} operations: {told} ..."
    yield from map(_stage, stages[-_LAST_STAGES:])


def _stage(stage: Stage) -> str:
    names = ", ".join(snippet(name, 60) for name in stage.names)
    where = stage.operations[0]
    if stage.times > 1:
        names = f"({names})" if len(stage.names) > 1 else names
        names = f"{names} x{stage.times}"
        where = f"{where} ... {stage.operations[-1]}"
    took, gave = _roles(stage.took), _roles(stage.gave)
    return f"  {names} ({where}): {took or 'nothing'} -> {gave or 'nothing'}"


def _roles(roles: Mapping[str, tuple[str, ...]]) -> str:
    return ", ".join(
        f"{snippet(role, 60)} {ids[0]}" if len(ids) == 1 else f"{len(ids)} {snippet(role, 60)}"
        for role, ids in roles.items()
    )


def _item(item: ItemRead) -> str:
    notes = ["holds the answer's words"] * item.holds_answer + ["dropped"] * item.is_dropped
    version = "" if item.version is None else f" v{item.version}"
    told = f": {', '.join(notes)}" if notes else ""
    return f"  {item.item}{version} ({item.variable}), read by {item.operation}{told}"


def _holder(holder: Holder) -> str:
    name = f" {holder.name}" if holder.name else ""
    item = f", item {holder.item} v{holder.version}" if holder.item is not None else ""
    made = f", by {holder.producer}" if holder.producer else ""
    return f"  {holder.variable} {holder.kind}{name}{item}{made}{', a copy' * holder.is_copy}"


def _loss(loss: Loss) -> str:
    return f"  {loss.operation} {loss.name} read {', '.join(loss.read[:3])}; wrote {loss.wrote!r}"
