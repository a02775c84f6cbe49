"""Drawers of lengths and case (`length_constraints:*`, `change_case:*`, `language:*`)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lmcommon.verify.sentences import count_sentences
from rtt.labelling.prose import bank
from rtt.labelling.scene import Drawer, Drawn, Scene

__all__ = ["DRAWERS", "LANGUAGES", "paragraphs_of"]

LANGUAGES = ("de", "fr", "es", "it", "pt", "nl", "sv", "ru", "ko", "hi", "ar")


def paragraphs_of(scene: Scene, number: int) -> list[str]:
    """So many short paragraphs, the first ones those of the text."""
    found = [part.strip() for part in re.split(r"\n\s*\n", scene.text) if part.strip()][:number]
    more = number - len(found)
    return [*found, *(scene.prose.paragraph(scene.random.randint(1, 2)) for _ in range(more))]


def _words(scene: Scene) -> Drawn:
    relation, bound = scene.bound(len(re.findall(r"\w+", scene.text)))
    return Drawn({"num_words": bound, "relation": relation}, scene.text)


def _word_range(scene: Scene) -> Drawn:
    count, away = len(re.findall(r"\w+", scene.text)), scene.random.randint(2, 15)
    low = max(count - scene.random.randint(0, away), 1)
    if not scene.wanted:
        low = count + scene.random.randint(1, 5) if scene.chance(0.5) else max(count - 2 * away, 0)
    high = low + (away if scene.wanted or low > count else max(count - low - 1, 0))
    return Drawn(
        {"min_words": low, "max_words": max(high, count if scene.wanted else low)}, scene.text
    )


def _sentences(scene: Scene) -> Drawn:
    relation, bound = scene.bound(count_sentences(scene.text), spread=1)
    return Drawn({"num_sentences": bound, "relation": relation}, scene.text)


def _paragraphs(scene: Scene) -> Drawn:
    number = scene.random.randint(2, 4)
    text = scene.random.choice(("\n***\n", "\n\n***\n\n")).join(paragraphs_of(scene, number))
    return Drawn({"num_paragraphs": scene.near(number)}, text.replace("******", "***"))


def _first_word(scene: Scene) -> Drawn:
    parts = paragraphs_of(scene, scene.random.randint(2, 4))
    nth = scene.random.randint(1, len(parts))
    word = re.split(r"[\s.,?!'\"]", parts[nth - 1].lstrip("'\""))[0] or "the"
    number = len(parts)
    if not scene.wanted:
        if scene.chance(0.25):
            number = scene.near(number)
            nth = min(nth, number)
        else:
            word = scene.random.choice([*scene.absent(), *scene.words()])
    text = "\n\n".join(parts)
    return Drawn({"num_paragraphs": number, "nth_paragraph": nth, "first_word": word}, text)


def _upper(scene: Scene) -> Drawn:
    return Drawn({}, _cased(scene, scene.text.upper(), str.lower))


def _lower(scene: Scene) -> Drawn:
    return Drawn({}, _cased(scene, scene.text.lower(), str.capitalize))


def _cased(scene: Scene, text: str, slip: object) -> str:
    """The text in its case; unwanted, with a few words in another, or as it was."""
    if scene.wanted:
        return text
    if scene.chance(0.4):
        return scene.text
    words = text.split(" ")
    for at in scene.random.sample(range(len(words)), min(len(words), scene.random.randint(1, 3))):
        words[at] = slip(words[at])  # type: ignore[operator]
    return " ".join(words)


def _capital_words(scene: Scene) -> Drawn:
    words = scene.text.split(" ")
    for at in scene.random.sample(range(len(words)), min(len(words), scene.random.randint(0, 4))):
        words[at] = words[at].upper()
    text = " ".join(words)
    count = sum(word.strip("()[]{}<>\"'`,;:?!.*_").isupper() for word in text.split())
    relation, bound = scene.bound(count, spread=2)
    return Drawn({"capital_frequency": bound, "capital_relation": relation}, text)


def _language(scene: Scene) -> Drawn:
    code = scene.random.choice((*LANGUAGES, "en"))
    number = scene.random.randint(2, 4)
    text = scene.text if code == "en" else scene.prose.foreign(code, number)
    if not scene.wanted:
        code = scene.random.choice([one for one in (*LANGUAGES, "en", "th", "fi") if one != code])
    return Drawn({"language": code}, text)


assert set(LANGUAGES) <= set(bank()["languages"])

DRAWERS: Mapping[str, Drawer] = {
    "length_constraints:number_words": _words,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "count:word_count_range": _word_range,
    "change_case:english_capital": _upper,
    "change_case:english_lowercase": _lower,
    "change_case:capital_word_frequency": _capital_words,
    "language:response_language": _language,
}
