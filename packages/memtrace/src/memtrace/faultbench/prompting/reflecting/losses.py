"""What notes and memories lost: facts that came in and did not go out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from memtrace.faultbench.prompting.reflecting.comparing import gives
from memtrace.faultbench.prompting.reflecting.types import Finding, Record
from memtrace.faultbench.prompting.vocabulary import MINOR, TASTES
from memtrace.faultbench.simulated.calendar import in_words, iso
from memtrace.faultbench.simulated.notes import notes_of
from memtrace.faultbench.simulated.reading import RELATION, read
from memtrace.faultbench.simulated.types import Said

__all__ = ["lost_notes", "lost_updates", "written"]

_QUOTED = re.compile(r"[\"“‘`]([^\"”’`\n]{2,160})[\"”’`]|(?<=\s)'([^'\n]{2,160})'(?=[\s.,;:]|$)")
_DIGITS = re.compile(r"\d+")
_OLD = re.compile(r"\"old_memory\": *\"(?:[^\"\\]|\\.)*\"")
_OPERATIONS = {"correct": "corrections", "delete": "endings", "update": "changes"}
_ALWAYS = frozenset({("limit", "*")})


def lost_notes(record: Record) -> Iterator[Finding]:
    """Findings of a record whose outputs are notes."""
    if record.right and iso(record.right) and _is_gone(record, record.right):
        yield Finding("dates", "keep", frozenset({("brief", "yes"), *_ALWAYS}))
    for said in _wanted(record):
        yield from _lost(record, said)


def lost_updates(record: Record) -> Iterator[Finding]:
    """Findings of a record whose outputs are decisions on memories."""
    kept = written(record.outputs)
    for said in _wanted(record):
        if not gives(record.inputs, said.value) or _says(kept, said):
            continue
        if said.operation == "correct":
            yield Finding("corrections", "keep", frozenset({("existing", "never")}))
        elif said.operation == "delete":
            yield Finding("endings", "keep", frozenset({("existing", "never")}))
        elif said.operation == "update":
            yield Finding("existing", "change")
        else:
            yield Finding("history", "keep")


def written(outputs: str) -> str:
    """What is remembered after decisions: the texts of additions and updates."""
    start, end = outputs.find("{"), outputs.rfind("}")
    try:
        rows: Any = json.loads(outputs[start : end + 1])["memory"]
        return "\n".join(str(row["text"]) for row in rows if row["event"] in ("ADD", "UPDATE"))
    except (ValueError, KeyError, TypeError):
        lines = _OLD.sub("", outputs).splitlines()
        return "\n".join(line for line in lines if not re.search(r"\b(?:NONE|DELETE)\b", line))


def _wanted(record: Record) -> Iterator[Said]:
    """The statements of the inputs that the record says matter: they hold what was wanted."""
    targets = [record.right] if record.right else []
    for text in (record.evidence, record.told):
        targets += [one or other for one, other in _QUOTED.findall(text)]
    named = [said for note in notes_of(record.evidence) for said in read(note.text)]
    for note in notes_of(record.inputs):
        for said in read(note.text):
            text = note.text[said.start : said.end]
            is_named = any(
                (one.value, one.operation) == (said.value, said.operation) for one in named
            )
            if is_named or any(_holds(text, said, target) for target in targets):
                yield said


def _holds(text: str, said: Said, target: str) -> bool:
    if iso(target) and len(target) < 20:
        return iso(target) in (said.when, iso(said.value))
    return gives(said.value, target) or gives(said.fate, target) or (
        gives(target, said.value) and (gives(text, target) or gives(target, text))
    )  # fmt: skip


def _is_gone(record: Record, target: str) -> bool:
    return gives(record.inputs, target) and not gives(record.outputs, target)


def _says(text: str, said: Said) -> bool:
    """Whether a text still states it: the value with what was done to it."""
    return any(
        (one.attribute, one.operation, one.value) == (said.attribute, said.operation, said.value)
        for note in notes_of(text)
        for one in read(note.text)
    )


def _lost(record: Record, said: Said) -> Iterator[Finding]:
    """What sort of thing was lost with a statement, if it was."""
    if _says(record.outputs, said):
        if said.when and not gives(record.outputs, in_words(said.when)):
            yield Finding("dates", "keep", frozenset({("brief", "yes")}))
        return
    if any(
        one.attribute == said.attribute and one.value == "something"
        for note in notes_of(record.outputs)
        for one in read(note.text)
    ):
        yield Finding("exact", "yes")
    elif said.operation in _OPERATIONS:
        yield Finding(_OPERATIONS[said.operation], "keep", _ALWAYS | _chosen(said))
    elif _DIGITS.fullmatch(said.value):
        yield Finding("codes", "keep", _ALWAYS)
    elif said.attribute.startswith(RELATION) or said.other:
        yield Finding("others", "keep", _ALWAYS | {("select", "own")} | _chosen(said))
    elif iso(said.value):
        yield Finding("dates", "keep", _ALWAYS)
    else:
        tastes = {("tastes", "drop")} if said.attribute in TASTES else set()
        yield Finding("select", "all", _ALWAYS | {("brief", "yes")} | tastes | _chosen(said))


def _chosen(said: Said) -> frozenset[tuple[str, str]]:
    """A choice of what is important explains the loss of what is not."""
    return frozenset({("select", "important")} if said.attribute in MINOR else ())
