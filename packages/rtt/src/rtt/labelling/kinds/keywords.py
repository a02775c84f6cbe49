"""Drawers of constraints on words that occur or not (`keywords:*` and some of `words:*`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lmcommon.verify.words import split_words
from rtt.labelling.scene import Drawer, Drawn, Scene, letters

__all__ = ["DRAWERS", "asked_words", "avoided_words"]


def asked_words(scene: Scene, most: int = 3) -> list[str]:
    """Words that all occur, or of which at least one does not."""
    number = scene.random.randint(1, most)
    found = scene.words(number)
    if not scene.wanted or not found:
        found = [*found[: number - 1], *scene.absent()]
    scene.random.shuffle(found)
    return found


def avoided_words(scene: Scene, most: int = 4) -> list[str]:
    """Words of which none occurs, or at least one does."""
    number = scene.random.randint(1, most)
    found = scene.absent(number)
    if not scene.wanted:
        taken = scene.words(scene.random.randint(1, 2))
        found = [*found[: max(number - len(taken), 0)], *taken]
    scene.random.shuffle(found)
    return found


def _existence(scene: Scene) -> Drawn:
    return Drawn({"keywords": asked_words(scene)}, scene.text)


def _forbidden(scene: Scene) -> Drawn:
    return Drawn({"forbidden_words": avoided_words(scene)}, scene.text)


def _frequency(scene: Scene) -> Drawn:
    word, text = _often(scene)
    count = len(re.findall(re.escape(word), text, re.IGNORECASE))
    relation, bound = scene.bound(count, spread=2)
    return Drawn({"keyword": word, "frequency": bound, "relation": relation}, text)


def _often(scene: Scene) -> tuple[str, str]:
    """A word and the text, with the word put in a few times more."""
    word = (scene.words() or scene.absent())[0]
    text = scene.text
    for _ in range(scene.random.randint(0, 3)):
        text = Scene(scene.prose, text, scene.wanted).with_word(word)
    return word, text


def _letter_frequency(scene: Scene) -> Drawn:
    letter = scene.random.choice(letters(scene.text) or ["e"])
    relation, bound = scene.bound(scene.text.lower().count(letter))
    return Drawn({"letter": letter, "let_frequency": bound, "let_relation": relation}, scene.text)


def _include(scene: Scene) -> Drawn:
    return Drawn({"word": asked_words(scene, 1)[0]}, scene.text)


def _exclude(scene: Scene) -> Drawn:
    return Drawn({"words": avoided_words(scene)}, scene.text)


def _count(scene: Scene) -> Drawn:
    word, text = _often(scene)
    count = sum(one.key == word.casefold() for one in split_words(text))
    return Drawn({"word": word, "count": scene.near(count)}, text)


def _ends(scene: Scene, at: int) -> dict[str, Any]:
    words = split_words(scene.text)
    if scene.wanted:
        return {"word": words[at].key}
    return {"word": scene.random.choice(words).key if scene.chance(0.5) else scene.absent()[0]}


def _start(scene: Scene) -> Drawn:
    return Drawn(_ends(scene, 0), scene.text)


def _end(scene: Scene) -> Drawn:
    return Drawn(_ends(scene, -1), scene.text)


def _position(scene: Scene) -> Drawn:
    words = split_words(scene.text)
    at = scene.random.randrange(min(len(words), 12))
    others = [scene.random.choice(words).key for _ in range(scene.random.randint(1, 2))]
    allowed = [*others, words[at].key] if scene.wanted else others
    return Drawn({"position": at + 1, "words": sorted(set(allowed))}, scene.text)


def _length(scene: Scene) -> Drawn:
    return Drawn({"count": scene.near(len(split_words(scene.text)))}, scene.text)


DRAWERS: Mapping[str, Drawer] = {
    "keywords:existence": _existence, "keywords:forbidden_words": _forbidden,
    "keywords:frequency": _frequency, "keywords:letter_frequency": _letter_frequency,
    "words:include": _include, "words:exclude": _exclude, "words:count": _count,
    "words:start": _start, "words:end": _end, "words:position": _position,
    "words:length": _length,
}  # fmt: skip
