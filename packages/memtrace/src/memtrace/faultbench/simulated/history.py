"""What a context lets one know: for each person and topic, the values that held, in order.

A correction takes the place of what it corrects, a deletion ends a value and keeps what became of
it. Statements come in the order of time; see `notes.statements_of`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from memtrace.faultbench.simulated.reading import RELATION
from memtrace.faultbench.simulated.types import Statement

__all__ = ["Knowledge", "Thread", "same"]


def same(one: str, other: str) -> bool:
    """Whether two values are the same but for case and white space."""
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


@dataclass(slots=True)
class Thread:
    """One topic of one person. Example: values Oslo, Lisbon; Lisbon is dated 2024-03-03."""

    values: list[str] = field(default_factory=list)
    """Those that held, the oldest first."""
    days: list[str] = field(default_factory=list)
    """For each value, the ISO date of its event, or empty."""
    gone: dict[str, str] = field(default_factory=dict)
    """Ended values with what became of them."""

    @property
    def latest(self) -> str:
        """The value that holds; empty if none is known, or if it ended."""
        return self.values[-1] if self.values and not self.fate_of(self.values[-1]) else ""

    def place(self, value: str) -> int:
        """Where a value stands in the order; -1 if it is not known."""
        return next((n for n, one in enumerate(self.values) if same(one, value)), -1)

    def fate_of(self, value: str) -> str:
        """What became of a value; empty if nothing is known to have."""
        return next((fate for one, fate in self.gone.items() if same(one, value)), "")

    def take(self, statement: Statement) -> None:
        """Go on with the next statement."""
        said = statement.said
        place = self.place(said.value)
        if said.operation == "delete":
            self.gone[said.value] = said.fate or "it is no more"
        elif said.operation == "correct" and (wrong := self.place(said.old)) >= 0:
            self.values[wrong], self.days[wrong] = said.value, said.when
        elif place < 0 or said.operation == "update":
            self.values.append(said.value)
            self.days.append(said.when)
        elif said.when and not self.days[place]:
            self.days[place] = said.when


class Knowledge:
    """All threads of a context.

    Args:
        statements: In order of time.
    """

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._threads: dict[tuple[str, str], Thread] = {}
        for statement in statements:
            if statement.subject:
                key = (statement.subject, statement.said.attribute)
                self._threads.setdefault(key, Thread()).take(statement)

    def thread(self, person: str, attribute: str) -> Thread:
        """One topic of one person; an empty thread if the context says nothing of it."""
        return self._threads.get((person, attribute)) or Thread()

    def relation(self, person: str, relation: str) -> str:
        """The name of a person's flatmate, boss, ...; empty if unknown."""
        return self.thread(person, RELATION + relation).latest

    def whose(self, attribute: str, value: str) -> str:
        """The person with whom a value holds, or held; empty if nobody or several are known."""
        holds = [
            person
            for (person, key), thread in self._threads.items()
            if key == attribute and same(thread.latest, value)
        ]
        held = [
            person
            for (person, key), thread in self._threads.items()
            if key == attribute and thread.place(value) >= 0
        ]
        found = holds or held
        return found[0] if len(found) == 1 else ""
