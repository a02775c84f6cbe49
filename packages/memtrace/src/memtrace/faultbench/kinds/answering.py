"""Faults of the answer: the context suffices, and the reply is wrong all the same."""

from __future__ import annotations

import random
import re

from lmcommon.data.generated.facts import facts_of
from memtrace.faultbench.kinds.point import Aim, Bend, PointKind, Site
from memtrace.faultbench.targets import another, days_off, written_dates

__all__ = ["ANSWERING"]

_ANSWER = Site(kinds=("answer",), roles=("reply",), asked=True)
_ABSTENTIONS = ("I do not know.", "The notes do not say.", "There is no information about that.")
_NUMBER = re.compile(r"\b\d+\b")


def _saying(text: str) -> Bend:
    return lambda value: text if isinstance(value, str) and value.strip() else value


def _blind(aim: Aim, rng: random.Random) -> Bend | None:
    """An older value, or what holds for somebody else: as if the evidence had not been read."""
    fact = aim.target.fact
    stale = [str(one) for one in aim.question.metadata.get("stale", ())]
    foreign = [
        one.value for one in facts_of(aim.run.conversation)
        if one.attribute == fact.attribute and one.subject != fact.subject
        and one.value not in (fact.value, aim.question.answer)
    ]  # fmt: skip
    if aim.target.needle != fact.value or not (stale or foreign):
        return None
    return _saying(rng.choice(stale or foreign))


def _miscounted(aim: Aim, rng: random.Random) -> Bend | None:
    """A number of days, or a date, that is off by some."""
    said = str(aim.seen.value)
    off = rng.choice((1, 2, 3, 7, 10))
    if written_dates(said):
        return lambda value: days_off(value, off) if isinstance(value, str) else value
    if aim.question.category != "temporal" or not _NUMBER.search(said):
        return None

    def bend(value: object) -> object:
        if not isinstance(value, str):
            return value
        return _NUMBER.sub(lambda one: str(int(one.group()) + off), value)

    return bend


def _abstaining(aim: Aim, rng: random.Random) -> Bend:
    return _saying(rng.choice(_ABSTENTIONS))


def _distorted(aim: Aim, rng: random.Random) -> Bend | None:
    """What counts is said wrong."""
    if aim.question.category == "temporal" and not aim.target.is_date:
        return None
    return _saying(another(aim.target, aim.run.conversation, rng))


ANSWERING = (
    PointKind(
        name="ignore_evidence", sites=(_ANSWER,), bend=_blind, is_seen=False,
        in_words="the answer is an older value, or somebody else's",
    ),
    PointKind(
        name="wrong_time_arithmetic", sites=(_ANSWER,), bend=_miscounted, is_seen=False,
        in_words="the date or the number of days is off",
    ),
    PointKind(
        name="over_abstain", sites=(_ANSWER,), bend=_abstaining, is_seen=False,
        in_words="the model says that it does not know",
    ),
    PointKind(
        name="answer_distorted", sites=(_ANSWER,), bend=_distorted, is_seen=False,
        in_words="the answer is of the right sort, and wrong",
    ),
)  # fmt: skip
