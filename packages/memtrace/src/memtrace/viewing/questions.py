"""The questions of a trace, as a list of the page: what was asked, answered, and judged.

In: a trace of any origin. Out: an `Index` of answers in the order of time, without their texts;
those are read for the rows that are shown. An answer is what an operation of kind `answer` made,
what a judge was given, or what a label of an imported benchmark names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from memtrace.execution.replies import place_of
from memtrace.graph.reading.trace import Trace
from memtrace.interchange.smartcomment.annotations import read_annotations
from memtrace.types import Operation, Variable

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


@dataclass(frozen=True, slots=True)
class _Judged:
    operation: Operation
    gold: str | None
    question: str | None
    verdict: str | None


def read_asked(trace: Trace) -> list[AskedAnswer]:
    """All answers of a trace, in `seq` order."""
    judged: dict[str, _Judged] = {}
    for operation in trace.operations(kind="judge"):
        for answer in operation.inputs.get("answer", ()):
            if answer not in judged or operation.inputs.get("gold"):
                judged[answer] = _Judged(
                    operation, *(_first(operation.inputs, role) for role in ("gold", "question")),
                    _first(operation.outputs, "verdict"),
                )  # fmt: skip
    makers: dict[str, Operation] = {}
    unsorted: dict[str, tuple[str, ...]] = {}
    for operation in trace.operations(kind="answer"):
        if made := operation.outputs.get("answer", ()):
            makers.update(dict.fromkeys(made, operation))
        else:
            unsorted[operation.id] = operation.output_ids
            makers.update(dict.fromkeys(operation.output_ids, operation))
    labelled = {one.prediction: one for one in read_annotations(trace) if one.prediction}
    wanted = {*judged, *makers, *labelled}
    wanted |= {one.gold for one in judged.values() if one.gold}
    wanted |= {one.question for one in judged.values() if one.question}
    variables = {one.id: one for one in trace.variables(ids=wanted)}
    loose = {one for ids in unsorted.values() for one in ids if variables[one].kind != "answer"}
    verdicts = _verdicts(trace, (one.verdict for one in judged.values()))
    found = [
        _asked(trace, variables, variables[answer], judged.get(answer), makers.get(answer),
               verdicts, labelled.get(answer))
        for answer in {*judged, *makers.keys() - loose, *labelled}
        if answer in variables
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.seq)


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


def _first(roles: Mapping[str, tuple[str, ...]], role: str) -> str | None:
    return next(iter(roles.get(role, ())), None)


def _verdicts(trace: Trace, ids: Iterable[str | None]) -> dict[str, Verdict]:
    """What judges said; equal verdicts are read once."""
    read: dict[str, Verdict] = {}
    said: dict[str, Verdict] = {}
    for variable in trace.variables(ids=[one for one in ids if one]):
        if variable.digest not in read:
            read[variable.digest] = _verdict(trace.value(variable.id))
        said[variable.id] = read[variable.digest]
    return said


def _verdict(value: Any) -> Verdict:
    is_right = value.get("satisfied") if isinstance(value, Mapping) else value
    if not isinstance(is_right, bool):
        return "unscored"
    return "right" if is_right else "wrong"


def _asked(
    trace: Trace, variables: Mapping[str, Variable], answer: Variable, judged: _Judged | None,
    maker: Operation | None, verdicts: Mapping[str, Verdict], label: Any,
) -> AskedAnswer:  # fmt: skip
    question = judged.question if judged else None
    if question is None and maker is not None:
        question = _first(maker.inputs, "question")
    gold = variables.get(judged.gold) if judged and judged.gold else None
    about = gold.metadata if gold is not None else {}
    asked = variables.get(question) if question else None
    place = next(
        (found for one in (maker, judged.operation if judged else None) if one is not None
         and (found := place_of(one)) is not None), None,
    )  # fmt: skip
    verdict: Verdict = verdicts.get(judged.verdict or "", "unscored") if judged else "unscored"
    record = label.record if label is not None else {}
    golds = record.get("golden_answers")
    return AskedAnswer(
        answer=answer.id, operation=answer.producer, seq=answer.seq,
        verdict="wrong" if label is not None else verdict,
        judge=judged.operation.id if judged else None,
        question=question or (label.question if label is not None else None),
        gold=gold.id if gold is not None else None,
        told_gold=None if golds is None else ", ".join(map(str, _listed(golds))),
        told_question=record.get("query") if isinstance(record.get("query"), str) else None,
        scope=place.scope if place else "",
        question_id=(gold.name if gold is not None else None)
        or (asked.name if asked is not None else None) or "",
        category=str(about.get("category") or ""),
        evidence=tuple(about.get("evidence", ())) or tuple(_names(trace, label)),
    )  # fmt: skip


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _names(trace: Trace, label: Any) -> Iterator[str]:
    """Names of the messages that a label gives as evidence."""
    if label is not None and label.evidence:
        yield from (one.name for one in trace.variables(ids=label.evidence) if one.name)
