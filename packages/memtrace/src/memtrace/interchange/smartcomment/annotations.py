"""The labels of MemTraceBench: which operation lost the answer, as typed records.

In: annotations of a file and the graph made of it; later, the trace. Out: `Annotation`s whose ids
are those of the trace. Where several questions share the node of a prediction, the variable is the
one that an operation made which read this very question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memtrace.interchange.smartcomment.numbers import Numbers
from memtrace.interchange.smartcomment.order import Ordering
from memtrace.interchange.smartcomment.reading import Gathered

if TYPE_CHECKING:
    from memtrace.graph.reading.trace import Trace

__all__ = ["Annotation", "link_annotations", "read_annotations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What people said about one wrong answer. Ids are None where the file names none that exists.

    Example:
        `Annotation(error_type="ExtractionError", operation="op-12", question="var-3",
        prediction="var-40", gold="var-4", evidence=("var-1",), record={...})`
    """

    error_type: str | None = None
    operation: str | None = None
    question: str | None = None
    prediction: str | None = None
    gold: str | None = None
    evidence: tuple[str, ...] = ()
    record: Mapping[str, Any]
    """The annotation as it stands in the file."""


def read_annotations(trace: Trace) -> tuple[Annotation, ...]:
    """The annotations of an imported trace; empty for one that has none."""
    known = trace.metadata
    pairs = zip(known.get("annotations", ()), known.get("annotation_links", ()), strict=False)
    return tuple(
        Annotation(
            error_type=_text(record, "final_error_type"), record=record,
            **{**links, "evidence": tuple(links.get("evidence", ()))},
        )
        for record, links in pairs
        if isinstance(record, dict)
    )  # fmt: skip


def link_annotations(found: Gathered, ordering: Ordering, numbers: Numbers) -> list[dict[str, Any]]:
    """For each annotation: the ids that its fields name, in the trace."""
    wanted = {
        found.nodes.index[name]
        for record in found.annotations
        if isinstance(record, dict)
        for name in _named(record)
        if name in found.nodes.index
    }
    made: dict[int, list[int]] = {}
    for instance, node in enumerate(ordering.instances.node):
        if node in wanted:
            made.setdefault(node, []).append(instance)
    linker = _Linker(found, ordering, numbers, made)
    return [linker.links(record) if isinstance(record, dict) else {}
            for record in found.annotations]  # fmt: skip


class _Linker:
    def __init__(
        self, found: Gathered, ordering: Ordering, numbers: Numbers, made: Mapping[int, list[int]]
    ) -> None:
        self._found, self._ordering, self._numbers = found, ordering, numbers
        self._made = made
        self._parts: dict[int, int] = {}
        for part in ordering.parts:
            self._parts.setdefault(part.operation, part.number)

    def links(self, record: Mapping[str, Any]) -> dict[str, Any]:
        question = self._node(record.get("query_id"))
        links = {
            "question": self._variable(question, None),
            "prediction": self._variable(self._node(record.get("prediction_id")), question),
            "gold": self._variable(self._node(record.get("golden_answers_id")), question),
            "operation": self._operation(record.get("final_op_id")),
            "evidence": [
                self._variable(self._node(name), None)
                for name in _list(record.get("source_evidence_ids"))
                if self._node(name) in self._made
            ],
        }
        return {key: value for key, value in links.items() if value}

    def _node(self, name: Any) -> int:
        return self._found.nodes.index.get(name, -1) if isinstance(name, str) else -1

    def _variable(self, node: int, question: int | None) -> str | None:
        made = self._made.get(node)
        if not made:
            return None
        about = [one for one in made if self._reads(one, question)] or made[:1]
        return f"var-{self._numbers.variables[about[0]]}"

    def _reads(self, instance: int, question: int | None) -> bool:
        place, instances = self._ordering.instances.part[instance], self._ordering.instances
        return place >= 0 and any(
            instances.node[read] == question for read in self._ordering.parts[place].inputs
        )

    def _operation(self, name: Any) -> str | None:
        index = self._found.operations.index.get(name, -1) if isinstance(name, str) else -1
        number = self._parts.get(index)
        return None if number is None else f"op-{number}"


def _named(record: Mapping[str, Any]) -> list[str]:
    given = [record.get(key) for key in ("query_id", "prediction_id", "golden_answers_id")]
    return [name for name in (*given, *_list(record.get("source_evidence_ids")))
            if isinstance(name, str)]  # fmt: skip


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    return value if isinstance(value, str) else None
