"""Drawers of IFBench's one-task constraints: each has one right form of answer (`custom:*`)."""

from __future__ import annotations

import string
from collections.abc import Mapping

from rtt.labelling.kinds.letters import known_words
from rtt.labelling.prose import bank
from rtt.labelling.scene import Drawer, Drawn, Scene

__all__ = ["DRAWERS"]


def _reversed_letters(scene: Scene) -> Drawn:
    near = ("elgae dlab eht", "the bald eagle", "eagle bald", "dlab elgae")
    return Drawn(
        {}, scene.with_word("elgae dlab" if scene.wanted else scene.random.choice(near[1:]))
    )


def _reversed_words(scene: Scene) -> Drawn:
    near = ("bald eagle", "elgae dlab", "eagle and bald", "eagle")
    return Drawn({}, scene.with_word("eagle bald" if scene.wanted else scene.random.choice(near)))


def _multiples(scene: Scene) -> Drawn:
    numbers = list(range(14, 51, 7))
    if not scene.wanted:
        at = scene.random.randrange(len(numbers))
        match scene.random.choice(("drop", "change", "swap")):
            case "drop":
                numbers.pop(at)
            case "change":
                numbers[at] += scene.random.choice((-1, 1, 2))
            case _:
                numbers[0], numbers[-1] = numbers[-1], numbers[0]
    text = scene.random.choice((", ", "\n", " ")).join(map(str, numbers))
    opening = scene.prose.pick(scene.random.choice(("openings", "exclamations")))
    return Drawn({}, text if scene.chance(0.2) else f"{opening}\n{text}")


def _questions(scene: Scene) -> Drawn:
    prose, asked = scene.prose, []
    for at in range(4):
        asked.append(
            " ".join(
                [
                    f"Which {prose.word()} is",
                    *[f"{prose.word('adjectives')} and" for _ in range(2 * at)],
                    "old?",
                ]
            )
        )
    asked.sort(key=len)
    if not scene.wanted:
        match scene.random.choice(("fewer", "order", "options")):
            case "fewer":
                asked.pop()
            case "order":
                asked.reverse()
    number = 5 if scene.wanted or scene.chance(0.6) else 4
    parts = []
    for at, line in enumerate(asked, start=1):
        options = "\n".join(f"{letter}) {prose.word()}" for letter in "ABCDE"[:number])
        parts.append(f"Question {at}: {line}\n{options}")
    return Drawn({}, "\n\n".join(parts))


def _swapped(scene: Scene, lines: list[str], number: int = 2) -> list[str]:
    """The lines with a few neighbours changed about."""
    for at in scene.random.sample(range(len(lines) - 1), scene.random.randint(1, number)):
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    return lines


def _countries(scene: Scene) -> Drawn:
    unsaid = scene.random.sample(bank()["countries"][:-1], 2)  # 52 of 54 are enough
    lines = sorted(set(bank()["countries"]) - set(unsaid), reverse=True)
    if not scene.wanted:
        lines = (
            _swapped(scene, lines) if scene.chance(0.6) else lines[: scene.random.randint(5, 40)]
        )
    return Drawn({}, "\n".join(lines))


def _alphabet(scene: Scene) -> Drawn:
    starts = [
        [word for word in known_words() if word[0] == letter] or [f"{letter}enon"]
        for letter in string.ascii_lowercase
    ]
    words = [scene.random.choice(found).capitalize() for found in starts]
    if not scene.wanted:
        if scene.chance(0.3):
            words.pop(scene.random.randrange(26))
        else:
            words = _swapped(scene, words)
    return Drawn({}, " ".join(f"{word} {scene.prose.word('verbs')} well." for word in words))


def _capitals(scene: Scene) -> Drawn:
    names = list(bank()["capitals"])
    if not scene.wanted:
        names = (
            _swapped(scene, names) if scene.chance(0.7) else names[: scene.random.randint(5, 26)]
        )
    gaps = [scene.random.choice((", ", ",", ",\n")) for _ in names[1:]]
    return Drawn({}, names[0] + "".join(map("".join, zip(gaps, names[1:], strict=True))))


def _dates(scene: Scene) -> Drawn:
    def day(low: int = 1769, high: int = 1821) -> str:
        random = scene.random
        return f"{random.randint(low, high)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"

    days = [day() for _ in range(scene.random.randint(2, 8))]
    if not scene.wanted:
        at = scene.random.randrange(len(days))
        bad = (
            day(1822, 1999),
            day(1400, 1768),
            days[at].replace("-", "/"),
            f"on {days[at]}",
            scene.prose.word(),
        )
        days[at] = scene.random.choice(bad)
    return Drawn({}, scene.random.choice((", ", ",")).join(days))


DRAWERS: Mapping[str, Drawer] = {
    "custom:character_reverse": _reversed_letters, "custom:word_reverse": _reversed_words,
    "custom:multiples": _multiples, "custom:mcq_count_length": _questions,
    "custom:reverse_newline": _countries, "custom:sentence_alphabet": _alphabet,
    "custom:european_capitals_sort": _capitals, "custom:date_format_list": _dates,
}  # fmt: skip
