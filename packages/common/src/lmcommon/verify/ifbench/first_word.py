"""Is the first word of a text a verb?

IFBench asks NLTK's English tagger, an averaged perceptron (Honnibal 2013) over the word, its
ending and its two neighbours. Its weights come in no kept package, so `first_word.json.gz` holds
those of the tagger that it descends from (textblob-aptagger 0.2.0, MIT, licence in the file): of
94,208 features the ones that matter to a first word, rounded to tenths. Like NLTK's it errs where
newspapers do: many a verb that rarely begins a sentence there passes for a name ("Conceive an
empire"). The two were not trained alike, so they can differ on a word.
`bench/first_word_tagger.py` makes the file anew.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["is_verb"]

_END = ("-END-", "-END2-")
Weights = Mapping[str, Sequence[int]]
"""Of a feature: tag and weight in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    tags: Sequence[str]
    start: Sequence[int]
    """What holds for any first word."""
    verbs: frozenset[str]
    others: frozenset[str]
    """Words that are (nearly) always verbs, or never."""
    weights: Mapping[str, Weights]


@cache
def _model() -> _Model:
    packed = files("lmcommon.verify.ifbench").joinpath("first_word.json.gz").read_bytes()
    data = json.loads(gzip.decompress(packed))
    return _Model(
        tags=data["tags"], start=data["start"], verbs=frozenset(data["verbs"]),
        others=frozenset(data["others"]), weights=data["weights"],
    )  # fmt: skip


def is_verb(words: Sequence[str]) -> bool:
    """Whether the first of the Treebank tokens `words` is tagged as a verb (three are enough)."""
    if not words or not words[0]:
        return False
    model, first = _model(), words[0]
    if first in model.verbs or first in model.others:
        return first in model.verbs
    scores: defaultdict[int, int] = defaultdict(int)
    for row in [model.start, *(model.weights[kind].get(key, ()) for kind, key in _features(words))]:
        for tag, weight in zip(row[::2], row[1::2], strict=True):
            scores[tag] += weight
    best = max(range(len(model.tags)), key=lambda tag: (scores[tag], model.tags[tag]))
    return "VB" in model.tags[best]


def _features(words: Sequence[str]) -> list[tuple[str, str]]:
    first = words[0]
    word, following, after = [*map(_form, words[:3]), *_END][:3]
    return [
        ("word", word), ("next", following), ("after", after), ("suffix", first[-3:]),
        ("next_suffix", following[-3:]), ("initial", first[0]),
    ]  # fmt: skip


def _form(word: str) -> str:
    """What the tagger sees of a word: hyphens, years and numbers are all alike."""
    if "-" in word and word[0] != "-":
        return "!HYPHEN"
    if word.isdigit() and len(word) == 4:
        return "!YEAR"
    return "!DIGITS" if word[:1].isdigit() else word.lower()
