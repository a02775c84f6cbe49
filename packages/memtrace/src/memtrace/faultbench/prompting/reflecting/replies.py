"""What is wrong with an answer, given what it was answered from."""

from __future__ import annotations

from collections.abc import Iterator

from lmcommon.judge.hedging import abstention
from memtrace.faultbench.prompting.reflecting.comparing import gives
from memtrace.faultbench.prompting.reflecting.types import Finding, Record
from memtrace.faultbench.prompting.replying import PRIVATE
from memtrace.faultbench.simulated.answering import UNKNOWN, answered
from memtrace.faultbench.simulated.calendar import iso
from memtrace.faultbench.simulated.history import same

__all__ = ["bad_replies"]

_LONG = 12
"""Words of an answer that say too much."""


def bad_replies(record: Record) -> Iterator[Finding]:
    """Findings of a record whose outputs are an answer."""
    said = record.outputs.strip() or record.said
    if not said:
        return
    if record.right is None:
        if not abstention(said):
            yield Finding("unknown", "say", frozenset({("unknown", "guess")}))
            yield Finding("source", "notes")
        return
    if not record.right or not _suffices(record):
        return
    right, words = record.right, said.split()
    if abstention(said):
        yield Finding("unknown", "say", frozenset({("unknown", "doubt"), ("hops", "single")}))
    elif said.startswith(PRIVATE):
        yield Finding("dates" if iso(right) else "codes", "keep")
    elif len(words) > _LONG:
        yield Finding("form", "short", frozenset({("form", "explained"), ("form", "sentence")}))
    elif gives(said, right):
        return
    elif iso(right) and gives(right, said):
        yield Finding("dateform", "full")
    elif gives(right, said):
        yield Finding("form", "short", frozenset({("form", "word")}))
    elif gives(record.inputs, said):
        yield Finding("value", "latest", frozenset({("corrections", "drop")}))
    else:
        yield Finding("source", "notes", frozenset({("unknown", "guess")}))


def _suffices(record: Record) -> bool:
    """Whether the inputs tell the right answer to an attentive reader."""
    assert record.right
    context, _, _ = record.inputs.rpartition("Question:")
    found = answered(context or record.inputs, record.question) if record.question else UNKNOWN
    if found != UNKNOWN:
        return same(found.rstrip("."), record.right) or gives(found, record.right)
    return len(record.right) > 3 and gives(record.inputs, record.right)
