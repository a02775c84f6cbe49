"""Naming operations of replays as the recorded trace names them: by their places."""

from __future__ import annotations

from memtrace.attribution.case import Case
from memtrace.attribution.causal.located import places
from memtrace.attribution.causal.repairs import Repair
from memtrace.attribution.causal.search import Chosen
from memtrace.attribution.prompting import prompt_used
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of

__all__ = ["Naming"]


class Naming:
    """Ids of the recorded trace for operations of its replays.

    Args:
        case: The case of the recorded trace.
    """

    def __init__(self, case: Case) -> None:
        self._case = case

    def operation(self, case: Case, operation: str) -> str:
        """An operation of a case's trace, as the recorded trace calls it.

        One that came up only in a replay is named by the last operation of the same step, or of
        the nearest step around it that the recorded run has: there it left the way.
        """
        if case is self._case:
            return operation
        place = place_of(case.reader.operation(operation))
        return self._named(place) or operation

    def blamed(self, repair: Repair) -> str:
        """Who a repair blames."""
        return self._named(repair.blamed) or repair.operation

    def seq(self, chosen: Chosen) -> int:
        """When a member took place."""
        suspect = chosen.candidate.suspect
        assert suspect.operation is not None
        return self._case.reader.operation(self.operation(chosen.case, suspect.operation)).seq

    def prompt(self, operation: str | None) -> str | None:
        """The name of the prompt an operation used."""
        return None if operation is None else prompt_used(self._case.reader, operation)

    def _named(self, place: Place | None) -> str | None:
        if place is None:
            return None
        known = places(self._case.reader)
        if place in known:
            return known[place]
        step = place.path
        while "/" in step:
            step = step.rpartition("/")[0]
            near = [
                identifier
                for other, identifier in known.items()
                if other.scope == place.scope and other.path.startswith(f"{step}/")
            ]
            if near:
                return near[-1]
        return None
