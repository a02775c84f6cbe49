"""Questions about a generated conversation, all made from its ledger.

Every answer follows from its evidence turns alone: it stands there word for word, or (durations)
is computed from two dates that stand there. Categories: single-hop, multi-hop, temporal, update,
correction, deletion, unanswerable.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise
from typing import Any

from lmcommon.data.generated.attributes import with_article
from lmcommon.data.generated.facts import Fact, standing
from lmcommon.data.generated.plan import ATTRIBUTES, World
from lmcommon.data.generated.small_talk import RELATIONS
from lmcommon.data.generated.speech import date_words
from lmcommon.data.types import Question

__all__ = ["CATEGORIES", "ask"]

CATEGORIES = (
    "single-hop", "update", "deletion", "multi-hop", "temporal", "correction", "unanswerable",
)  # fmt: skip

Threads = dict[tuple[str, str], list[Fact]]


def ask(
    rng: random.Random, world: World, ledger: Iterable[Fact], *, number: int, prefix: str
) -> tuple[Question, ...]:
    """Ask up to `number` questions, the categories in turn as long as they last.

    Args:
        rng: Source of the choice among the possible questions.
        world: The plan, for the people and for what was never said.
        ledger: The facts, in order of utterance.
        number: How many questions at most.
        prefix: Start of every question id.
    """
    threads: Threads = {}
    for fact in ledger:
        threads.setdefault((fact.subject, fact.attribute), []).append(fact)
    pools: dict[str, list[dict[str, Any]]] = {category: [] for category in CATEGORIES}
    for draft in _drafts(world, threads):
        pools[draft["category"]].append(draft)
    for pool in pools.values():
        rng.shuffle(pool)
    chosen: list[Question] = []
    while len(chosen) < number and any(pools.values()):
        for category in CATEGORIES:
            if pools[category] and len(chosen) < number:
                draft = pools[category].pop()
                chosen.append(Question(id=f"{prefix}:q{len(chosen) + 1}", **draft))
    return tuple(chosen)


def _drafts(world: World, threads: Threads) -> Iterator[dict[str, Any]]:
    """All questions that the threads allow, as fields of `Question`."""
    people = set(world.people)
    for (subject, attribute), thread in threads.items():
        if subject not in people or attribute in RELATIONS:
            continue
        if thread[-1].operation == "delete":
            yield from _deletion(thread)
        else:
            yield _current(thread)
        yield from _before(thread)
        yield from _when(thread)
    for person in world.people:
        yield from _durations(person, threads)
    yield from _bridges(people, threads)
    yield from _joins(people, threads)
    for person, attribute in world.reserved:
        yield _draft(
            "unanswerable", "absent", ATTRIBUTES[attribute].now.format(person=person), None, [],
            person=person, attribute=attribute,
        )  # fmt: skip


def _draft(
    category: str,
    kind: str,
    text: str,
    answer: str | None,
    facts: list[Fact],
    *,
    stale: Iterable[str] = (),
    person: str | None = None,
    attribute: str | None = None,
) -> dict[str, Any]:
    """Fields of a `Question`; the last fact is the one that gives the answer."""
    last = facts[-1] if facts else None
    return {
        "text": text,
        "answer": answer,
        "evidence": tuple(dict.fromkeys(fact.turn_id for fact in facts)),
        "category": category,
        "metadata": {
            "kind": kind,
            "person": person or (last.subject if last else None),
            "attribute": attribute or (last.attribute if last else None),
            "value": last.value if last else None,
            "stale": list(stale),
            "operation": last.operation if last else None,
            "facts": [fact.to_dict() for fact in facts],
        },
    }


def _fill(template: str, person: str, value: str) -> str:
    return template.format(person=person, value=value, a_value=with_article(value))


def _stale(thread: list[Fact]) -> list[str]:
    return [fact.value for fact in thread[:-1] if fact.value != thread[-1].value]


def _current(thread: list[Fact]) -> dict[str, Any]:
    last = thread[-1]
    category = {"state": "single-hop", "update": "update", "correct": "correction"}[last.operation]
    text = _fill(ATTRIBUTES[last.attribute].now, last.subject, last.value)
    return _draft(category, "current", text, last.value, [last], stale=_stale(thread))


def _deletion(thread: list[Fact]) -> Iterator[dict[str, Any]]:
    last, attribute = thread[-1], ATTRIBUTES[thread[-1].attribute]
    stale = [fact.value for fact in thread[:-1]]
    gone = _fill(attribute.gone, last.subject, last.value)
    yield _draft("deletion", "fate", gone, last.fate, thread[-2:], stale=stale)
    still = _fill(attribute.still, last.subject, last.value)
    yield _draft("deletion", "still", still, "no", thread[-2:], stale=stale)


def _before(thread: list[Fact]) -> Iterator[dict[str, Any]]:
    """What held before the latest update, and which of the two came first."""
    values = [fact for fact in standing(thread) if fact.operation != "delete"]
    if len(values) < 2 or thread[-1].operation != "update":
        return
    old, new = values[-2:]
    attribute = ATTRIBUTES[new.attribute]
    text = _fill(attribute.before, new.subject, new.value)
    others = [fact.value for fact in thread if fact.value != old.value]
    yield _draft("temporal", "before", text, old.value, [new, old], stale=others)
    if attribute.first:
        x, y = sorted([old.value, new.value])
        text = attribute.first.format(person=new.subject, x=x, y=y)
        yield _draft("temporal", "first", text, old.value, [new, old], stale=[new.value])


def _when(thread: list[Fact]) -> Iterator[dict[str, Any]]:
    for place, fact in enumerate(thread):
        attribute = ATTRIBUTES[fact.attribute]
        is_void = place + 1 < len(thread) and (
            attribute.dating == "future" or thread[place + 1].operation == "correct"
        )
        if attribute.when and fact.date and fact.operation != "delete" and not is_void:
            text = _fill(attribute.when, fact.subject, fact.value)
            yield _draft("temporal", "when", text, _words(fact), [fact])


def _words(fact: Fact) -> str:
    assert fact.date is not None
    return date_words(date.fromisoformat(fact.date))


def _durations(person: str, threads: Threads) -> Iterator[dict[str, Any]]:
    """Days between two dated events of one person: neighbours in time only."""
    events = sorted(
        (
            fact
            for (subject, key), thread in threads.items()
            if subject == person and key in ATTRIBUTES and ATTRIBUTES[key].event
            for fact in standing(thread)
            if fact.date and fact.operation in ("state", "update")
        ),
        key=lambda fact: fact.date or "",
    )
    for one, two in pairwise(events):
        if one.date is None or two.date is None or one.date == two.date:
            continue
        days = (date.fromisoformat(two.date) - date.fromisoformat(one.date)).days
        phrases = [_fill(ATTRIBUTES[f.attribute].event, person, f.value) for f in (one, two)]
        text = (
            f"How many days passed between the day {person} {phrases[0]} "
            f"and the day {person} {phrases[1]}?"
        )
        answer = f"{days} day{'s' if days > 1 else ''}"
        yield _draft("temporal", "duration", text, answer, [one, two])


def _bridges(people: set[str], threads: Threads) -> Iterator[dict[str, Any]]:
    """`Where does Ana's flatmate live?`: the relation in one turn, the fact in another."""
    outsiders = {key[0]: thread for key, thread in threads.items() if key[0] not in people}
    for (person, relation), thread in threads.items():
        if relation not in RELATIONS:
            continue
        name = thread[0].value
        fact = outsiders[name][0]
        text = ATTRIBUTES[fact.attribute].now.format(person=f"{person}'s {relation}")
        yield _draft("multi-hop", "bridge", text, fact.value, [thread[0], fact])


def _joins(people: set[str], threads: Threads) -> Iterator[dict[str, Any]]:
    """`Where does the person who plays the oboe live?`: found by one fact, asked for another."""
    said = Counter(
        (attribute, value)
        for (_, attribute), thread in threads.items()
        for value in {fact.value for fact in thread}
    )
    standing_now = {
        key: thread
        for key, thread in threads.items()
        if key[0] in people and key[1] in ATTRIBUTES and thread[-1].operation != "delete"
    }
    for (person, key), thread in standing_now.items():
        attribute, mark = ATTRIBUTES[key], thread[-1]
        if not attribute.who or said[key, mark.value] > 1:
            continue
        who = f"the person who {_fill(attribute.who, person, mark.value)}"
        for (other, asked), goal in standing_now.items():
            now = ATTRIBUTES[asked].now
            if other == person and asked != key and "{person}'s" not in now:
                yield _draft(
                    "multi-hop", "join", now.format(person=who), goal[-1].value,
                    [mark, goal[-1]], stale=_stale(goal),
                )  # fmt: skip
