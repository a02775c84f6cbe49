"""The same in other words: sentences compared by meaning, where comparing words has failed.

In: an embedder. Out: a function from a sentence and a passage to the line that says the same, used
by survival only for operations that may rewrite. Numbers and dates must agree word for word:
embeddings hardly tell 39 from 41.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from lmcommon.embed.base import Embedder, Vectors
from memtrace.attribution.matching import Passage

__all__ = ["Paraphrases"]


class Paraphrases:
    """Finds the line of a passage that says a sentence in other words.

    Args:
        embedder: Turns texts into vectors, such as the bundled MiniLM.
        least: The cosine from which two sentences say the same.
        lines: Of a longer passage only so many lines, those that share most words, are compared.
    """

    def __init__(self, embedder: Embedder, *, least: float = 0.8, lines: int = 40) -> None:
        self._embedder, self._least, self._lines = embedder, least, lines
        self._known: OrderedDict[str, Vectors] = OrderedDict()

    def __call__(self, sentence: str, text: Passage) -> str | None:
        """The likest line, if it is like enough; None otherwise."""
        words = frozenset(sentence.split())
        numbers = {word for word in words if word[0].isdigit()}
        fitting = [
            (len(words & known), line) for line, known in zip(text.lines, text.words, strict=True)
            if numbers <= known
        ]  # fmt: skip
        lines = [line for _, line in sorted(fitting, reverse=True)[: self._lines]]
        if not lines:
            return None
        vectors_ND = self._vectors([sentence, *lines])
        likeness_N = vectors_ND[1:] @ vectors_ND[0]
        best = int(np.argmax(likeness_N))
        return lines[best] if float(likeness_N[best]) >= self._least else None

    def _vectors(self, lines: list[str]) -> Vectors:
        new = [line for line in dict.fromkeys(lines) if line not in self._known]
        if new:
            self._known.update(zip(new, self._embedder.embed(new), strict=True))
        found = np.stack([self._known[line] for line in lines])
        while len(self._known) > 10_000:  # a bound on memory
            self._known.popitem(last=False)
        return found
