"""Reading a trace for attribution: values as passages, items over time, each looked up once.

One reader serves all questions of a trace; what one question loaded is there for the next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from memtrace.attribution.matching import Passage, passage
from memtrace.attribution.naming import names_in, speaker_of
from memtrace.attribution.spelling import day_said
from memtrace.attribution.unfolding import unfold
from memtrace.graph.explaining.holders import MARKERS
from memtrace.graph.explaining.texts import text_of
from memtrace.graph.reading.trace import Trace
from memtrace.types import Operation, Variable

__all__ = ["TraceReader"]

T = TypeVar("T")
_NONE: frozenset[str] = frozenset()
_KEPT = 200_000
"""Variables of a trace up to which all are read at once and kept."""


class TraceReader:
    """Cached access to the parts of one trace.

    Args:
        trace: The trace; its graph is read once.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.graph = trace.graph
        self._operations: dict[str, Operation] = {}
        self._variables: dict[str, Variable] = {}
        self._passages: dict[str, Passage] = {}
        self._histories: dict[str, tuple[list[int], list[Variable]]] = {}
        self._remembered: dict[Hashable, Any] = {}
        self._is_loaded = False

    def operation(self, identifier: str) -> Operation:
        """An operation."""
        if identifier not in self._operations:
            self._operations[identifier] = self.trace.operation(identifier)
        return self._operations[identifier]

    def variable(self, identifier: str) -> Variable:
        """A variable without its value."""
        if identifier not in self._variables:
            self._load_all()
        if identifier not in self._variables:
            self._variables[identifier] = self.trace.variable(identifier)
        return self._variables[identifier]

    def _load_all(self) -> None:
        """Read all variables in one go, once, if they are not too many to be kept."""
        if self._is_loaded or self.trace.counts["variables"] > _KEPT:
            return
        self._is_loaded = True
        self._variables = {variable.id: variable for variable in self.trace.variables()}

    def text(self, identifier: str) -> str:
        """The value as text; strings inside a structure one a line."""
        return text_of(self.trace.value(identifier))

    def passage(self, identifier: str) -> Passage:
        """The value in normal form; equal values are normalised once."""
        variable = self.variable(identifier)
        if variable.digest not in self._passages:
            self._passages[variable.digest] = passage(unfold(self.trace.value(identifier)))
        return self._passages[variable.digest]

    def remember(self, key: Hashable, find: Callable[[], T]) -> T:
        """What `find` says, asked once a key: for facts about the trace as a whole."""
        if key not in self._remembered:
            self._remembered[key] = find()
        found: T = self._remembered[key]
        return found

    def is_marker(self, variable: Variable) -> bool:
        """Whether a variable names things without holding them (what was dropped, an index)."""
        return variable.is_deletion or variable.kind in MARKERS

    def live_version(self, item: str, seq: int) -> Variable | None:
        """The version of a memory item that was live just after `seq`; None if there was none."""
        if item not in self._histories:
            versions = self.trace.history(item)
            self._histories[item] = [version.seq for version in versions], versions
        numbers, versions = self._histories[item]
        place = bisect_right(numbers, seq)
        found = versions[place - 1] if place else None
        return None if found is None or found.is_deletion else found

    def next_version(self, variable: Variable) -> Variable | None:
        """The version of its item that took the place of this one; None if it is the last."""
        if variable.item is None or variable.source is not None:
            return None
        self.live_version(variable.item, variable.seq)
        numbers, versions = self._histories[variable.item]
        place = bisect_right(numbers, variable.seq)
        return versions[place] if place < len(versions) else None

    @cached_property
    def speakers(self) -> frozenset[str]:
        """Who speaks in the messages of the trace, in normal form."""
        return self._people[0]

    @cached_property
    def names(self) -> frozenset[str]:
        """Words that stand capitalised inside a sentence of a message: names, in normal form."""
        return self._people[1]

    @cached_property
    def days(self) -> frozenset[str]:
        """The days on which messages were said."""
        return self._people[2]

    @cached_property
    def _people(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        speakers: set[str] = set()
        names: set[str] = set()
        headings: dict[str, str] = {}
        for variable in self.all_messages():
            text = self.text(variable.id)
            speakers |= {name for name in [speaker_of(text)] if name}
            names |= names_in(text)
            heading = text[: text.find("]")] if text.startswith("[") else ""
            if heading not in headings:
                headings[heading] = day_said(text)
        days = frozenset(filter(None, headings.values()))
        return frozenset(speakers), frozenset(names), days

    def messages(self, name: str) -> list[Variable]:
        """Messages called `name`."""
        return self._messages_by_name.get(name, [])

    def all_messages(self) -> Iterator[Variable]:
        """Every message of the trace."""
        for variables in self._messages_by_name.values():
            yield from variables

    def messages_with(self, words: frozenset[str]) -> list[Variable]:
        """Messages that have all these words in normal form, in the order of time."""
        held = [self._messages_by_word.get(word, _NONE) for word in words]
        if not held:
            return list(self.all_messages())
        found = frozenset.intersection(*sorted(held, key=len))
        return sorted(map(self.variable, found), key=lambda variable: variable.seq)

    @cached_property
    def _messages_by_word(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for variable in self.all_messages():
            for words in self.passage(variable.id).words:
                for word in words:
                    found[word].add(variable.id)
        return {word: frozenset(ids) for word, ids in found.items()}

    def messages_of_session(self, session: str) -> list[Variable]:
        """Messages of a session, by its id."""
        return self._messages_by_session.get(session, [])

    @cached_property
    def _messages_by_name(self) -> dict[str, list[Variable]]:
        found: dict[str, list[Variable]] = defaultdict(list)
        for variable in self.trace.variables(kind="message"):
            self._variables[variable.id] = variable
            found[variable.name or ""].append(variable)
        return found

    @cached_property
    def _messages_by_session(self) -> dict[str, list[Variable]]:
        found: dict[str, list[Variable]] = defaultdict(list)
        for variable in self.all_messages():
            found[str(variable.metadata.get("session", ""))].append(variable)
        return found
