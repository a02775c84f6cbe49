"""Words that take an answer back: abstaining, denying, leaving it open.

"I don't know", "not Lisbon", "Lisbon or Porto" and "before 2019" all hold their answer as words
and yet do not give it. In: the tokens of a prediction. Out: whether, and where.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from lmcommon.judge.answer_tokens import AnswerToken

__all__ = ["ALTERNATIVE", "abstention", "is_negation", "objection"]

_CANNOT = r"(?:can(?:no|['’])?t|can not|could ?n['’]?o?t|could not|unable to|not able to)"
_DID_NOT = r"(?:do|does|did|is|was|were|are|has|have|had)(?: not|n['’]?t)"
_ABSTAIN = re.compile(
    r"\b(?:"
    r"(?:i |we )?(?:do not|don['’]?t) (?:\w+ )?(?:know|have (?:\w+ )?(?:information|record|details|"
    r"memory|data)|recall|remember|see any)"
    rf"|{_CANNOT} (?:\w+ )?(?:answer|determine|find|say|tell|be (?:determined|answered|found|"
    r"known)|know|recall|infer|provide)"
    r"|(?:there (?:is|was) )?(?:no|not enough|insufficient|without any) (?:\w+ )?(?:information|"
    r"mention|record|evidence|indication|context|data|details?|memory)\b"
    r"|(?:not|never|n['’]?t|isn['’]?t|wasn['’]?t) (?:\w+ )?(?:mentioned|specified|stated|provided|"
    r"given|discussed|known|said|recorded|available|clear|sure|certain)"
    rf"|{_DID_NOT} (?:\w+ )?(?:mention|specify|say|state|discuss|provide|contain|include)"
    r"|never (?:mentions?|mentioned|said|says)"
    r"|(?:is |are |was )?(?:unknown|unclear|uncertain|unanswerable|undetermined|unspecified)"
    r"|no idea|(?:information|answer) (?:is )?not (?:available|found)|n/a"
    r")",
    re.IGNORECASE,
)  # fmt: skip
_TURN = re.compile(r"\b(?:but|however|though|although)\b|\bi (?:think|believe|guess)\b", re.I)
_NEGATIONS = frozenset({
    "not", "never", "no", "isn't", "wasn't", "aren't", "weren't", "don't", "doesn't", "didn't",
    "hasn't", "haven't", "hadn't", "won't", "wouldn't", "can't", "cannot", "couldn't",
    "shouldn't", "isnt", "wasnt", "didnt", "doesnt", "dont", "neither", "nor", "without",
    "except",
})  # fmt: skip
_PAIRS = frozenset({("instead", "of"), ("rather", "than"), ("other", "than"), ("apart", "from")})
_RESETS = frozenset({"but", "however", "because", "since"})
_SHIFTS = frozenset({"before", "after", "until", "prior", "than"})
_IS = frozenset({"is", "was", "are", "were"})
_IS_NOT = frozenset({"isn't", "wasn't", "aren't", "weren't", "isnt", "wasnt"})
_WRONG = frozenset({"not", "wrong", "incorrect", "false", "untrue"})
_NUMERIC = re.compile(r"-?\d[\d.:]*")
ALTERNATIVE = "one of several alternatives"
_CLAUSE = re.compile(r"[.,;:!?\n()]")
_REACH = 5
"""How many tokens before an answer a negation still concerns it."""


def abstention(text: str) -> tuple[int, int] | None:
    """Where `text` says that it has no answer; None if it does not, or gives one after all.

    "I am not sure, but I think Lisbon" is an answer, not an abstention.
    """
    match = _ABSTAIN.search(text)
    if match is None or _TURN.search(text, match.end()):
        return None
    return match.span()


def is_negation(key: str) -> bool:
    """Whether a token denies what follows it."""
    return key in _NEGATIONS


def objection(tokens: Sequence[AnswerToken], start: int, end: int, text: str) -> str | None:
    """Why `tokens[start:end]`, though the right words, are not given as the answer; else None."""
    before = _clause_before(tokens, start, text)
    if any(is_negation(key) for key in before):
        return "denied"
    if any(pair in _PAIRS for pair in pairwise(before)):
        return "denied"
    if _denied_after(tokens, end, text):
        return "denied"
    if before and before[-1] in _SHIFTS:
        return f"shifted by {before[-1]!r}"
    follows = tokens[end].key if end < len(tokens) else ""
    if "or" in (follows, before[-1] if before else ""):
        return ALTERNATIVE
    if _is_joined(tokens, start, text) or _is_joined(tokens, end, text):
        return ALTERNATIVE
    return None


def _denied_after(tokens: Sequence[AnswerToken], end: int, text: str) -> bool:
    """What follows takes it back: "Lisbon is not it", "Lisbon is wrong", "Lisbon? No"."""
    after = [token.key for token in tokens[end : end + 2]]
    if not after:
        return False
    gap = text[tokens[end - 1].span[1] : tokens[end].span[0]]
    if "?" in gap:
        return after[0] in ("no", "nope", "not")
    if _CLAUSE.search(gap):
        return False
    return after[0] in _IS_NOT or (after[0] in _IS and after[-1] in _WRONG)


def _is_joined(tokens: Sequence[AnswerToken], at: int, text: str) -> bool:
    """Whether a slash, or the dash of a range of numbers, stands before `tokens[at]`."""
    if not 0 < at < len(tokens):
        return False
    gap = text[tokens[at - 1].span[1] : tokens[at].span[0]].strip()
    is_range = all(_NUMERIC.fullmatch(token.key) for token in tokens[at - 1 : at + 1])
    return gap == "/" or (gap in ("-", "–") and is_range)


def _clause_before(tokens: Sequence[AnswerToken], start: int, text: str) -> list[str]:
    """Keys of up to `_REACH` tokens before `start` in the same clause, in order."""
    keys: list[str] = []
    for index in range(start - 1, max(start - 1 - _REACH, -1), -1):
        gap = text[tokens[index].span[1] : tokens[index + 1].span[0]]
        if _CLAUSE.search(gap) or tokens[index].key in _RESETS:
            break
        keys.append(tokens[index].key)
    return keys[::-1]
