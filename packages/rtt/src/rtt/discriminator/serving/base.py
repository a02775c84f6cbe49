"""What every way of running a discriminator can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rtt.discriminator.characters import Chars

__all__ = ["CharacterReader", "ToldReader"]


class CharacterReader(Protocol):
    """Reads pairs of texts, wherever the weights are."""

    @property
    def reads_question(self) -> bool:
        """Whether it reads the task as well."""
        ...

    @property
    def reads_verdict(self) -> bool:
        """Whether the criterion is to say whether it is met (`with_verdict`)."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all that decides what it says; raises `UserError` if out of reach."""
        ...

    def relevances(self, pairs: Sequence[tuple[str, ...]]) -> list[Chars]:
        """Relevance of every character of every response, in the order of the pairs.

        Args:
            pairs: (criterion, response[, question]) texts.
        """
        ...

    def close(self) -> None:
        """Let go of processes, connections and files; may be called again."""
        ...


class ToldReader:
    """Of a reader whose weights are elsewhere: what it is told that it is."""

    _facts: Any

    @property
    def reads_question(self) -> bool:
        """Whether it reads the task as well."""
        return bool(self._facts["reads_question"])

    @property
    def reads_verdict(self) -> bool:
        """Whether the criterion is to say whether it is met (`with_verdict`)."""
        return bool(self._facts["reads_verdict"])
