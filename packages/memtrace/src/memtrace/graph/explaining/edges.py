"""The edge check: do the declared inputs of an operation stand in its literal request?

In: a trace whose model calls recorded their requests (`Step.request`). Out: warnings of two kinds:
a declared text that the request does not hold, and a text known from before that it holds though
no input says so. Both mean that the graph is not what happened.

How it stays cheap: known texts are filed under their first words; of a request, only the words
that no declared input covers are looked up.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from memtrace.graph.explaining.texts import plain, snippet, strings, text_of
from memtrace.types import Operation, Variable

if TYPE_CHECKING:
    from memtrace.graph.reading.trace import Trace

__all__ = ["EdgeWarning", "check_edges"]

_SHORTEST = 16
"""Characters below which an undeclared text is likely there by chance."""
_KEY_WORDS = range(3, 9)
_UNREAD = frozenset({"request", "trimmed", "store", "deletion", "no_op", "verdict"})
"""Kinds that name things without being read as text."""
_FIELD = re.compile(r"\{\w*\}")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": " ", "f": " "}


@dataclass(frozen=True, slots=True)
class EdgeWarning:
    """One edge that is there and should not be, or the reverse.

    Example: `EdgeWarning("op-20", "var-9", "not in request", "facts", "Ana lives in Porto.")`
    """

    operation: str
    variable: str
    problem: Literal["not in request", "not declared"]
    role: str | None
    """The input's role; None for a text that is not declared."""
    snippet: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def __str__(self) -> str:
        if self.problem == "not in request":
            return (
                f"{self.operation} declares {self.variable} as {self.role!r}, but its request "
                f"does not hold it: {self.snippet!r}"
            )
        return (
            f"{self.operation} does not declare {self.variable}, but its request holds it: "
            f"{self.snippet!r}"
        )


def check_edges(trace: Trace) -> Iterator[EdgeWarning]:
    """Check every operation that recorded a request, in `seq` order; see `Trace.check_edges`."""
    requests = defaultdict[str, list[str]](list)
    for variable in trace.variables(kind="request"):
        requests[variable.producer or ""].append(variable.id)
    requests.pop("", None)
    if not requests:
        return
    known = _KnownTexts(trace)
    for operation in trace.operations():
        if operation.id in requests:
            yield from _check(trace, operation, requests[operation.id], known)


def _check(
    trace: Trace, operation: Operation, requests: Iterable[str], known: _KnownTexts
) -> Iterator[EdgeWarning]:
    text = "\n".join(text_of(trace.value(request)) for request in requests)
    request = _Request(text)
    roles = {v: role for role, ids in operation.inputs.items() for v in ids}
    variables = {v.id: v for v in trace.variables(ids=roles)}
    for identifier, role in roles.items():
        variable = variables.get(identifier)
        if variable is None:  # lost from a damaged trace
            continue
        if variable.kind in _UNREAD or variable.encoding == "bytes":
            continue
        if missing := request.take(trace.value(identifier), is_template=variable.kind == "prompt"):
            yield EdgeWarning(operation.id, identifier, "not in request", role, missing)
    known.learn(operation)
    for found in known.within(request, operation, {v.digest for v in variables.values()}):
        yield EdgeWarning(
            operation.id, found, "not declared", None, snippet(text_of(trace.value(found)))
        )


