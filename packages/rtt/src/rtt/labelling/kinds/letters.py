"""Drawers of constraints on the letters and sounds of every word (IFBench's `words` group)."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache

from lmcommon.verify.checking import check
from rtt.labelling.prose import bank
from rtt.labelling.scene import Drawer, Drawn, Scene

__all__ = ["DRAWERS", "known_words"]

_PRIMES = (2, 3, 5, 7, 11)


@cache
def known_words() -> tuple[str, ...]:
    """All words of the bank, small, and the commonest short ones."""
    topics = bank()["topics"].values()
    found = {word for topic in topics for words in topic.values() for word in words}
    return tuple(sorted(found | set(bank()["small"]) | set(bank()["adverbs"])))


def _line(
    scene: Scene, fits: Callable[[str, list[str]], bool], number: int | None = None
) -> list[str]:
    """Words one after the other that each fit to those before it; unwanted, a few that do not."""
    words: list[str] = []
    pool = scene.random.sample(known_words(), len(known_words()))
    for _ in range(number or scene.random.randint(5, 14)):
        right = next((word for word in pool if fits(word, words)), None)
        if right is None:
            break
        words.append(right)
        scene.random.shuffle(pool)
    if not scene.wanted:
        for at in scene.random.sample(
            range(len(words)), min(len(words), scene.random.randint(1, 4))
        ):
            words[at] = scene.random.choice(pool)
    return words


def _said(words: list[str]) -> str:
    return " ".join(words).capitalize() + "."


def _or_text(scene: Scene, words: list[str]) -> Drawn:
    """The words as a sentence; unwanted, now and then the text as it is."""
    return Drawn({}, scene.text if not scene.wanted and scene.chance(0.3) else _said(words))


def _alphabet(scene: Scene) -> Drawn:
    start = scene.random.randrange(26)

    def fits(word: str, before: list[str]) -> bool:
        return word[0] == string.ascii_lowercase[(start + len(before)) % 26]

    return _or_text(scene, _line(scene, fits))


def _has(constraint_id: str, text: str) -> bool:
    return check(constraint_id, {}, prompt="", response=text).satisfied is True


@cache
def _passing(constraint_id: str) -> frozenset[str]:
    """The words that pass a rule on every word by themselves."""
    return frozenset(word for word in known_words() if _has(constraint_id, word))


def _consonants(scene: Scene) -> Drawn:
    fine = _passing("words:consonants")
    return _or_text(scene, _line(scene, lambda word, _: word in fine))


def _primes(scene: Scene) -> Drawn:
    return _or_text(scene, _line(scene, lambda word, _: len(word) in _PRIMES))


def _no_consecutive(scene: Scene) -> Drawn:
    return _or_text(
        scene, _line(scene, lambda word, before: not before or before[-1][0] != word[0])
    )


def _syllables(scene: Scene) -> Drawn:
    def fits(word: str, before: list[str]) -> bool:
        return not before or _has("words:odd_even_syllables", f"{before[-1]} {word}")

    return _or_text(scene, _line(scene, fits, scene.random.randint(4, 8)))


def _palindromes(scene: Scene) -> Drawn:
    number = scene.random.randint(10, 12) if scene.wanted else scene.random.randint(0, 9)
    text = scene.text
    for _ in range(number):
        text = Scene(scene.prose, text, True).with_word(scene.random.choice(bank()["palindromes"]))
    return Drawn({}, text)


def _repeats(scene: Scene) -> Drawn:
    text = scene.text
    for word in scene.words(scene.random.randint(0, 2)):
        text = Scene(scene.prose, text, True).with_word(word.lower())
    bare = text.lower().translate(str.maketrans("", "", string.punctuation))
    most = max(Counter(bare.split()).values(), default=1)
    away = scene.random.randint(0, 2)
    return Drawn({"small_n": most + away if scene.wanted else max(most - 1 - away, 1)}, text)


def _vowels(scene: Scene) -> Drawn:
    allowed = set(scene.random.sample("aeiou", 3))
    words = _line(scene, lambda word, _: not set(word) & set("aeiou") - allowed)
    return _or_text(scene, words)


DRAWERS: Mapping[str, Drawer] = {
    "words:alphabet": _alphabet, "words:consonants": _consonants,
    "words:no_consecutive": _no_consecutive, "words:odd_even_syllables": _syllables,
    "words:palindrome": _palindromes, "words:prime_lengths": _primes, "words:repeats": _repeats,
    "words:vowel": _vowels,
}  # fmt: skip
