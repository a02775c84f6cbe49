"""The questions of a trace, as a list of the page: what was asked, answered, and judged.

In: a trace of any origin. Out: an `Index` of answers in the order of time, without their texts;
those are read for the rows that are shown. An answer is what an operation of kind `answer` made,
what a judge was given, or what a label of an imported benchmark names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from memtrace.graph.reading.trace import Trace
from memtrace.interchange.smartcomment.annotations import Annotation, read_annotations
from memtrace.viewing.edges import Edges, read_edges

__all__ = ["AskedAnswer", "Verdict", "asked_behind", "read_asked"]

Verdict = Literal["right", "wrong", "unscored"]
_NEAR = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAnswer:
    """One answer with what is known of its question; texts stay in the trace.

    Example:
        `AskedAnswer(answer="var-93", operation="op-91", seq=93, verdict="wrong", gold="var-95",
        question="var-80", scope="rag_bm25/c1", question_id="q3", category="update")`
    """

    answer: str
    operation: str | None
    seq: int
    verdict: Verdict = "unscored"
    judge: str | None = None
    """The operation that judged it."""
    question: str | None = None
    """Variable of the question; None: it is looked for behind the answer."""
    gold: str | None = None
    """Variable of the right answer."""
    told_gold: str | None = None
    """The right answer where it stands outside the graph (a label)."""
    told_question: str | None = None
    scope: str = ""
    question_id: str = ""
    category: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def has_gold(self) -> bool:
        """Whether anybody says what would have been right (to abstain, perhaps)."""
        return self.gold is not None or self.told_gold is not None


def read_asked(trace: Trace) -> list[AskedAnswer]:
    """All answers of a trace, in `seq` order."""
    labels = {one.prediction: one for one in read_annotations(trace) if one.prediction}
    edges = read_edges(trace.path, labels)
    golds = {one.gold for one in edges.values() if one.gold}
    abouts = {one.id: one for one in trace.variables(ids=golds)}
    names = {
        one.id: one.name for one in trace.variables(
            ids={one.question for one in edges.values() if one.question and not one.gold}
        )
    }  # fmt: skip
    verdicts = _Verdicts(trace)
    found = []
    for answer, edge in edges.items():
        gold = abouts.get(edge.gold or "")
        about = {} if gold is None else gold.metadata
        name = gold.name if gold is not None else names.get(edge.question or "")
        asked = AskedAnswer(
            answer=answer, operation=edge.maker, seq=edge.seq, judge=edge.judge,
            verdict=verdicts.of(edge), question=edge.question, gold=edge.gold, scope=edge.scope,
            question_id=name or "", category=str(about.get("category") or ""),
            evidence=tuple(about.get("evidence", ())),
        )  # fmt: skip
        label = labels.get(answer)
        found.append(asked if label is None else _labelled(trace, asked, label))
    return sorted(found, key=lambda one: one.seq)


def _labelled(trace: Trace, asked: AskedAnswer, label: Annotation) -> AskedAnswer:
    """The answer with what the label of an imported benchmark says: it is wrong."""
    golds, query = label.record.get("golden_answers"), label.record.get("query")
    listed = golds if isinstance(golds, list) else [] if golds is None else [golds]
    named = trace.variables(ids=label.evidence)
    return replace(
        asked, verdict="wrong", question=asked.question or label.question,
        told_gold=", ".join(map(str, listed)) if listed else None,
        told_question=query if isinstance(query, str) else None,
        evidence=asked.evidence or tuple(one.name for one in named if one.name),
    )  # fmt: skip


def asked_behind(trace: Trace, answer: str) -> str | None:
    """The question that an answer was made for: the nearest one behind it, or the nearest query."""
    waiting, seen, queries = [answer], {answer}, list[str]()
    while waiting and len(seen) < _NEAR:
        ids = {variable.producer for variable in trace.variables(ids=waiting)} - {None}
        read = [
            one for operation in trace.operations(ids=[maker for maker in ids if maker])
            for one in operation.input_ids
        ]  # fmt: skip
        waiting = [one for one in dict.fromkeys(read) if one not in seen][:_NEAR]
        seen.update(waiting)
        for variable in trace.variables(ids=waiting):
            if variable.kind == "question":
                return variable.id
            if variable.kind == "query":
                queries.append(variable.id)
    return queries[0] if queries else None


class _Verdicts:
    """What judges said; equal verdicts are read once."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._read: dict[bytes, Verdict] = {}

    def of(self, edge: Edges) -> Verdict:
        """The verdict on an answer."""
        if edge.verdict is None or edge.digest is None:
            return "unscored"
        if edge.digest not in self._read:
            self._read[edge.digest] = _verdict(self._trace.value(edge.verdict))
        return self._read[edge.digest]


def _verdict(value: Any) -> Verdict:
    is_right = value.get("satisfied") if isinstance(value, Mapping) else value
    if not isinstance(is_right, bool):
        return "unscored"
    return "right" if is_right else "wrong"
