"""What an example proves: from a record to what a prompt should say.

A real reader compares what came in with what went out. What was there and is gone tells what sort
of thing gets lost; what was never there tells nothing. Advice in the feedback is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from memtrace.faultbench.prompting.reflecting.comparing import gives
from memtrace.faultbench.prompting.reflecting.losses import lost_notes, lost_updates
from memtrace.faultbench.prompting.reflecting.ranking import misranked
from memtrace.faultbench.prompting.reflecting.replies import bad_replies
from memtrace.faultbench.prompting.reflecting.types import Finding, Record
from memtrace.faultbench.prompting.reflecting.wordings import bad_queries
from memtrace.faultbench.prompting.types import Job, Sentence
from memtrace.faultbench.prompting.understanding import sentences_of, settled
from memtrace.faultbench.prompting.vocabulary import COVERS, THINGS

__all__ = ["advice_in", "condemned_in", "findings_of"]

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_QUOTES = re.compile(r"[\"“‘`][^\"”’`\n]*[\"”’`]|(?<=\s)'[^'\n]+'(?=[\s.,;:]|$)")
_ADVICE = re.compile(
    r"\bshould|\bmust\b|\bneeds? to\b|\bought to\b|\bask (?:it |for )|\btell it\b|\binstruct|"
    r"\bhas to\b|\bbetter to\b",
    re.IGNORECASE,
)
_LOSS = re.compile(
    r"\b(?:lost|loses?|losing|dropp?(?:ed|s|ing)|missing|misse[sd]|left out|leaves? (?:\w+ )?out|"
    r"omit(?:s|ted)|gone|ignor(?:ed|es)|forg[eo]ts?|disappear(?:ed|s)|not kept|never noted|"
    r"did not survive|does not survive)\b",
    re.IGNORECASE,
)
_CONDEMNS = re.compile(
    r"\bshould not say\b|\b(?:remove|drop|delete|take out|does harm|is harmful|is to blame)\b",
    re.IGNORECASE,
)
_FACT = re.compile(r"\b(?:facts?|statements?|information|details?)\b", re.IGNORECASE)
_LOSES: dict[Job, frozenset[str]] = {
    "notes": frozenset({"dates", "codes", "corrections", "changes", "endings", "others", "tastes"}),
    "update": frozenset({"corrections", "endings"}),
    "qa": frozenset(),
    "rewrite": frozenset({"names"}),
    "rerank": frozenset(),
}


def findings_of(record: Record, job: Job) -> list[tuple[Finding, int]]:
    """What follows from an example, each with how much it weighs; nothing from one that is fine."""
    if not record.is_failure:
        return []
    return [
        *((finding, 2) for finding in advice_in(record.told, job)),
        *((finding, 1) for finding in dict.fromkeys(_seen(record, job))),
    ]


def advice_in(text: str, job: Job) -> list[Finding]:
    """What feedback in words says of a prompt: what it should ask, and what got lost."""
    found: dict[Finding, None] = {}
    for sentence in _SENTENCE.split(_QUOTES.sub("...", text)):
        if "should not say" in sentence:
            continue
        if _ADVICE.search(sentence):
            found |= {Finding(topic, way): None for topic, way in settled(sentence, job)}
        elif _LOSS.search(sentence):
            found |= dict.fromkeys(_named(sentence, job))
    return list(found)


def condemned_in(text: str, prompt: str, job: Job) -> list[Sentence]:
    """The sentences of a prompt that feedback in words tells to take out."""
    lines = [line for line in text.splitlines() if _CONDEMNS.search(line)]
    return [
        sentence
        for sentence in sentences_of(prompt, job)
        if any(sentence.text in line for line in lines) and sentence.settles
    ]


def _named(sentence: str, job: Job) -> Iterator[Finding]:
    """The things that a sentence says got lost."""
    named = [thing for thing in THINGS if THINGS[thing].search(sentence)]
    topics = [thing for thing in named if thing in _LOSES[job]]
    covered = {part for topic in topics for part in COVERS.get(topic, ()) if part != topic}
    yield from (Finding(topic, "keep") for topic in topics if topic not in covered)
    if not topics and job == "notes" and _FACT.search(sentence):
        yield Finding("select", "all", frozenset({("limit", "*")}))


def _seen(record: Record, job: Job) -> Iterator[Finding]:
    if job in ("notes", "update") and record.right and gives(record.outputs, record.right):
        return
    if job == "notes":
        yield from lost_notes(record)
    elif job == "update":
        yield from lost_updates(record)
    elif job == "qa":
        yield from bad_replies(record)
    elif job == "rewrite":
        yield from bad_queries(record)
    else:
        yield from misranked(record)
