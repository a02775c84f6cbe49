"""Answer equivalence by program: does a prediction give the gold answer?

`NormalizedAnswerJudge` looks for the gold answer, as whole normalised tokens, in the prediction
and asks that it is *given* there (not denied, not one of several, not after an abstention). It is
exact on short factual answers (names, numbers, dates, lists, yes/no) and conservative elsewhere;
paraphrases need `LlmAnswerJudge`. `token_f1` is the overlap measure of SQuAD (Rajpurkar et al.
2016, arXiv 1606.05250) over the same tokens.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.judge.answer_match import (
    find_item,
    find_polarity,
    gold_items,
    is_light,
    opening_polarity,
)
from lmcommon.judge.answer_tokens import AnswerToken, answer_tokens
from lmcommon.judge.base import AnswerItem
from lmcommon.judge.hedging import abstention, is_negation, objection
from lmcommon.judge.types import Verdict

__all__ = ["NormalizedAnswerJudge", "token_f1"]

_PARENTHESES = re.compile(r"\([^()]*\)")
_ALSO = re.compile(r"^(.+?)[.;,]\s+(\S.*?)\s+(?:is|are|would be) (?:also )?acceptable\.?\s*$", re.S)


class NormalizedAnswerJudge:
    """Compares answers by program.

    Rules, in order: no gold answer -> the prediction must abstain; a prediction that abstains is
    wrong; a yes/no gold compares polarity; a gold list must be given item by item, in any order;
    an item is given when its tokens occur in a row (articles, prepositions, "is" and personal
    pronouns aside; one word may stand between two of them, as in "8 lunch meals"), or, for an
    item of more than `long_item` tokens, when all its numbers and dates and a share of at least
    `recall` of its tokens occur.

    Args:
        long_item: Items longer than this are compared by recall.
        recall: The share of a long item's tokens that must occur, in (0, 1].
        max_tokens: A prediction with more tokens than this is unscored: a dump of the whole
            context holds every answer, and containment then means nothing.
    """

    def __init__(self, *, long_item: int = 6, recall: float = 0.75, max_tokens: int = 120) -> None:
        if not 0 < recall <= 1 or long_item < 1 or max_tokens < 1:
            raise ValueError(
                f"expected long_item >= 1, 0 < recall <= 1, max_tokens >= 1; "
                f"got {long_item}, {recall}, {max_tokens}"
            )
        self.long_item, self.recall, self.max_tokens = long_item, recall, max_tokens

    @property
    def identity(self) -> Mapping[str, Any]:
        """The rules' version and the three numbers."""
        return {
            "kind": "normalized_answer", "version": 3, "long_item": self.long_item,
            "recall": self.recall, "max_tokens": self.max_tokens,
        }  # fmt: skip

    def judge(self, items: Sequence[AnswerItem]) -> list[Verdict]:
        """One verdict per item, in order; spans are characters of the prediction."""
        return [self._judge_one(item) for item in items]

    def _judge_one(self, item: AnswerItem) -> Verdict:
        text = item.prediction
        abstains = abstention(text)
        if item.gold is None:
            return _program(
                abstains is not None, [abstains] if abstains else [],
                "abstains" if abstains else "answers a question that has no answer",
            )  # fmt: skip
        if abstains and abstention(item.gold) is None:
            return _program(False, [abstains], "abstains")
        tokens = answer_tokens(text)
        if len(tokens) > self.max_tokens:
            return Verdict.unscored(
                f"the prediction has {len(tokens)} tokens, more than {self.max_tokens}: "
                "containment says nothing",
                source="program",
            )
        found = [self._compare(gold, tokens, text) for gold in _alternatives(item.gold)]
        return next((verdict for verdict in found if verdict.satisfied), found[0])

    def _compare(self, gold_text: str, tokens: list[AnswerToken], text: str) -> Verdict:
        bare = _PARENTHESES.sub(lambda match: ";" * len(match.group()), gold_text)
        gold = answer_tokens(bare) or answer_tokens(gold_text)
        if not gold:
            return Verdict.unscored("the gold answer has no words", source="program")
        wanted = opening_polarity(gold, gold_text)
        if wanted is not None:
            return _compare_polarity(wanted, tokens, text)
        offers = any(token.key == "or" for token in gold) or "/" in gold_text
        return self._compare_items(gold_items(gold, bare), tokens, text, offers=offers)

    def _compare_items(
        self, items: list[list[AnswerToken]], tokens: list[AnswerToken], text: str, *, offers: bool
    ) -> Verdict:
        """Look for every item; `offers`: the gold answer itself holds alternatives."""
        spans: list[tuple[int, int]] = []
        shares: list[float] = []
        for gold in items:
            if len(gold) > self.long_item:
                found, share, problem = self._long(gold, tokens, text)
            else:
                found, share, problem = find_item(gold, tokens, text, offers=offers)
            if problem:
                return _program(False, found, problem)
            spans += found
            shares.append(share)
        share = min(shares)
        return _program(True, spans, "gives the gold answer", share if share < 1 else None)

    def _long(
        self, gold: list[AnswerToken], tokens: list[AnswerToken], text: str
    ) -> tuple[list[tuple[int, int]], float, str]:
        places = [next((i for i, t in enumerate(tokens) if t.matches(g)), None) for g in gold]
        hits = [place for place in places if place is not None]
        share = len(hits) / len(gold)
        spans = sorted({tokens[hit].span for hit in hits})
        for token, place in zip(gold, places, strict=True):
            if place is None and (token.date is not None or token.key[-1].isdigit()):
                return spans, share, f"misses {token.key!r}"
        if share < self.recall:
            return spans, share, f"gives {share:.0%} of the gold answer's words"
        return spans, share, _other_sense(gold, tokens, hits, text)


def _other_sense(
    gold: list[AnswerToken], tokens: list[AnswerToken], hits: list[int], text: str
) -> str:
    """What turns the found words of a long gold answer into their opposite, or ""."""
    if any(is_negation(token.key) for token in gold):
        is_denied = any(is_negation(token.key) for token in tokens)
        return "" if is_denied else "leaves out the negation"
    telling = [hit for hit in hits if not is_light(tokens[hit].key)]
    objections = [objection(tokens, hit, hit + 1, text) for hit in telling]
    return "the gold answer's words are denied" if "denied" in objections else ""


def token_f1(prediction: str, gold: str) -> float:
    """F1 of the multisets of normalised tokens, in [0, 1]; 1 if both are empty."""
    left = Counter(part for token in answer_tokens(prediction) for part in token.parts)
    right = Counter(part for token in answer_tokens(gold) for part in token.parts)
    if not left or not right:
        return float(left == right)
    common = (left & right).total()
    return 2 * common / (left.total() + right.total())


def _alternatives(gold: str) -> list[str]:
    """The gold answers in a text such as "6 days. 7 days is also acceptable."."""
    match = _ALSO.match(gold)
    return [match.group(1), match.group(2)] if match else [gold]


def _compare_polarity(gold: bool, tokens: list[AnswerToken], text: str) -> Verdict:
    found = find_polarity(tokens, text)
    if found is None:
        return Verdict.unscored("the prediction says neither yes nor no", source="program")
    said, spans = found
    return _program(said == gold, spans, f"says {'yes' if said else 'no'}")


def _program(
    satisfied: bool, spans: Sequence[tuple[int, int]], why: str, confidence: float | None = None
) -> Verdict:
    return Verdict(
        satisfied=satisfied, spans=tuple(sorted(spans)), source="program", rationale=why,
        confidence=confidence,
    )  # fmt: skip
