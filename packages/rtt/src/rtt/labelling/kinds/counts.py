"""Drawers of IFBench's counts, shares and balances (`count:*`, `ratio:*`)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lmcommon.verify.checking import check
from rtt.labelling.prose import bank
from rtt.labelling.scene import Drawer, Drawn, Scene, sentence_texts

__all__ = ["DRAWERS", "counted"]

_CONJUNCTIONS = ("and", "but", "for", "nor", "or", "so", "yet")
_TIMES = (1, 2, 3, 5, 7)


def counted(constraint_id: str, text: str) -> int:
    """How many places a counting check with the argument N names in a text."""
    verdict = check(constraint_id, {"N": 0}, prompt="", response=text)
    return len(verdict.spans or ())


def _conjunctions(scene: Scene) -> Drawn:
    text = scene.text
    for word in scene.random.sample(_CONJUNCTIONS, scene.random.randint(0, 3)):
        text = f"{text} {scene.prose.phrase().capitalize()} {word} {scene.prose.phrase()}."
    words = {
        chunk for chunk in text.split() if chunk.strip(".,;:!?\"'()[]*").lower() in _CONJUNCTIONS
    }
    return Drawn({"small_n": scene.at_least(len(words))}, text)


def _keywords_multiple(scene: Scene) -> Drawn:
    words = scene.absent(5)
    pieces = [word for word, times in zip(words, _TIMES, strict=True) for _ in range(times)]
    if not scene.wanted:
        for _ in range(scene.random.randint(1, 2)):
            pieces.append(scene.random.choice(words))
        pieces.remove(scene.random.choice(pieces))
    scene.random.shuffle(pieces)
    lines = [f"{scene.prose.phrase()} {piece}" for piece in pieces]
    text = ", ".join(lines).capitalize() + "."
    return Drawn({f"keyword{at}": word for at, word in enumerate(words, start=1)}, text)


def _numbers(scene: Scene) -> Drawn:
    text = scene.text
    for _ in range(scene.random.randint(0, 2)):
        text = Scene(scene.prose, text, True).with_word(str(scene.random.randint(1, 2000)))
    return Drawn({"N": scene.near(counted("count:numbers", text), least=0)}, text)


def _names(scene: Scene) -> Drawn:
    text, known = scene.text, bank()["known_names"]
    for name in scene.random.sample(known, scene.random.randint(0, 3)):
        text = Scene(scene.prose, text, True).with_word(name)
    found = {word for word in re.findall(r"\w+", text) if word in known}
    return Drawn({"N": scene.at_least(len(found))}, text)


def _pronouns(scene: Scene) -> Drawn:
    return Drawn({"N": scene.at_least(counted("count:pronouns", scene.text))}, scene.text)


def _punctuation(scene: Scene) -> Drawn:
    prose = scene.prose
    ends = [
        f"{prose.phrase()}; {prose.phrase()}.",
        f"{prose.title()}!",
        f"{prose.phrase()}: {prose.word()}, {prose.word()}.",
        f"Who {prose.word('verbs')} the {prose.word()}?",
        f"{prose.title()}?!",
    ]
    if not scene.wanted:
        ends.pop(scene.random.randrange(len(ends)))
    return Drawn({}, " ".join([scene.text if scene.chance(0.3) else prose.sentence(), *ends]))


def _unique_words(scene: Scene) -> Drawn:
    edge = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "
    count = len({chunk.strip(edge).lower() for chunk in scene.text.split()})
    return Drawn({"N": scene.at_least(count, least=max(count - 10, 1))}, scene.text)


def _japanese(scene: Scene) -> Drawn:
    step, words = scene.random.randint(2, 4), scene.text.split()[:40]
    for at in range(step - 1, len(words), step):
        words[at] = scene.random.choice(bank()["japanese"])
    if not scene.wanted:
        places = range(step - 1, len(words), step)
        for at in scene.random.sample(places, min(len(places), scene.random.randint(1, 3))):
            words[at] = scene.prose.any_word()
    return Drawn({"N": step}, " ".join(words))


def _overlap(scene: Scene) -> Drawn:
    mine = sentence_texts(scene.text) or [scene.text]
    reference = " ".join([*mine[: scene.random.randint(1, len(mine))], scene.prose.paragraph(2)])
    own = {scene.text[at : at + 3] for at in range(len(scene.text) - 2)}
    other = {reference[at : at + 3] for at in range(len(reference) - 2)}
    share = round(100 * len(own & other) / max(len(own), 1))
    away = 0 if scene.wanted else scene.random.choice((-30, -15, -8, 8, 15))
    return Drawn(
        {"reference_text": reference, "percentage": min(max(share + away, 0), 100)}, scene.text
    )


def _balance(scene: Scene) -> Drawn:
    number = scene.random.randint(1, 2)
    return Drawn({}, _ending_in(scene, {".": number, "?": number, "!": number}))


def _two_to_one(scene: Scene) -> Drawn:
    number = scene.random.randint(1, 2)
    return Drawn(
        {}, _ending_in(scene, {".": 2 * number, "?": number, "!": scene.random.randint(0, 1)})
    )


def _ending_in(scene: Scene, wanted: Mapping[str, int]) -> str:
    """Sentences with so many of each mark; unwanted: one more or fewer of one of them."""
    number = dict(wanted)
    if not scene.wanted:
        number[scene.random.choice(".?")] += scene.random.choice((1, 2))
    sorts = {".": "statements", "?": "questions", "!": "exclamations"}
    lines = [scene.prose.pick(sorts[mark]) for mark, many in number.items() for _ in range(many)]
    scene.random.shuffle(lines)
    return " ".join(lines)


def _sentence_words(scene: Scene) -> Drawn:
    words = scene.absent(9)
    if not scene.wanted and scene.chance(0.6):
        words[scene.random.randrange(3, 9)] = words[0]
    lines = [" ".join(words[at : at + 3]).capitalize() for at in (0, 3, 6)]
    longest = max(map(len, lines))
    if scene.wanted or scene.chance(
        0.5
    ):  # the first letters of a name of the right length even them out
        lines = [_padded(line, longest + 2) for line in lines]
    return Drawn({}, " ".join(f"{line}." for line in lines))


def _padded(line: str, length: int) -> str:
    return line + "mnorstuvwl"[len(line) % 10] * (length - len(line))


def _stop_words(scene: Scene) -> Drawn:
    bound = scene.random.randint(0, 100)
    verdict = check("ratio:stop_words", {"percentage": bound}, prompt="", response=scene.text)
    words = max(len(re.findall(r"\w+", scene.text)), 1)
    share = 100 * len(verdict.spans or ()) / words
    away = scene.random.randint(1, 15)
    return Drawn(
        {"percentage": max(0, round(share + away if scene.wanted else share - away))}, scene.text
    )


DRAWERS: Mapping[str, Drawer] = {
    "count:conjunctions": _conjunctions, "count:keywords_multiple": _keywords_multiple,
    "count:numbers": _numbers, "count:person_names": _names, "count:pronouns": _pronouns,
    "count:punctuation": _punctuation, "count:unique_word_count": _unique_words,
    "count:words_japanese": _japanese, "ratio:overlap": _overlap,
    "ratio:sentence_balance": _balance, "ratio:sentence_type": _two_to_one,
    "ratio:sentence_words": _sentence_words, "ratio:stop_words": _stop_words,
}  # fmt: skip
