"""Drawers of constraints on a place, and on sentences one after the other."""

from __future__ import annotations

from collections.abc import Mapping

from lmcommon.verify.ifbench.tokens import sentences, word_tokens
from rtt.labelling.kinds.letters import known_words
from rtt.labelling.prose import bank
from rtt.labelling.scene import Drawer, Drawn, Scene

__all__ = ["DRAWERS"]


def _specific(scene: Scene) -> Drawn:
    text, word = scene.text, scene.absent()[0]
    found = sentences(text)
    n = scene.random.randint(1, len(found))
    words = word_tokens(text, *found[n - 1].span)
    if not words:
        return Drawn({"keyword": word, "n": n, "m": 1}, text)
    m = scene.random.randint(1, min(len(words), 8))
    if scene.wanted:
        word = words[m - 1].text
    elif scene.chance(0.5):
        word = scene.random.choice(words).text
    return Drawn({"keyword": word, "n": n, "m": m}, text)


def _second_and_last(scene: Scene) -> Drawn:
    words = scene.text.split()
    word = scene.absent()[0]
    if len(words) > 3:
        places = [1, -2] if scene.wanted else scene.random.choice(([1], [-2], []))
        for at in places:
            words[at] = word
    return Drawn({"keyword": word}, " ".join(words))


def _last_first(scene: Scene) -> Drawn:
    prose, lines = scene.prose, list[str]()
    for number in range(scene.random.randint(2, 5)):
        link = lines[-1].split()[-1].rstrip(".") if number else "the"
        end = prose.word("nouns")
        if number and not scene.wanted and scene.chance(0.6):
            link = prose.word("nouns")
        lines.append(
            f"{link.capitalize()} {prose.word('verbs')} the {prose.word('adjectives')} {end}."
        )
    return Drawn({}, " ".join(lines))


def _paragraph_ends(scene: Scene) -> Drawn:
    lines = [line for line in scene.text.split("\n") if line.strip()][:4]
    done = []
    for line in lines:
        first, last = line.split()[0].strip("*-#\"'.,:;!?<>[]()|"), line.rstrip(' .!?"*')
        fine = scene.wanted or scene.chance(0.4)
        done.append(f"{last} {first.lower() or scene.prose.word()}." if fine else line)
    return Drawn({}, "\n".join(done))


def _start_verb(scene: Scene) -> Drawn:
    line = scene.random.choice(bank()["orders"]) + f" the {scene.prose.word('nouns')}."
    if not scene.wanted:
        line = scene.prose.pick("statements")
    return Drawn({}, f"{line} {scene.text}")


def _keyword(scene: Scene) -> Drawn:
    found = sentences(scene.text)
    n = scene.random.randint(1, len(found))
    words = [one.text for one in word_tokens(scene.text, *found[n - 1].span) if one.text.isalpha()]
    if scene.wanted and words:
        return Drawn({"N": n, "word": scene.random.choice(words)}, scene.text)
    word = scene.random.choice([*scene.absent(), *scene.words()])
    return Drawn({"N": n, "word": word}, scene.text)


def _increment(scene: Scene) -> Drawn:
    step, words = scene.random.randint(1, 3), known_words()
    number, first = scene.random.randint(2, 5), scene.random.randint(2, 5)
    lengths = [first + at * step for at in range(number)]
    if not scene.wanted:
        lengths[scene.random.randrange(number)] += scene.random.choice((-1, 1, 2))
    lines = [" ".join(scene.random.choices(words, k=length)).capitalize() for length in lengths]
    return Drawn({"small_n": step}, " ".join(f"{line}." for line in lines))


def _alliteration(scene: Scene) -> Drawn:
    words = known_words()
    lines = []
    for at in range(scene.random.randint(2, 4)):
        letter = scene.random.choice("bcdfghlmprstw")
        fitting = [word for word in words if word[0] == letter]
        count = at * 2 if scene.wanted else scene.random.randint(0, 4)
        run = scene.random.sample(fitting, min(count, len(fitting)))
        lines.append(" ".join(["the", *run, "in", "winter"]).capitalize() + ".")
    return Drawn({}, " ".join(lines))


DRAWERS: Mapping[str, Drawer] = {
    "words:keywords_specific_position": _specific, "words:words_position": _second_and_last,
    "words:last_first": _last_first, "words:paragraph_last_first": _paragraph_ends,
    "words:start_verb": _start_verb, "sentence:keyword": _keyword,
    "sentence:increment": _increment, "sentence:alliteration_increment": _alliteration,
}  # fmt: skip
