"""Shares and balances (IFBench's `ratio` group)."""

from __future__ import annotations

import re
from collections import Counter

from lmcommon.verify.fields import COUNT, TEXT
from lmcommon.verify.ifbench.tokens import Piece, bare_words, sentences
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]

_WORD = re.compile(r"\w+")
_MARGIN = 2
"""Percentage points that the overlap may be off."""
_STOP_WORDS = frozenset({
    "i", "me", "my", "myself", "we", "our", "ours", "ourselves", "you", "your", "yours",
    "yourself", "yourselves", "he", "him", "his", "himself", "she", "her", "hers", "herself",
    "it", "its", "itself", "they", "them", "their", "theirs", "themselves", "what", "which",
    "who", "whom", "this", "that", "these", "those", "am", "is", "are", "was", "were", "be",
    "been", "being", "have", "has", "had", "having", "do", "does", "did", "doing", "a", "an",
    "the", "and", "but", "if", "or", "because", "as", "until", "while", "of", "at", "by", "for",
    "with", "about", "against", "between", "into", "through", "during", "before", "after",
    "above", "below", "to", "from", "up", "down", "in", "out", "on", "off", "over", "under",
    "again", "further", "then", "once", "here", "there", "when", "where", "why", "how", "all",
    "any", "both", "each", "few", "more", "most", "other", "some", "such", "no", "nor", "not",
    "only", "own", "same", "so", "than", "too", "very", "s", "t", "can", "will", "just", "don",
    "should", "now", "d", "ll", "m", "o", "re", "ve", "y", "ain", "aren", "couldn", "didn",
    "doesn", "hadn", "hasn", "haven", "isn", "ma", "mightn", "mustn", "needn", "shan",
    "shouldn", "wasn", "weren", "won", "wouldn",
})  # fmt: skip
"""NLTK's English list as far as it matters to words without apostrophes."""


@checker("ratio:overlap",
         "{percentage} % of the response's trigrams (give or take 2) occur in this text: "
         "{reference_text}", reference_text=TEXT, percentage=COUNT)  # fmt: skip
def overlap(response: str, *, reference_text: str, percentage: int) -> Finding:
    """Different trigrams of characters, as in the published verdicts. The whole response decides.

    The wording leaves open what a trigram is made of; a version of IFBench's checker of July 2026
    takes words instead, which turns two of the seven published verdicts that we compare with.
    """
    own, others = _trigrams(response), _trigrams(reference_text)
    if not own:
        return Finding(False)
    share = len(own & others) / len(own) * 100
    return Finding(percentage - _MARGIN <= share <= percentage + _MARGIN)


def _trigrams(text: str) -> set[str]:
    return {text[at : at + 3] for at in range(len(text) - 2)}


@checker("ratio:sentence_balance",
         "Declarative, interrogative and exclamatory sentences are equally many.")  # fmt: skip
def sentence_balance(response: str) -> Finding:
    """As many sentences end in "." as in "?" and as in "!". The spans are these marks."""
    number, spans = _ends(response, ".?!")
    return Finding(number["."] == number["?"] == number["!"], spans)


@checker("ratio:sentence_type",
         "There are two declarative sentences to every interrogative one.")  # fmt: skip
def sentence_type(response: str) -> Finding:
    """Twice as many sentences end in "." as in "?"; none of either passes, as in IFBench."""
    number, spans = _ends(response, ".?")
    return Finding(number["."] == 2 * number["?"], spans)


def _ends(text: str, marks: str) -> tuple[Counter[str], tuple[Span, ...]]:
    """How many sentences end in which of `marks`, and where."""
    ends = [one.span[1] for one in sentences(text) if one.text[-1] in marks]
    return Counter(text[end - 1] for end in ends), tuple((end - 1, end) for end in ends)


@checker(
    "ratio:sentence_words",
    "There are three sentences of the same number of characters and without shared words.",
)
def sentence_words(response: str) -> Finding:
    """No word occurs twice, not within a sentence either. The spans are the words that do."""
    lengths = [len(one.text) for one in sentences(response)]
    seen: dict[str, list[Piece]] = {}
    for word in bare_words(response):
        seen.setdefault(word.text.lower(), []).append(word)
    repeated = [word.span for words in seen.values() if len(words) > 1 for word in words]
    if len(lengths) != 3 or len(set(lengths)) != 1:
        return Finding(False)
    return Finding(not repeated, tuple(sorted(repeated)) or None)


@checker("ratio:stop_words", "At most {percentage} % of the words are stop words.",
         percentage=COUNT)  # fmt: skip
def stop_words(response: str, *, percentage: int) -> Finding:
    """Words are runs of letters, digits and underscores. The spans are the stop words."""
    words = list(_WORD.finditer(response))
    spans = tuple(word.span() for word in words if word.group().lower() in _STOP_WORDS)
    if not words:
        return Finding(False)
    return Finding(len(spans) / len(words) * 100 <= percentage, spans)


CHECKERS = (overlap, sentence_balance, sentence_type, sentence_words, stop_words)
