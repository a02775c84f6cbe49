"""The region a model may walk: what one answer came from, and what could have changed that.

In: a case and its start messages. Out: operations in the order of time, each with a short handle
(`o12`), and likewise their variables (`v7`). To the operations upstream of the answer it adds the
writers of the same memory items, searches for the same question that found nothing, and what else
read the start messages: an extraction that dropped the fact is upstream of nothing. The work for
other questions stays outside.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from memtrace.attribution.case import Case
from memtrace.types import Operation, Variable

__all__ = ["Region"]

_QUESTION = ("question", "query")
_FOR_QUESTIONS = frozenset({"context", "answer", "judge", "rerank", "rewrite"})


class Region:
    """Operations and variables under examination, by handle.

    Args:
        case: The case.
        starts: Ids of the messages to begin with.
    """

    def __init__(self, case: Case, starts: Iterable[str] = ()) -> None:
        self.reader = case.reader
        self.answer, self.maker = case.answer.id, case.maker
        numbers = set(case.back.operation_numbers)
        asked = [v for v in case.back.variables if self.reader.variable(v).kind in _QUESTION]
        numbers |= self._searches(asked)
        numbers |= self._writers(case.back.variables)
        numbers |= self._readers_of(starts, numbers, frozenset(asked))
        self._operations = self._without_containers(n for n in numbers if n <= self.maker.seq)
        variables = set(case.back.variable_numbers)
        variables |= {self.reader.variable(v).seq for v in starts}
        for number in self._operations:
            operation = self.operation_at(number)
            for identifier in (*operation.input_ids, *operation.output_ids):
                variables.add(self.reader.variable(identifier).seq)
        self._variables = sorted(variables)

    def __len__(self) -> int:
        return len(self._operations)

    def __contains__(self, operation: str) -> bool:
        number = self.reader.operation(operation).seq
        place = bisect_left(self._operations, number)
        return place < len(self._operations) and self._operations[place] == number

    def operations(self) -> Iterator[Operation]:
        """All operations, in the order of time."""
        return (self.operation_at(number) for number in self._operations)

    def variables(self) -> Iterator[Variable]:
        """All variables, in the order of time."""
        return (self.reader.variable(f"var-{number}") for number in self._variables)

    def operation_at(self, seq: int) -> Operation:
        """The operation with this number."""
        return self.reader.operation(f"op-{seq}")

    def handle(self, part: Operation | Variable) -> str:
        """The short name of a part of the region."""
        if isinstance(part, Operation):
            return f"o{bisect_left(self._operations, part.seq) + 1}"
        return f"v{bisect_left(self._variables, part.seq) + 1}"

    def operation(self, handle: str) -> Operation:
        """The operation a handle names.

        Raises:
            ValueError: There is none, in words for the model.
        """
        place = _place(handle, "o", len(self._operations))
        return self.operation_at(self._operations[place])

    def variable(self, handle: str) -> Variable:
        """The variable a handle names.

        Raises:
            ValueError: There is none, in words for the model.
        """
        place = _place(handle, "v", len(self._variables))
        return self.reader.variable(f"var-{self._variables[place]}")

    def readers(self, variable: Variable) -> list[Operation]:
        """Operations of the region that read a variable, or wrote over it."""
        found = {op for op in self.reader.graph.consumers(variable.id) if op in self}
        later = self.reader.next_version(variable)
        if later is not None and later.producer is not None and later.producer in self:
            found.add(later.producer)
        return sorted(map(self.reader.operation, found), key=lambda operation: operation.seq)

    def question_path(self) -> list[Operation]:
        """The operations that served this question, the answer's maker last."""
        ours = [op for op in self.operations() if self._reads_question(op) or op == self.maker]
        first = min((op.seq for op in ours), default=self.maker.seq)
        return [op for op in self.operations() if op.seq >= first]

    def _without_containers(self, numbers: Iterable[int]) -> list[int]:
        """Leave out operations that others ran inside and that pass nothing on themselves."""
        found = [self.operation_at(number) for number in sorted(numbers)]
        parents = {operation.parent for operation in found}
        return [op.seq for op in found if op.outputs or op.id not in parents]

    def _reads_question(self, operation: Operation) -> bool:
        return any(self.reader.variable(v).kind in _QUESTION for v in operation.input_ids)

    def _searches(self, asked: Iterable[str]) -> set[int]:
        """Operations that read the question, and those that read what became of it."""
        found: set[int] = set()
        waiting = list(asked)
        while waiting:
            for identifier in self.reader.graph.consumers(waiting.pop()):
                operation = self.reader.operation(identifier)
                if operation.kind == "judge" or operation.seq in found:
                    continue
                found.add(operation.seq)
                waiting += [
                    v for v in operation.output_ids if self.reader.variable(v).kind in _QUESTION
                ]
        return found

    def _writers(self, variables: Iterable[str]) -> set[int]:
        items = {self.reader.variable(v).item for v in variables} - {None}
        found: set[int] = set()
        for item in items:
            assert item is not None
            for version in self.reader.trace.history(item):
                if version.producer is not None:
                    found.add(self.reader.operation(version.producer).seq)
        return found

    def _readers_of(
        self, starts: Iterable[str], known: set[int], asked: frozenset[str]
    ) -> set[int]:
        starts = list(starts)
        if not starts:
            return set()
        graph, until = self.reader.graph, self.maker.seq
        ahead = graph.downstream(starts, until_seq=until)
        others = [
            v.id
            for kind in _QUESTION
            for v in self.reader.trace.variables(kind=kind)
            if v.id not in asked and v.seq < until
        ]
        theirs = frozenset(graph.downstream(others, until_seq=until).operation_numbers)
        fresh = (n for n in ahead.operation_numbers if n not in known and n not in theirs)
        return {n for n in fresh if self.operation_at(n).kind not in _FOR_QUESTIONS}


def _place(handle: str, letter: str, size: int) -> int:
    digits = handle[1:]
    is_number = digits.isascii() and digits.isdigit() and len(digits) < 12
    if not handle.startswith(letter) or not is_number or not 1 <= int(digits) <= size:
        kind = "operation" if letter == "o" else "variable"
        raise ValueError(
            f"there is no {kind} {handle[:40]!r}; they are {letter}1 to {letter}{size}"
        )
    return int(digits) - 1