class _Request:
    """The words of a request, and which of them the declared inputs account for."""

    def __init__(self, text: str) -> None:
        forms = [text]
        while "\\" in forms[-1] and len(forms) < 3:  # JSON in a request, and JSON in that
            forms.append(_paired(_ESCAPE.sub(_unescape, forms[-1])))
        # Joined by a mark that is no word, so that nothing stands across two forms.
        self.plain = "\n".join(plain(form) for form in forms)
        self._covered = bytearray(len(self.plain))
        self._declared: list[str] = []

    def take(self, value: Any, *, is_template: bool) -> str:
        """Mark where a value stands; what of it is missing, shortened, or an empty string."""
        parts = [text for text in strings(value) if plain(text)]
        self._declared += map(plain, parts)
        missing = [part for part in parts if not self._take_text(part, is_template)]
        if not missing or (isinstance(value, dict) and len(missing) < len(parts)):
            return ""  # of a record with fields, the request need not hold every field
        return snippet(missing[0])

    def _take_text(self, text: str, is_template: bool) -> bool:
        if self._cover(plain(text)):
            return True
        pieces = _FIELD.split(text) if is_template else [text]
        lines = [plain(line) for piece in pieces for line in piece.splitlines()]
        found = [self._cover(line) for line in lines if line]
        return all(found)

    def _cover(self, words: str) -> bool:
        """Whether words stand in the request. A few words account for nothing beyond themselves,
        so that an undeclared text which begins with them is still looked up.
        """
        place = self.plain.find(words)
        is_found = place >= 0
        while place >= 0 and len(words) >= _SHORTEST:
            self._covered[place : place + len(words) - 1] = b"\1" * (len(words) - 1)
            place = self.plain.find(words, place + len(words) - 1)
        return is_found

    def is_undeclared(self, words: str, place: int) -> bool:
        """Whether words stand at a place, and in no declared input."""
        return self.plain.startswith(words, place) and not any(
            words in declared for declared in self._declared
        )

    def stretches(self) -> Iterator[int]:
        """Places (of the blank before) of the words that nothing accounts for."""
        place = self._covered.find(0)
        while place >= 0 and (place := self.plain.find(" ", place)) >= 0:
            if not self._covered[place]:
                yield place
            place = self._covered.find(0, place + 1)


class _KnownTexts:
    """The texts of a trace so far, each to be found by its first words.

    A text is known to an operation if it came from outside, is a version of a memory item, or was
    written under the same parent.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._waiting: Iterator[Variable] = trace.variables()
        self._next: Variable | None = next(self._waiting, None)
        self._filed: dict[tuple[str | None, str], dict[str, str]] = {}
        self._parents = {op.id: op.parent for op in trace.operations() if op.parent is not None}

    def learn(self, before: Operation) -> None:
        """File every text that was there when an operation started."""
        while self._next is not None and self._next.seq < before.seq:
            self._file(self._next)
            self._next = next(self._waiting, None)

    def within(self, request: _Request, operation: Operation, declared: set[str]) -> Iterator[str]:
        """Variables whose text stands in the part of a request that nothing accounts for."""
        seen = set(declared)
        for place in request.stretches():
            for digest, variable in self._filed_at(request.plain, place, operation.parent):
                if digest in seen:
                    continue
                text = plain(self._trace.value(variable))
                if request.is_undeclared(text, place):
                    seen.add(digest)
                    yield variable

    def _filed_at(self, text: str, place: int, parent: str | None) -> Iterator[tuple[str, str]]:
        for key in _keys(text, place):
            for scope in (_EVERYWHERE, parent or _TOP):
                yield from self._filed.get((scope, key), {}).items()

    def _file(self, variable: Variable) -> None:
        if variable.kind in _UNREAD or variable.size < _SHORTEST:
            return
        if variable.encoding != "text":
            return
        is_global = variable.producer is None or variable.item is not None
        parent = self._parents.get(variable.producer or "", _TOP)
        words = plain(self._trace.value(variable.id))
        if len(words) >= _SHORTEST and (key := _key(words)):
            filed = self._filed.setdefault((_EVERYWHERE if is_global else parent, key), {})
            filed.setdefault(variable.digest, variable.id)


_EVERYWHERE, _TOP = "*", "-"


def _key(words: str) -> str:
    """The first words of a text: as many as it has, at most eight."""
    first = words.split(" ", _KEY_WORDS.stop)[1 : _KEY_WORDS.stop]
    first = [word for word in first if word]
    return " ".join(first) if len(first) >= _KEY_WORDS.start else ""


def _keys(text: str, place: int) -> Iterator[str]:
    """Every key that a text which starts at `place` could be filed under."""
    line = text[place + 1 : place + 1 + 400].split("\n", 1)[0]
    words = line.split(" ", _KEY_WORDS.stop)[: _KEY_WORDS.stop - 1]
    for count in _KEY_WORDS:
        if count <= len(words) and words[count - 1]:
            yield " ".join(words[:count])


def _paired(text: str) -> str:
    """Escapes write letters beyond the first 65,536 as two halves."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _unescape(match: re.Match[str]) -> str:
    code, char = match.groups()
    return chr(int(code, 16)) if code else _ESCAPED.get(char, char)
