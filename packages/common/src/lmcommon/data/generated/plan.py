"""Who says what, when: the plan of a generated conversation, before it is put into turns.

In: a random generator and the sizes. Out: a `World` of sessions with their facts. Facts of one
(subject, attribute) form a thread; its facts lie in different sessions, in order of time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from lmcommon.data.generated.attributes import Attribute
from lmcommon.data.generated.attributes_leisure import LEISURE
from lmcommon.data.generated.attributes_life import LIFE
from lmcommon.data.generated.facts import Fact, Operation
from lmcommon.data.generated.small_talk import KIN, OUTSIDERS, PEOPLE, RELATIONS
from lmcommon.data.generated.speech import Values, speak, speak_of

__all__ = ["ATTRIBUTES", "SessionPlan", "World", "plan_world"]

ATTRIBUTES: dict[str, Attribute] = {attribute.key: attribute for attribute in LIFE + LEISURE}

_SHAPES = ("update", "delete", "state", "correct", "bridge", "dated")
_RESERVED = 3
_FACT_SHARE = 0.6
_THIRD_PERSON_SHARE = 0.15
_LONGEST_THREAD = 5
_KIN_NAMES = 20


@dataclass(slots=True)
class SessionPlan:
    """One session to be written: its time, its two speakers, the room left, the facts."""

    index: int
    time: datetime
    earliest: date
    """First day after the session before: when the events told in this one can have been."""
    speakers: tuple[str, str]
    free: int
    facts: list[Fact] = field(default_factory=list)

    def take(self, fact: Fact) -> None:
        """Put a fact into the session."""
        self.facts.append(fact)
        self.free -= 1

    @property
    def span(self) -> tuple[date, date]:
        """First and last day of what is news in this session."""
        return self.earliest, self.time.date()


@dataclass(slots=True)
class World:
    """The plan. `reserved` holds (person, attribute) pairs that are never spoken of."""

    people: tuple[str, ...]
    sessions: list[SessionPlan]
    reserved: list[tuple[str, str]]


def plan_world(rng: random.Random, *, num_sessions: int, exchanges: int, num_people: int) -> World:
    """Plan all sessions.

    Args:
        rng: Source of all choices.
        num_sessions: Number of sessions.
        exchanges: Pairs of turns that a session has room for, greetings not counted.
        num_people: Number of people.
    """
    people = tuple(rng.sample(PEOPLE, num_people))
    sessions = _calendar(rng, people, num_sessions, max(1, round(exchanges * _FACT_SHARE)))
    values = Values(rng)
    unused = {person: rng.sample(list(ATTRIBUTES), len(ATTRIBUTES)) for person in people}
    reserved = [(person, unused[person].pop()) for person in people for _ in range(_RESERVED)]
    names = rng.sample(OUTSIDERS, len(OUTSIDERS))
    kin, strangers = names[:_KIN_NAMES], names[_KIN_NAMES:]
    relations = {person: rng.sample(RELATIONS, len(RELATIONS)) for person in people}
    shapes: list[str] = []
    step = 0
    while any(unused.values()):
        person = people[step % num_people]
        shapes = shapes or rng.sample(_SHAPES, len(_SHAPES))
        shape = shapes.pop()
        step += 1
        places = [s for s in sessions if s.free and person in s.speakers]
        if not unused[person] or not places:
            unused[person] = []
        elif shape == "bridge" and len(places) > 1 and strangers and relations[person]:
            pair = _in_order(rng, places, 2)
            _bridge(rng, values, person, relations[person].pop(), strangers.pop(), pair)
        else:
            _thread(rng, values, person, shape, unused[person], places)
    _third_persons(rng, values, kin, sessions, max(1, round(exchanges * _THIRD_PERSON_SHARE)))
    return World(people, sessions, reserved)


def _calendar(
    rng: random.Random, people: tuple[str, ...], num_sessions: int, room: int
) -> list[SessionPlan]:
    """Times that only move forward, and pairs of speakers in which everyone has a turn."""
    time = datetime(2024, rng.randint(1, 12), rng.randint(1, 28))
    earliest = time.date() - timedelta(days=5)
    deck: list[str] = []
    sessions = []
    for index in range(num_sessions):
        if len(deck) < 2:
            rest = [person for person in people if person not in deck]
            deck += rng.sample(rest, len(rest))
        pair = (deck.pop(0), deck.pop(0))
        moment = time + timedelta(hours=rng.randint(8, 21), minutes=rng.randint(0, 59))
        sessions.append(SessionPlan(index, moment, earliest, pair, room))
        earliest = time.date() + timedelta(days=1)
        time += timedelta(days=rng.randint(2, 12))
    return sessions


def _in_order(rng: random.Random, places: list[SessionPlan], count: int) -> list[SessionPlan]:
    return sorted(rng.sample(places, count), key=lambda session: session.index)


def _thread(
    rng: random.Random,
    values: Values,
    person: str,
    shape: str,
    unused: list[str],
    places: list[SessionPlan],
) -> None:
    """Tell one attribute of a person, from its first statement to its last change."""
    if len(places) < 2:
        shape = "dated" if shape == "dated" else "state"
    key = next((key for key in reversed(unused) if _supports(ATTRIBUTES[key], shape)), None)
    if key is None:
        key, shape = unused[-1], "state"
    unused.remove(key)
    operations = _operations(rng, shape, ATTRIBUTES[key], len(places))
    taken: list[str] = []
    for operation, session in zip(operations, _in_order(rng, places, len(operations)), strict=True):
        old = taken[-1] if taken else None
        if operation == "delete":
            assert old is not None
            value, old = old, None
        else:
            value = values.draw(ATTRIBUTES[key], session.time.date(), taken)
            taken.append(value)
        is_dated = shape == "dated" or rng.random() < 0.5
        fact = speak(
            rng, ATTRIBUTES[key], operation, person=person, value=value, old=old,
            session=session.index, span=session.span, is_dated=is_dated,
        )  # fmt: skip
        session.take(fact)


def _supports(attribute: Attribute, shape: str) -> bool:
    return {
        "update": bool(attribute.update),
        "delete": bool(attribute.deletion),
        "correct": bool(attribute.correction),
        "dated": bool(attribute.start),
    }.get(shape, True)


def _operations(
    rng: random.Random, shape: str, attribute: Attribute, num_places: int
) -> list[Operation]:
    """The life of a fact, at most as long as there are sessions to tell it in."""
    longest = min(num_places, _LONGEST_THREAD)
    updates: list[Operation] = ["update"] * longest
    if shape == "update":
        most = max(1, longest - 1)
        changes = min(rng.randint(1, most), rng.randint(1, most))
        return ["state", *updates[:changes]]
    if shape == "delete":
        changes = rng.randint(0, max(0, min(longest - 2, 2))) if attribute.update else 0
        return ["state", *updates[:changes], "delete"]
    if shape == "correct":
        return ["state", "correct"]
    return ["state"]


def _bridge(
    rng: random.Random,
    values: Values,
    person: str,
    relation: str,
    name: str,
    places: list[SessionPlan],
) -> None:
    """First who the relation is, then, in a later session, a fact about them by name."""
    first, later = places
    text = rng.choice(
        (
            f"My {relation} is called {name}, I do not think you two have met.",
            f"You should meet {name}, my {relation}.",
        )
    )
    first.take(
        Fact(
            subject=person,
            attribute=relation,
            operation="state",
            value=name,
            speaker=person,
            session=first.index,
            text=text,
        )
    )
    attribute = ATTRIBUTES[rng.choice(list(ATTRIBUTES))]
    value = values.draw(attribute, later.time.date(), ())
    later.take(
        speak_of(
            rng,
            attribute,
            speaker=person,
            subject=name,
            called=name,
            value=value,
            session=later.index,
        )
    )


def _third_persons(
    rng: random.Random, values: Values, names: list[str], sessions: list[SessionPlan], most: int
) -> None:
    """Distractors: the same kinds of facts about relatives and colleagues."""
    called = {name: f"My {rng.choice(KIN)} {name}" for name in names}
    pairs = [(name, key) for name in names for key in ATTRIBUTES]
    rng.shuffle(pairs)
    for session in sessions:
        for _ in range(rng.randint(0, most)):
            if not pairs:
                return
            name, key = pairs.pop()
            value = values.draw(ATTRIBUTES[key], session.time.date(), ())
            session.take(
                speak_of(
                    rng,
                    ATTRIBUTES[key],
                    speaker=rng.choice(session.speakers),
                    subject=name,
                    called=called[name],
                    value=value,
                    session=session.index,
                )
            )
