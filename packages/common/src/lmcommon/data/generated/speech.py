"""From a choice to a sentence: values drawn without clashes, templates filled.

Also the wording of dates, the same everywhere: `3 March 2024`.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import date, timedelta

from lmcommon.data.generated.attributes import Attribute, with_article
from lmcommon.data.generated.facts import Fact, Operation

__all__ = ["Values", "date_words", "speak", "speak_of"]

_DATED_SHARE = 0.7
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def date_words(day: date) -> str:
    """Word a date. Example: `3 March 2024`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


class Values:
    """Deals the values of each attribute: all are used once before one comes again."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._decks: dict[str, list[str]] = {}

    def draw(self, attribute: Attribute, today: date, taken: Collection[str]) -> str:
        """Draw a value that is not in `taken`; for date attributes a day after `today`."""
        if attribute.is_date:
            days = range(5, 46)
            free = [d for d in days if date_words(today + timedelta(days=d)) not in taken]
            return date_words(today + timedelta(days=self._rng.choice(free)))
        deck = self._decks.setdefault(attribute.key, [])
        if not any(value not in taken for value in deck):
            deck[:0] = self._rng.sample(attribute.values, len(attribute.values))
        place = max(i for i, value in enumerate(deck) if value not in taken)
        return deck.pop(place)


def speak(
    rng: random.Random,
    attribute: Attribute,
    operation: Operation,
    *,
    person: str,
    value: str,
    old: str | None,
    session: int,
    span: tuple[date, date],
    is_dated: bool = False,
) -> Fact:
    """Let `person` state, change, correct or end a fact of their own.

    Args:
        rng: Source of the choice of words.
        attribute: The topic.
        operation: What happens to the fact.
        person: The speaker.
        value: The new value; for a deletion, the value that ends.
        old: The value that is replaced.
        session: Index of the session.
        span: First and last day on which a past event can have taken place.
        is_dated: Whether a first statement gives its date.
    """
    fate = ""
    if operation == "delete":
        deletion = rng.choice(attribute.deletion)
        template, fate = deletion.text, deletion.fate
    elif operation == "state":
        template = rng.choice(attribute.start if is_dated and attribute.start else attribute.state)
    else:
        template = rng.choice(attribute.update if operation == "update" else attribute.correction)
    day = _event_day(rng, attribute, operation, span) if "{when}" in template else None
    text = template.format(
        value=value,
        a_value=with_article(value),
        old=old,
        a_old=with_article(old) if old else "",
        when=f" on {date_words(day)}" if day else "",
    )
    return Fact(
        subject=person, attribute=attribute.key, operation=operation, value=value, old=old,
        date=day.isoformat() if day else None, fate=fate, speaker=person, session=session,
        text=text,
    )  # fmt: skip


def _event_day(
    rng: random.Random, attribute: Attribute, operation: Operation, span: tuple[date, date]
) -> date | None:
    """The day that the text names; None leaves it out, where that still makes a sentence."""
    earliest, latest = span
    if attribute.dating == "future":
        return latest + timedelta(days=rng.randint(5, 45))
    if operation != "state" and rng.random() > _DATED_SHARE:
        return None
    return earliest + timedelta(days=rng.randint(0, (latest - earliest).days))


def speak_of(
    rng: random.Random,
    attribute: Attribute,
    *,
    speaker: str,
    subject: str,
    called: str,
    value: str,
    session: int,
) -> Fact:
    """Let `speaker` say of a third person, `called` so in the text, that the value holds."""
    text = rng.choice(attribute.other).format(
        other=called, value=value, a_value=with_article(value)
    )
    return Fact(
        subject=subject, attribute=attribute.key, operation="state", value=value,
        speaker=speaker, session=session, text=text,
    )  # fmt: skip
