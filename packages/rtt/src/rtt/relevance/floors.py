"""Floors: cheap guesses at relevance that a trained discriminator has to beat.

In: what is asked, as a discriminator is asked. Out: one number in [0, 1] a character of each
response. All ones, all zeros, words of the criterion found in the response, nearness of meaning,
and the policy's own likelihood with and without the criterion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lmcommon.embed.base import Embedder
from lmcommon.verify.sentences import split_sentences
from rtt.discriminator.encoding import Asked
from rtt.discriminator.words import Array
from rtt.policy.tiny import Policy
from rtt.relevance.policy_scores import PolicyScores
from rtt.types import Rollout, Span

__all__ = [
    "AllOnes", "AllZeros", "CharacterRelevance", "ContrastFloor", "EmbeddingSimilarity",
    "KeywordOverlap",
]  # fmt: skip

_EMPTY = frozenset({
    "a", "all", "an", "and", "answer", "any", "are", "as", "at", "be", "but", "by", "can",
    "contain", "contains", "do", "does", "each", "every", "exactly", "for", "from", "has",
    "have", "in", "include", "includes", "into", "is", "it", "its", "least", "less", "may",
    "more", "most", "must", "never", "no", "not", "of", "on", "one", "only", "or", "other",
    "response", "shall", "should", "than", "that", "the", "then", "there", "these", "they",
    "this", "those", "times", "to", "use", "used", "what", "where", "which", "with",
    "without", "word", "words", "you", "your",
})  # fmt: skip
"""Words that criteria of every kind are made of; they name nothing to look for."""
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|(?<!\w)'([^']+)'(?!\w)|\*([^*]+)\*")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


class CharacterRelevance(Protocol):
    """Whatever says which characters decide: a `TokenDiscriminator`, or a floor."""

    def relevances(self, pairs: Sequence[Asked]) -> list[Array]:
        """One number in [0, 1] a character of every response."""
        ...


@dataclass(frozen=True, slots=True)
class AllOnes:
    """Everything decides."""

    def relevances(self, pairs: Sequence[Asked]) -> list[Array]:
        """Ones."""
        return [np.ones(len(pair.response), dtype=np.float32) for pair in pairs]


@dataclass(frozen=True, slots=True)
class AllZeros:
    """Nothing decides."""

    def relevances(self, pairs: Sequence[Asked]) -> list[Array]:
        """Zeros."""
        return [np.zeros(len(pair.response), dtype=np.float32) for pair in pairs]


@dataclass(frozen=True, slots=True)
class KeywordOverlap:
    """What the criterion quotes, and its content words, wherever they occur in the response.

    Example:
        for 'The word "dune" occurs.' it marks every "dune", "Dune" and "DUNE".
    """

    def relevances(self, pairs: Sequence[Asked]) -> list[Array]:
        """Ones where such a word or quotation stands, else zeros."""
        return [_marked(pair.response, _keywords(pair)) for pair in pairs]


def _keywords(pair: Asked) -> list[Span]:
    quoted = ["".join(found).strip() for found in _QUOTED.findall(pair.criterion)]
    words = {word.lower() for word in _WORD.findall(pair.criterion)} - _EMPTY
    spans = [one.span() for one in _WORD.finditer(pair.response) if one.group().lower() in words]
    for phrase in filter(None, quoted):
        pattern = rf"(?<!\w){re.escape(phrase)}" if phrase[0].isalnum() else re.escape(phrase)
        pattern += r"(?!\w)" if phrase[-1].isalnum() else ""
        found = re.finditer(pattern, pair.response, re.IGNORECASE)
        spans += [one.span() for one in found]
    return spans


def _marked(response: str, spans: Sequence[Span]) -> Array:
    told = np.zeros(len(response), dtype=np.float32)
    for start, end in spans:
        told[start:end] = 1.0
    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSimilarity:
    """How near a part of the response is to the criterion in meaning: the cosine, 0 if negative."""

    embedder: Embedder
    window: int | None = None
    """Words of a part; None: sentences, which line breaks end as well."""

    def relevances(self, pairs: Sequence[Asked]) -> list[Array]:
        """The cosine of the part that a character stands in; the largest where windows overlap."""
        parts = [self._parts(pair.response) for pair in pairs]
        texts = dict.fromkeys(pair.criterion for pair in pairs)
        for pair, spans in zip(pairs, parts, strict=True):
            texts |= dict.fromkeys(pair.response[start:end] for start, end in spans)
        vectors = dict(zip(texts, self.embedder.embed(list(texts)), strict=True))
        told = []
        for pair, spans in zip(pairs, parts, strict=True):
            row = np.zeros(len(pair.response), dtype=np.float32)
            for start, end in spans:
                near = float(vectors[pair.criterion] @ vectors[pair.response[start:end]])
                np.maximum(row[start:end], min(max(near, 0.0), 1.0), out=row[start:end])
            told.append(row)
        return told

    def _parts(self, response: str) -> list[Span]:
        if self.window is None:
            lines = [one.span() for one in re.finditer(r"[^\n]*\S[^\n]*", response)]
            return [
                (first + start, first + end)
                for first, last in lines
                for start, end in split_sentences(response[first:last])
            ]
        words = [one.span() for one in re.finditer(r"\S+", response)]
        step = max(self.window // 2, 1)
        cut = [words[at : at + self.window] for at in range(0, len(words), step)]
        return [(part[0][0], part[-1][1]) for part in cut]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastFloor:
    """What a language model finds likelier when the criterion is asked for (CoRT), untrained.

    `p = sigmoid(log pi(y | task, criterion) - log pi(y | task))` of each of its tokens.
    """

    policy: Policy
    batch_tokens: int = 4096

    def relevances(self, pairs: Sequence[Asked]) -> list[Array]:
        """The probability of the token that a character belongs to; 1/2 makes no difference."""
        rollouts = [self._rollout(pair.response) for pair in pairs]
        prompts = [_with_and_without(pair) for pair in pairs]
        scorer = PolicyScores(policy=self.policy, batch_tokens=self.batch_tokens)
        given, bare = (
            scorer.score([(two[i], one) for two, one in zip(prompts, rollouts, strict=True)])
            for i in (0, 1)
        )
        told = []
        for rollout, high, low in zip(rollouts, given, bare, strict=True):
            row = np.zeros(len(rollout.text), dtype=np.float32)
            values = 1 / (1 + np.exp(np.asarray(low) - np.asarray(high)))
            for (start, end), value in zip(rollout.offsets, values, strict=True):
                np.maximum(row[start:end], value, out=row[start:end])
            told.append(row)
        return told

    def _rollout(self, response: str) -> Rollout:
        coded: Any = self.policy.tokenizer(
            response, add_special_tokens=False, return_offsets_mapping=True
        )
        ids = tuple(coded["input_ids"])
        return Rollout(
            prompt_id="", tokens=ids, logprobs=(0.0,) * len(ids), text=response,
            offsets=tuple((start, end) for start, end in coded["offset_mapping"]),
        )  # fmt: skip


def _with_and_without(pair: Asked) -> tuple[str, str]:
    """The task with the criterion and without; the criterion alone where there is no task."""
    task = pair.question
    if pair.criterion in task:
        return task, " ".join(task.replace(pair.criterion, "").split(" ")).strip() or "Write."
    return f"{task}\n{pair.criterion}".strip(), task or "Write."
