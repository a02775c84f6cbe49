"""Questions, criteria and passages made from templates and a seed, with known answers."""

from __future__ import annotations

import random
from dataclasses import dataclass

NAMES = (
    "Amara", "Bjorn", "Celia", "Dmitri", "Elif", "Farid", "Greta", "Hamza", "Ines", "Jonas",
    "Kaori", "Lucia", "Mateo", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Stefan", "Tomoko",
)  # fmt: skip
CITIES = (
    "Lisbon", "Tampere", "Valencia", "Krakow", "Bergen", "Toronto", "Nairobi", "Osaka", "Quito",
    "Dublin", "Ghent", "Porto", "Aarhus", "Split", "Leipzig",
)  # fmt: skip
JOBS = (
    "baker", "surveyor", "nurse", "carpenter", "translator", "pilot", "librarian", "plumber",
    "geologist", "florist", "lawyer", "cook",
)  # fmt: skip
PETS = ("parrot", "tortoise", "greyhound", "rabbit", "goldfish", "ferret", "pony", "hamster")
COLOURS = ("red", "green", "yellow", "purple", "orange", "white", "brown", "silver")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
KINDS = {
    "city": ("{name} moved to {value}.", "Which city did {name} move to?", CITIES),
    "job": ("{name} works as a {value}.", "What does {name} work as?", JOBS),
    "pet": ("{name} keeps a {value} at home.", "Which animal does {name} keep at home?", PETS),
    "colour": ("{name} drives a {value} car.", "What colour is the car of {name}?", COLOURS),
    "month": ("{name} has a birthday in {value}.", "In which month is the birthday of {name}?",
              MONTHS),
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A short text, a question about it, and the words that answer it."""

    passage: str
    question: str
    answer: str


@dataclass(frozen=True)
class Pair:
    """A reply, a criterion, and whether the reply satisfies it."""

    criterion: str
    reply: str
    is_satisfied: bool


@dataclass(frozen=True)
class Choice:
    """Three passages, of which one holds the answer."""

    passages: tuple[str, str, str]
    question: str
    answer: str
    gold: int


def questions(count: int, seed: int) -> list[Question]:
    """Six facts about three people; two share the kind that is asked for."""
    rng = random.Random(f"questions/{seed}")
    return [_question(rng) for _ in range(count)]


def pairs(count: int, seed: int) -> list[Pair]:
    """Half satisfied, half not, four kinds of criterion, in random order."""
    rng = random.Random(f"pairs/{seed}")
    makers = (_agrees, _mentions, _refuses, _later)
    made = [makers[index // 2 % 4](rng, index % 2 == 0) for index in range(count)]
    rng.shuffle(made)
    return made


def choices(count: int, seed: int) -> list[Choice]:
    """The other two passages speak of the same person, and of the same kind of fact."""
    rng = random.Random(f"choices/{seed}")
    return [_choice(rng) for _ in range(count)]


def _question(rng: random.Random) -> Question:
    names = rng.sample(NAMES, 3)
    kind, *others = rng.sample(sorted(KINDS), 3)
    values = rng.sample(KINDS[kind][2], 2)
    facts = [KINDS[kind][0].format(name=n, value=v) for n, v in zip(names, values, strict=False)]
    for other in others:
        for name in rng.sample(names, 2):
            facts.append(KINDS[other][0].format(name=name, value=rng.choice(KINDS[other][2])))
    rng.shuffle(facts)
    return Question(" ".join(facts), KINDS[kind][1].format(name=names[0]), values[0])


def _agrees(rng: random.Random, is_satisfied: bool) -> Pair:
    kind = rng.choice(sorted(KINDS))
    name = rng.choice(NAMES)
    reference, other = rng.sample(KINDS[kind][2], 2)
    said = KINDS[kind][0].format(name=name, value=reference if is_satisfied else other)
    question = KINDS[kind][1].format(name=name)
    return Pair(
        f"The reply answers the question {question!r} with {reference!r}.", said, is_satisfied
    )


def _mentions(rng: random.Random, is_satisfied: bool) -> Pair:
    name, price = rng.choice(NAMES), rng.randint(12, 90)
    given = f"It costs {price} euros." if is_satisfied else "It is quite affordable."
    reply = f"{name} recommends the guided walk through {rng.choice(CITIES)}. {given}"
    return Pair("The reply states a price as a number.", reply, is_satisfied)


def _refuses(rng: random.Random, is_satisfied: bool) -> Pair:
    name, city = rng.choice(NAMES), rng.choice(CITIES)
    reply = (
        f"I am sorry, but I do not know where {name} lives."
        if is_satisfied
        else f"{name} lives in {city}, near the old harbour."
    )
    return Pair("The reply says that the answer is not known.", reply, is_satisfied)


def _later(rng: random.Random, is_satisfied: bool) -> Pair:
    first, second = rng.sample(MONTHS, 2)
    moved = f"The concert was moved from {first} to {second}."
    kept = f"The concert is on a Friday in {first}, as planned."
    return Pair(
        "The reply says that a date was changed.", moved if is_satisfied else kept, is_satisfied
    )


def _choice(rng: random.Random) -> Choice:
    name, other = rng.sample(NAMES, 2)
    asked, unrelated = rng.sample(sorted(KINDS), 2)
    answer, wrong = rng.sample(KINDS[asked][2], 2)
    passages = [
        KINDS[asked][0].format(name=name, value=answer),
        KINDS[asked][0].format(name=other, value=wrong),
        KINDS[unrelated][0].format(name=name, value=rng.choice(KINDS[unrelated][2])),
    ]
    order = rng.sample(range(3), 3)
    one, two, three = (passages[index] for index in order)
    question = KINDS[asked][1].format(name=name)
    return Choice((one, two, three), question, answer, order.index(0))
