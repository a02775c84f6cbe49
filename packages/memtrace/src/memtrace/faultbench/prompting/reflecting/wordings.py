"""What is wrong with a search query, given its question."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memtrace.faultbench.prompting.reflecting.comparing import gives
from memtrace.faultbench.prompting.reflecting.types import Finding, Record
from memtrace.testing.rules import content_words

__all__ = ["bad_queries"]

_NAME = re.compile(r"\b[A-Z][\w-]*")


def bad_queries(record: Record) -> Iterator[Finding]:
    """Findings of a record whose outputs are a query; none if they are something else."""
    question, query = record.question, record.outputs.strip()
    asked, used = content_words(question), content_words(query)
    if not question or not asked & used or query.endswith("."):
        return
    names = _NAME.findall(question.partition(" ")[2])
    if any(not gives(query, name) for name in names):
        yield Finding("names", "keep")
    plain = asked - content_words(" ".join(names))
    if len(plain & used) < len(plain) - 1:
        yield Finding("size", "full")
    elif used <= asked:
        yield Finding("more", "yes")
