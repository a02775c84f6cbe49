"""Rules for the model calls of RAG and Long-Context: summary, reranking, query rewriting."""

from __future__ import annotations

import re

from lmcommon.llm.types import ChatRequest
from memtrace.memory.tokens import approximate_tokens
from memtrace.testing.rules import Rule, content_words

__all__ = ["rag_rules"]

_SUMMARY = re.compile(r"^Earlier notes:\n(.*)\n\nOlder messages:\n(.*)$", re.DOTALL)
_PASSAGES = re.compile(r"^Passages:\n(.*)\n\nQuestion: (.*)$", re.DOTALL)
_REWRITE = re.compile(r"^Question to rewrite: (.*)$", re.DOTALL)
_NUMBERED = re.compile(r"^\[(\d+)\]$", re.MULTILINE)


def rag_rules() -> tuple[Rule, ...]:
    """One rule for each of the packaged prompts `summary`, `rerank` and `rewrite`."""
    return (
        Rule("summary", lambda r: _SUMMARY.match(_last(r)) is not None, _summarised),
        Rule("rerank", lambda r: _PASSAGES.match(_last(r)) is not None, _ordered),
        Rule("rewrite", lambda r: _REWRITE.match(_last(r)) is not None, _rewritten),
    )


def _last(request: ChatRequest) -> str:
    return request.messages[-1].content


def _summarised(request: ChatRequest) -> str:
    """The newest lines that state something, as many as fit."""
    found = _SUMMARY.match(_last(request))
    assert found is not None
    lines = "\n".join(found.groups()).splitlines()
    kept = [line for line in lines if line != "(none)" and not line.endswith("?")]
    while len(kept) > 1 and approximate_tokens("\n".join(kept)) > request.sampling.max_tokens:
        del kept[0]
    return "\n".join(kept)


def _ordered(request: ChatRequest) -> str:
    """Passages by the words they share with the question, most first."""
    found = _PASSAGES.match(_last(request))
    assert found is not None
    pieces = _NUMBERED.split(found[1])
    wanted = content_words(found[2])
    shared = {
        int(number): len(wanted & content_words(text))
        for number, text in zip(pieces[1::2], pieces[2::2], strict=True)
    }
    return ", ".join(str(number) for number in sorted(shared, key=lambda n: (-shared[n], n)))


def _rewritten(request: ChatRequest) -> str:
    """The words of the question that say something."""
    found = _REWRITE.match(_last(request))
    assert found is not None
    return " ".join(sorted(content_words(found[1])))
