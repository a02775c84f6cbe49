"""What every dialogue about a trace has: a verdict on the way, notes, the last result.

In: the model's replies, one action each. Out: a finding when it finishes. What an action does is
the business of the exploration, or of the flat log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memtrace.attribution.tracing.notebook import Notebook
from memtrace.attribution.tracing.region import Region
from memtrace.attribution.tracing.types import Finding
from memtrace.attribution.tracing.verdict import finding_of

__all__ = ["Turns"]


class Turns:
    """Turns of one dialogue. A subclass says what actions do.

    Args:
        region: What may be looked at and blamed.
    """

    def __init__(self, region: Region) -> None:
        self.best: Finding | None = None
        """The last verdict that named an operation of the region."""
        self._region = region
        self._notebook = Notebook()
        self._result: list[str] = []

    def act(self, reply: Mapping[str, Any]) -> Finding | None:
        """Do what the model asked for; what cannot be done is told to it."""
        action = str(reply["action"])
        try:
            if "error_type" in reply or action == "finish":
                self.best = finding_of(reply, self._region)
                if action == "finish":
                    return self.best
            self._result = self._done(action, reply)
        except ValueError as error:
            self._notebook.write(reply, str(error))
            self._result = [f"refused: {error}"]
        else:
            self._notebook.write(reply)
        return None

    def refuse(self, problem: str) -> None:
        """Tell the model that its reply was no action."""
        self._result = [f"refused: the reply was no action ({problem[:200]})"]

    def _done(self, action: str, reply: Mapping[str, Any]) -> list[str]:
        """The result of an action.

        Raises:
            ValueError: It cannot be done; the model is told why.
        """
        raise NotImplementedError

    @property
    def _notes(self) -> list[str]:
        """The notebook, with whom the model blames so far."""
        blamed = "no operation"
        if self.best is not None and self.best.operation is not None:
            blamed = self._region.handle(self._region.reader.operation(self.best.operation))
        return list(self._notebook.lines(self.best, blamed))
