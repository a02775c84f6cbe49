"""Faults of the index: the entry is missing, out of date, or somebody else's."""

from __future__ import annotations

import random

from lmcommon.data.generated.attributes import with_article
from lmcommon.data.generated.plan import ATTRIBUTES
from lmcommon.data.generated.small_talk import OUTSIDERS
from memtrace.faultbench.kinds.bending import losing_rows, replacing, told
from memtrace.faultbench.kinds.point import Aim, Bend, PointKind, Site
from memtrace.faultbench.shapes import edited

__all__ = ["INDEXING"]

_INDEX = Site(kinds=("index",), roles=("items",))
_STORE = Site(kinds=("store",), roles=("writes",))


def _stale(aim: Aim, rng: random.Random) -> Bend:
    fact = aim.target.fact
    if fact.old is not None and aim.target.needle == fact.value:
        return told(aim, fact.value, fact.old)
    return replacing(aim, rng)


def _foreign(aim: Aim, rng: random.Random) -> Bend:
    """Another user's statement stands where the fact should."""
    said = " ".join(turn.text for turn in aim.run.conversation.turns)
    free = [(one, value) for one in ATTRIBUTES.values() for value in one.values
            if value not in said and "{when}" not in one.state[0]]  # fmt: skip
    attribute, value = rng.choice(free)
    text = rng.choice(attribute.state).format(value=value, a_value=with_article(value))
    line = f"{rng.choice(OUTSIDERS)}: {text}"
    return lambda given: edited(given, lambda one: line if one in aim.target else one)


INDEXING = (
    PointKind(
        name="missing_entry", sites=(_INDEX, _STORE), bend=losing_rows,
        in_words="the entry never reaches the index",
    ),
    PointKind(
        name="stale_entry", sites=(_INDEX, _STORE), bend=_stale,
        in_words="the entry holds an outdated text",
    ),
    PointKind(
        name="wrong_scope", sites=(_INDEX, _STORE), bend=_foreign,
        in_words="the entry is filed under another user, and another user's stands here",
    ),
)  # fmt: skip
