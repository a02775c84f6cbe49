"""Rules for the model calls of RAG and Long-Context: summary, reranking, query rewriting."""

from __future__ import annotations

import re
from collections.abc import Callable

from lmcommon.llm.types import ChatRequest
from memtrace.memory.tokens import approximate_tokens
from memtrace.testing.rules import Rule, content_words

__all__ = ["Keep", "Score", "newest", "rag_rules"]

_SUMMARY = re.compile(r"^Earlier notes:\n(.*)\n\nOlder messages:\n(.*)$", re.DOTALL)
_PASSAGES = re.compile(r"^Passages:\n(.*)\n\nQuestion: (.*)$", re.DOTALL)
_REWRITE = re.compile(r"^Question to rewrite: (.*)$", re.DOTALL)
_NUMBERED = re.compile(r"^\[(\d+)\]$", re.MULTILINE)


Keep = Callable[[list[str], int], list[str]]
"""From the lines of notes and messages and the tokens allowed to the lines that are kept."""
Score = Callable[[str, list[str]], list[float]]
"""How far passages help to answer a question: from question and passages to a number each."""


def rag_rules(
    keep: Keep | None = None, score: Score | None = None,
    rewrite: Callable[[str], str] | None = None,
) -> tuple[Rule, ...]:  # fmt: skip
    """One rule for each of the packaged prompts `summary`, `rerank` and `rewrite`.

    Args:
        keep: Chooses the lines of a summary; None: the newest that ask nothing, as many as fit.
        score: Puts passages in order; None: words shared with the question.
        rewrite: Words a question as a query; None: its words that say something.
    """
    keep, score, rewrite = keep or _newest, score or _shared_words, rewrite or _only_words
    return (
        Rule(
            "summary", lambda r: _SUMMARY.match(_last(r)) is not None,
            lambda r: _summarised(r, keep),
        ),
        Rule(
            "rerank", lambda r: _PASSAGES.match(_last(r)) is not None,
            lambda r: _ordered(r, score),
        ),
        Rule(
            "rewrite", lambda r: _REWRITE.match(_last(r)) is not None,
            lambda r: rewrite(_last(r).partition(":")[2].strip()),
        ),
    )  # fmt: skip


def newest(lines: list[str], max_tokens: int) -> list[str]:
    """The last lines, as many as fit."""
    kept = list(lines)
    while len(kept) > 1 and approximate_tokens("\n".join(kept)) > max_tokens:
        del kept[0]
    return kept


def _last(request: ChatRequest) -> str:
    return request.messages[-1].content


def _summarised(request: ChatRequest, keep: Keep) -> str:
    found = _SUMMARY.match(_last(request))
    assert found is not None
    lines = [line for line in "\n".join(found.groups()).splitlines() if line != "(none)"]
    return "\n".join(keep(lines, request.sampling.max_tokens))


def _newest(lines: list[str], max_tokens: int) -> list[str]:
    return newest([line for line in lines if not line.endswith("?")], max_tokens)


def _ordered(request: ChatRequest, score: Score) -> str:
    """The numbers of the passages, the highest score first."""
    found = _PASSAGES.match(_last(request))
    assert found is not None
    pieces = _NUMBERED.split(found[1])
    numbers = [int(number) for number in pieces[1::2]]
    scores = dict(zip(numbers, score(found[2], pieces[2::2]), strict=True))
    return ", ".join(str(number) for number in sorted(scores, key=lambda n: (-scores[n], n)))


def _shared_words(question: str, passages: list[str]) -> list[float]:
    wanted = content_words(question)
    return [len(wanted & content_words(passage)) for passage in passages]


def _only_words(question: str) -> str:
    return " ".join(sorted(content_words(question)))
