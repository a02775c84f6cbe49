"""How many: words, numbers, names, marks (IFBench's `count` group).

A count points at everything that was counted; where that is the whole response, at nothing.
"""

from __future__ import annotations

import re

from lmcommon.verify.fields import COUNT, POSITIVE, TEXT
from lmcommon.verify.ifbench.tokens import PUNCTUATION, chunks, lowered, stripped, tokens
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]

_WORD = re.compile(r"\w+")
_MARK = f"[{re.escape(''.join(sorted(PUNCTUATION)))}]"
_NUMBER = re.compile(rf"\d+(?:{_MARK}+\d+)*")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_CONJUNCTIONS = frozenset({"and", "but", "for", "nor", "or", "so", "yet"})
_PRONOUNS = frozenset({
    "i", "me", "we", "us", "you", "he", "him", "she", "her", "it", "they", "them", "my", "mine",
    "our", "ours", "your", "yours", "his", "hers", "its", "their", "theirs", "myself",
    "ourselves", "yourself", "yourselves", "himself", "herself", "itself", "themselves", "this",
    "that", "these", "those", "who", "whom", "whose", "which", "what", "whoever", "whomever",
    "whatever", "whichever", "anybody", "anyone", "anything", "everybody", "everyone",
    "everything", "nobody", "nothing", "somebody", "someone", "something", "each", "either",
    "neither", "both", "all", "some", "any", "none",
})  # fmt: skip
_NAMES = (
    "Emma", "Liam", "Sophia", "Jackson", "Olivia", "Noah", "Ava", "Lucas", "Isabella", "Mason",
    "Mia", "Ethan", "Charlotte", "Alexander", "Amelia", "Benjamin", "Harper", "Leo", "Zoe",
    "Daniel", "Chloe", "Samuel", "Lily", "Matthew", "Grace", "Owen", "Abigail", "Gabriel", "Ella",
    "Jacob", "Scarlett", "Nathan", "Victoria", "Elijah", "Layla", "Nicholas", "Audrey", "David",
    "Hannah", "Christopher", "Penelope", "Thomas", "Nora", "Andrew", "Aria", "Joseph", "Claire",
    "Ryan", "Stella", "Jonathan",
)  # fmt: skip
_NAME = re.compile(rf"\b(?:{'|'.join(_NAMES)})\b")
_INTERROBANGS = ("?!", "!?", "‽")


@checker("count:conjunctions", "At least {small_n} different coordinating conjunctions are used.",
         small_n=COUNT)  # fmt: skip
def conjunctions(response: str, *, small_n: int) -> Finding:
    """One written otherwise counts anew, as in IFBench: "And" and "and," are two."""
    used, spans = set(), []
    for chunk in chunks(response):
        word = stripped(chunk)
        if word.text.lower() in _CONJUNCTIONS:
            used.add(chunk.text)
            spans.append(word.span)
    return Finding(len(used) >= small_n, tuple(spans))


@checker("count:keywords_multiple",
         "The words occur this often: {keyword1} once, {keyword2} twice, {keyword3} three times, "
         "{keyword4} five times, {keyword5} seven times.",
         keyword1=TEXT, keyword2=TEXT, keyword3=TEXT, keyword4=TEXT, keyword5=TEXT,
         scope="global")  # fmt: skip
def keywords_multiple(response: str, **keywords: str) -> Finding:
    """Whole words, in any case, exactly 1, 2, 3, 5 and 7 times."""
    found = [
        [match.span() for match in re.finditer(_whole(word), response, re.IGNORECASE)]
        for _, word in sorted(keywords.items())
    ]
    is_right = [len(spans) for spans in found] == [1, 2, 3, 5, 7]
    return Finding(is_right, tuple(sorted({span for spans in found for span in spans})))


def _whole(word: str) -> str:
    return rf"\b{re.escape(word.strip())}\b"


@checker("count:numbers", "The response contains exactly {N} numbers.", N=COUNT,
         scope="global")  # fmt: skip
def numbers(response: str, *, N: int) -> Finding:
    """Punctuation between digits parts nothing: "3.14", "1,000" and "9-5" are one number each."""
    spans = tuple(match.span() for match in _NUMBER.finditer(response))
    return Finding(len(spans) == N, spans)


@checker("count:person_names",
         f"At least {{N}} different names of persons are mentioned, of these: {', '.join(_NAMES)}.",
         N=COUNT)  # fmt: skip
def person_names(response: str, *, N: int) -> Finding:
    """Whole words, written as in the list."""
    found = list(_NAME.finditer(response))
    is_enough = len({match.group() for match in found}) >= N
    return Finding(is_enough, tuple(match.span() for match in found))


@checker("count:pronouns", "The response contains at least {N} pronouns.", N=COUNT)
def pronouns(response: str, *, N: int) -> Finding:
    """Personal, possessive, reflexive, demonstrative, interrogative and indefinite ones."""
    text = lowered(response.replace("/", " "))  # she/her are two
    spans = tuple(token.span for token in tokens(text) if token.text in _PRONOUNS)
    return Finding(len(spans) >= N, spans)


@checker("count:punctuation",
         "Every standard punctuation mark occurs at least once: . , ! ? ; : and the interrobang "
         "(?!).")  # fmt: skip
def punctuation(response: str) -> Finding:
    """The marks of the first interrobang do not count once more for ! and ?."""
    spans: list[Span] = []
    rest = response
    for mark in _INTERROBANGS:
        if (at := rest.find(mark)) >= 0:
            spans.append((at, at + len(mark)))
            rest = f"{rest[:at]}{' ' * len(mark)}{rest[at + len(mark) :]}"
            break
    found = [(at, at + 1) for mark in ".,!?;:" if (at := rest.find(mark)) >= 0]
    return Finding(bool(spans) and len(found) == 6, tuple(sorted(spans + found)))


@checker("count:unique_word_count", "At least {N} different words are used.", N=COUNT,
         scope="global")  # fmt: skip
def unique_word_count(response: str, *, N: int) -> Finding:
    """Case and outer punctuation do not matter; marks that stand alone are one word together."""
    return Finding(len({stripped(chunk).text.lower() for chunk in chunks(response)}) >= N)


@checker("count:word_count_range", "The response has between {min_words} and {max_words} words.",
         min_words=COUNT, max_words=COUNT,
         scope="global")  # fmt: skip
def word_count_range(response: str, *, min_words: int, max_words: int) -> Finding:
    """A word is a run of letters, digits and underscores, as in `number_words`."""
    return Finding(min_words <= sum(1 for _ in _WORD.finditer(response)) <= max_words)


@checker("count:words_japanese", "Every word whose place is a multiple of {N} is Japanese.",
         N=POSITIVE,
         scope="every")  # fmt: skip
def words_japanese(response: str, *, N: int) -> Finding:
    """A word with a kana or a Han sign is Japanese; numbers and lone marks are passed over.

    The spans are the words in those places, of a violation only the wrong ones.
    """
    placed = [word for chunk in chunks(response)[N - 1 :: N] if (word := stripped(chunk)).text]
    placed = [word for word in placed if not word.text.isdigit()]
    wrong = [word for word in placed if not _JAPANESE.search(word.text)]
    return Finding(not wrong, tuple(word.span for word in wrong or placed))


CHECKERS = (
    conjunctions, keywords_multiple, numbers, person_names, pronouns, punctuation,
    unique_word_count, word_count_range, words_japanese,
)  # fmt: skip
