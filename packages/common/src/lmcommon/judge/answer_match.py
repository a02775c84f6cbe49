"""Finding a gold answer in a prediction: the items of a list, the tokens of an item, yes and no.

All functions work on `AnswerToken`s and return spans of the prediction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lmcommon.judge.answer_tokens import AnswerToken
from lmcommon.judge.hedging import ALTERNATIVE, is_negation, objection

__all__ = ["find_item", "find_polarity", "gold_items", "is_light", "opening_polarity"]

Span = tuple[int, int]

_YES = frozenset({"yes", "yeah", "yep", "yup", "correct", "true", "indeed", "absolutely"})
_NO = frozenset({"no", "nope", "false", "incorrect"})
_PRONOUNS = frozenset({"i", "you", "he", "she", "it", "they", "we", "this", "that", "there"})
_LIGHT = frozenset({
    "in", "on", "at", "to", "of", "for", "by", "from", "with", "about", "into", "and", "around",
    "approximately", "i", "you", "my", "your", "is", "are", "was", "were",
})  # fmt: skip
_FILLER = frozenset({"answer", "it", "there"})
_SEPARATOR = re.compile(r"[,;/&\n]")


def gold_items(gold: list[AnswerToken], text: str) -> list[list[AnswerToken]]:
    """The items of a gold list; a plain answer is a list of one."""
    items: list[list[AnswerToken]] = [[]]
    for index, token in enumerate(gold):
        gap = text[gold[index - 1].span[1] : token.span[0]] if index else ""
        if (_SEPARATOR.search(gap) or token.key == "and") and items[-1]:
            items.append([])
        if token.key != "and":
            items[-1].append(token)
    return [item for item in items if item] or [gold]


def find_item(
    gold: list[AnswerToken], tokens: list[AnswerToken], text: str, *, offers: bool
) -> tuple[list[Span], float, str]:
    """Look for `gold` as (nearly) consecutive tokens of a prediction.

    Args:
        gold: The tokens of one item.
        tokens: Those of the prediction.
        text: The prediction.
        offers: The gold answer holds alternatives itself: "a or b" is then no hedge.

    Returns:
        Spans, the share of the tokens found (0 or 1), and the problem or "".
    """
    needed = [token for token in gold if token.key not in _LIGHT]
    kept = [index for index, token in enumerate(tokens) if token.key not in _LIGHT]
    if not needed:
        needed, kept = gold, list(range(len(tokens)))
    shown = " ".join(part for token in needed for part in token.parts)
    refused: tuple[list[Span], str] | None = None
    for first, last in _matches(needed, kept, tokens):
        span = (tokens[first].span[0], tokens[last].span[1])
        problem = objection(tokens, first, last + 1, text)
        if problem is None or (offers and problem == ALTERNATIVE):
            return [span], 1.0, ""
        refused = ([span], f"{shown!r} is {problem}")
    if refused is not None:
        return refused[0], 0.0, refused[1]
    if alone := _number_alone(needed, [tokens[index] for index in kept]):
        return [alone], 1.0, ""
    return [], 0.0, f"does not give {shown!r}"


def _matches(
    needed: list[AnswerToken], kept: list[int], tokens: list[AnswerToken]
) -> Iterator[tuple[int, int]]:
    """First and last index of every place where `needed` occurs, one plain word between allowed."""
    for start in range(len(kept)):
        at = start
        for place, gold in enumerate(needed):
            can_skip = place and at + 1 < len(kept) and _is_plain(tokens[kept[at]].key)
            if at < len(kept) and tokens[kept[at]].matches(gold):
                at += 1
            elif can_skip and tokens[kept[at + 1]].matches(gold):
                at += 2
            else:
                break
        else:
            yield kept[start], kept[at - 1]


def is_light(key: str) -> bool:
    """Whether a token may be missing: prepositions, "and", pronouns, "is"."""
    return key in _LIGHT


def _is_plain(key: str) -> bool:
    return key.isalpha() and key != "or" and not is_negation(key)


def _number_alone(needed: list[AnswerToken], kept: list[AnswerToken]) -> Span | None:
    """The number of a number with its unit, when nothing else is said: "11" for "11 days"."""
    said = [token for token in kept if token.key not in _FILLER]
    if len(said) != 1 or len(needed) != 2 or not needed[1].key.isalpha():
        return None
    return said[0].span if said[0].key == needed[0].key and said[0].key[-1].isdigit() else None


def opening_polarity(tokens: list[AnswerToken], text: str) -> bool | None:
    """True for yes, False for no, None when the text opens with neither."""
    if not tokens:
        return None
    first = tokens[0]
    if first.key in _YES and _stands_alone(tokens, text):
        return True
    if first.key in _NO and _stands_alone(tokens, text):
        return False
    return None


def find_polarity(
    tokens: list[AnswerToken], text: str
) -> tuple[bool, list[tuple[int, int]]] | None:
    """Whether a prediction says yes or no, and where; None if it says neither, or both."""
    opening = opening_polarity(tokens, text)
    if opening is not None:
        return opening, [tokens[0].span]
    yes_at = [at for at, token in enumerate(tokens) if token.key in ("yes", "yeah", "yep")]
    if any(objection(tokens, at, at + 1, text) for at in yes_at):
        return None
    said_yes = [tokens[at].span for at in yes_at]
    said_no = [tokens[-1].span] if tokens and tokens[-1].key == "no" else []
    if bool(said_yes) == bool(said_no):
        return None
    return bool(said_yes), said_yes or said_no


def _stands_alone(tokens: list[AnswerToken], text: str) -> bool:
    """Whether the first token is a reply of its own ("No, she ...") and not part of a phrase."""
    if len(tokens) == 1 or tokens[1].key in _PRONOUNS:
        return True
    return bool(text[tokens[0].span[1] : tokens[1].span[0]].strip(" '\"*"))
