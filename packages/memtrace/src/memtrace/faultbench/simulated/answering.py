"""Answers from a context and nothing else, as a careful reader gives them.

The latest value that the context shows is taken as the present one: where an update was lost, the
older value is the answer. What the context says of one person is never said of another. What it
does not say is answered with `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from memtrace.faultbench.simulated.asking import asked_in, clauses_in
from memtrace.faultbench.simulated.calendar import days_between, in_words
from memtrace.faultbench.simulated.history import Knowledge, Thread, same
from memtrace.faultbench.simulated.notes import statements_of
from memtrace.faultbench.simulated.types import Asked

__all__ = ["UNKNOWN", "answered", "knowledge_of", "person_meant"]

UNKNOWN = "I do not know."
_WHO = "the person who "


def answered(context: str, question: str) -> str:
    r"""The answer to a question from a context.

    Example:
        >>> answered("[9 March 2024]\nAna: I live in Oslo, in a small flat above a bakery.",
        ...          "In which city does Ana live now?")
        'Oslo'
    """
    known = knowledge_of(context)
    answers = (_answer(known, asked) for asked in asked_in(question))
    return next((answer for answer in answers if answer), UNKNOWN)


@lru_cache(maxsize=256)
def knowledge_of(context: str) -> Knowledge:
    """What a context lets one know; not to be changed."""
    return Knowledge(statements_of(context))


def _answer(known: Knowledge, asked: Asked) -> str:
    """The answer to one reading of a question; empty if the context does not tell."""
    person = person_meant(known, asked.person)
    if not person:
        return ""
    return _KINDS[asked.kind](known, known.thread(person, asked.attribute), asked)


def _now(known: Knowledge, thread: Thread, asked: Asked) -> str:
    if thread.values and not thread.latest:
        return f"None any more: {thread.fate_of(thread.values[-1])}."
    return thread.latest


def _before(known: Knowledge, thread: Thread, asked: Asked) -> str:
    """The value before the named one, or the last one known where that one is not known."""
    place = thread.place(asked.value)
    earlier = thread.values[:place] if place >= 0 else thread.values
    return earlier[-1] if earlier else ""


def _when(known: Knowledge, thread: Thread, asked: Asked) -> str:
    day = _day(known, asked)
    return in_words(day) if day else ""


def _first(known: Knowledge, thread: Thread, asked: Asked) -> str:
    """The earlier of two values; both must be known to be compared."""
    one, two = thread.place(asked.value), thread.place(asked.other)
    if one < 0 or two < 0:
        return ""
    return asked.value if one < two else asked.other


def _still(known: Knowledge, thread: Thread, asked: Asked) -> str:
    if thread.fate_of(asked.value):
        return "no"
    if thread.place(asked.value) < 0:
        return ""
    return "yes" if same(thread.latest, asked.value) else "no"


def _gone(known: Knowledge, thread: Thread, asked: Asked) -> str:
    return thread.fate_of(asked.value)


def _duration(known: Knowledge, thread: Thread, asked: Asked) -> str:
    """Days between two events; both must be dated."""
    start = _day(known, asked)
    end = next(filter(None, (_day(known, until) for until in asked.until)), "")
    if not start or not end:
        return ""
    days = days_between(start, end)
    return f"{days} day{'' if days == 1 else 's'}"


_KINDS: Mapping[str, Callable[[Knowledge, Thread, Asked], str]] = {
    "now": _now, "before": _before, "when": _when, "first": _first, "still": _still,
    "gone": _gone, "duration": _duration,
}  # fmt: skip


def _day(known: Knowledge, asked: Asked) -> str:
    """The day of an event, ISO."""
    person = person_meant(known, asked.person)
    thread = known.thread(person, asked.attribute)
    place = thread.place(asked.value)
    return thread.days[place] if person and place >= 0 else ""


def person_meant(known: Knowledge, words: str) -> str:
    """Whom the words of a question mean, by name; empty if the context does not tell."""
    if words.startswith(_WHO):
        found = (known.whose(*clause) for clause in clauses_in(words.removeprefix(_WHO)))
        return next(filter(None, found), "")
    name, _, relation = words.partition("'s ")
    return known.relation(name, relation) if relation else name
