"""What an answer rests on: the facts of the question's evidence, and what in each must survive.

In: a generated conversation and one of its questions. Out: `Target`s, which know their own words
again wherever a pipeline passes them on. Only the bench uses them; attribution never sees a ledger.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from lmcommon.data.generated.facts import Fact, facts_of
from lmcommon.data.generated.plan import ATTRIBUTES
from lmcommon.data.generated.small_talk import OUTSIDERS
from lmcommon.data.generated.speech import date_words
from lmcommon.data.types import Conversation, Question

__all__ = ["Target", "another", "days_off", "targets_of", "written_dates"]

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = re.compile(rf"\b(\d{{1,2}}) ({_MONTHS}) (\d{{4}})\b")


@dataclass(frozen=True)
class Target:
    """A fact that an answer rests on. `target in text` is whether a text tells it.

    Example: `Target(fact=fact, needle="Lisbon", is_last=True)`
    """

    fact: Fact
    needle: str
    """The words of it that the answer cannot do without."""
    is_last: bool
    """Whether it is the fact that gives the answer, and not one on the way to it."""

    def __contains__(self, text: str) -> bool:
        return all(pattern.search(text) is not None for pattern in self._patterns)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        words = dict.fromkeys((self.needle, self.fact.value))
        return tuple(re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.I) for word in words)

    @property
    def is_date(self) -> bool:
        """Whether what counts is a date."""
        return _DATE.fullmatch(self.needle) is not None


def targets_of(conversation: Conversation, question: Question) -> list[Target]:
    """The facts of the evidence, the one that gives the answer first.

    Args:
        conversation: Has the ledger in its metadata.
        question: One of its questions.
    """
    ledger = {fact.turn_id: fact for fact in facts_of(conversation)}
    facts = [ledger[turn] for turn in question.evidence if turn in ledger]
    found = [
        Target(fact=fact, needle=_needle(fact, question), is_last=fact is facts[-1])
        for fact in facts
    ]
    return sorted(found, key=lambda one: not one.is_last)


def _needle(fact: Fact, question: Question) -> str:
    """What the fact gives to the answer, in words that its text has."""
    gold, text = (question.answer or "").lower(), fact.text.lower()
    day = "" if fact.date is None else date_words(date.fromisoformat(fact.date))
    told = [one for one in (fact.value, day, fact.fate, fact.old or "") if one.lower() in text]
    for words in told:
        if words and words.lower() in gold:
            return words
    if question.category == "temporal" and day in told and day:
        return day
    return fact.fate or fact.value


def another(target: Target, conversation: Conversation, rng: random.Random) -> str:
    """Another needle of the same sort that is said nowhere in the conversation."""
    if target.is_date:
        return days_off(target.needle, rng.randint(2, 19))
    if target.needle == target.fact.fate and target.needle != target.fact.value:
        fates = [one.fate for one in ATTRIBUTES[target.fact.attribute].deletion]
        return rng.choice([one for one in fates if one != target.needle] or ["kept it after all"])
    attribute = ATTRIBUTES.get(target.fact.attribute)
    values = OUTSIDERS if attribute is None else attribute.values
    said = " ".join(turn.text for turn in conversation.turns).lower()
    free = [value for value in values if value.lower() not in said]
    return rng.choice(free or [value for value in values if value != target.needle])


def days_off(text: str, days: int) -> str:
    """The text with every written date so many days later. `3 March 2024` -> `5 March 2024`."""

    def later(match: re.Match[str]) -> str:
        found = written_dates(match.group())
        return date_words(found[0] + timedelta(days=days)) if found else match.group()

    return _DATE.sub(later, text)


def written_dates(text: str) -> list[date]:
    """The dates that stand in a text in words."""
    months = _MONTHS.split("|")
    found = []
    for day, month, year in _DATE.findall(text):
        try:
            found.append(date(int(year), months.index(month) + 1, int(day)))
        except ValueError:
            continue
    return found
