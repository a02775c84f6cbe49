"""How the prompted model answers questions under a brief.

It understands context and question as the simulated model does; the brief decides which value it
takes, what it does where the notes tell nothing, and how it words the answer. A vague prompt gets
guesses, in full sentences.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date

from lmcommon.data.generated.plan import ATTRIBUTES
from memtrace.faultbench.prompting.types import Brief
from memtrace.faultbench.simulated.answering import UNKNOWN, answered
from memtrace.faultbench.simulated.asking import asked_in
from memtrace.faultbench.simulated.calendar import in_words, iso
from memtrace.faultbench.simulated.history import Knowledge, Thread
from memtrace.faultbench.simulated.notes import notes_of, statements_of
from memtrace.faultbench.simulated.reading import read

__all__ = ["PRIVATE", "reply_under"]

PRIVATE = "I would rather not say that."
_EXPLAINED = (
    "To answer this I went through everything that the notes say, one after the other, and weighed "
    "what each of them tells about the matter. In the end the answer is {answer}."
)
_DIGITS = re.compile(r"\d+")
_GUESSED_DAY = date(2024, 5, 1)


def reply_under(context: str, question: str, brief: Brief) -> str:
    """The answer to a question from a context."""
    if brief.asked.get("corrections") == "drop":
        context = _uncorrected(context)
    answer = _found(context, question, brief)
    if answer == UNKNOWN:
        if _guesses(brief):
            answer = _guess(question)
        return _worded(answer, question, brief) if answer else UNKNOWN
    if brief.asked.get("codes") == "drop" and _DIGITS.fullmatch(answer):
        return PRIVATE
    if iso(answer):
        if brief.asked.get("dates") == "drop":
            return PRIVATE
        if brief.asked.get("dateform") == "coarse":
            answer = answer.split(" ", 1)[1]
    return _worded(answer, question, brief)


def _found(context: str, question: str, brief: Brief) -> str:
    asked = asked_in(question)
    needs_two = any(one.until or "'s " in one.person or " " in one.person for one in asked)
    if needs_two and brief.asked.get("hops") == "single":
        return UNKNOWN
    if brief.asked.get("unknown") == "doubt" and (needs_two or _is_doubtful(context, question)):
        return UNKNOWN
    answer = answered(context, question)
    if brief.asked.get("value") == "first" and any(one.kind == "now" for one in asked):
        return _first(context, question) or answer
    return answer


def _is_doubtful(context: str, question: str) -> bool:
    """Whether the notes give several values, or what is asked is not a value."""
    threads = _threads(context, question)
    return any(len(one.values) > 1 or one.gone for one in threads)


def _first(context: str, question: str) -> str:
    """The first value that was ever given, right or wrong."""
    for one in asked_in(question):
        for said in statements_of(context):
            if (said.subject, said.said.attribute) == (one.person, one.attribute):
                return said.said.old or said.said.value
    return ""


def _threads(context: str, question: str) -> list[Thread]:
    known = Knowledge(statements_of(context))
    return [known.thread(one.person, one.attribute) for one in asked_in(question)]


def _guesses(brief: Brief) -> bool:
    if way := brief.asked.get("unknown"):
        return way == "guess"
    return brief.way("source", careless="", careful="notes") != "notes"


def _guess(question: str) -> str:
    """Something that sounds likely: always the same for one question."""
    draw = int(hashlib.sha256(question.encode()).hexdigest(), 16)
    for one in asked_in(question):
        topic = ATTRIBUTES.get(one.attribute)
        if one.kind == "duration":
            return f"{draw % 60 + 2} days"
        if one.kind == "when" or topic is None or topic.is_date:
            return in_words(_GUESSED_DAY.replace(day=draw % 28 + 1).isoformat())
        if one.kind == "still":
            return "yes"
        if one.kind == "gone":
            return "sold it"
        return topic.values[draw % len(topic.values)]
    return ""


def _worded(answer: str, question: str, brief: Brief) -> str:
    form = brief.way("form", careless="sentence", careful="short")
    if form == "explained":
        return _EXPLAINED.format(answer=answer.rstrip("."))
    if form == "sentence":
        asked = question[:1].lower() + question[1:].rstrip("?")
        return f"The answer to the question {asked} according to the notes is {answer.rstrip('.')}."
    return answer.split()[0] if form == "word" else answer


def _uncorrected(context: str) -> str:
    """A context without what corrects something said before."""
    for note in notes_of(context):
        for said in read(note.text):
            if said.operation == "correct":
                context = context.replace(note.text[said.start : said.end], "")
    return context
