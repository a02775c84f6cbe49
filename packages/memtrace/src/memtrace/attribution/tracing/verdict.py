"""Verdicts of a model: the schema, the check that the operation exists, the vote over samples.

In: parsed replies. Out: `Finding`s about operations of the trace, or a `ValueError` in words for
the model. An operation that does not exist is never taken for one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from memtrace.attribution.case import Case
from memtrace.attribution.taxonomy import DEFINITIONS, ErrorType, LossKind
from memtrace.attribution.tracing.region import Region
from memtrace.attribution.tracing.types import Finding

__all__ = [
    "VERDICT_FIELDS", "VERDICT_SCHEMA", "definitions", "finding_of", "loss_of", "suspect_findings",
]  # fmt: skip

VERDICT_FIELDS: Mapping[str, Any] = {
    "operation": {"type": ["string", "null"]},
    "error_type": {"enum": [str(one) for one in ErrorType]},
    "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    "reason": {"type": "string"},
}
VERDICT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": VERDICT_FIELDS,
    "required": ["operation", "error_type", "confidence", "reason"],
    "additionalProperties": False,
}
_UNSURE = 0.5
_REASON = 600
_LOSSES = {
    ErrorType.EXTRACTION: LossKind.NEVER_WRITTEN,
    ErrorType.UPDATE: LossKind.OVERWRITTEN,
    ErrorType.DELETION: LossKind.DELETED,
    ErrorType.RETRIEVAL: LossKind.NOT_RETRIEVED,
    ErrorType.RESPONSE: LossKind.UNUSED,
}
_WITHOUT_OPERATION = frozenset({ErrorType.ANNOTATION, ErrorType.JUDGE, ErrorType.EXTRACTION})


def definitions() -> str:
    """The error types, one a line, for prompts."""
    return "\n".join(f"- {name}: {text}" for name, text in DEFINITIONS.items())


def finding_of(reply: Mapping[str, Any], region: Region) -> Finding:
    """What a reply says, checked against the region.

    Raises:
        ValueError: It names no error type, or no operation of the region; in words for the model.
    """
    if "error_type" not in reply:
        raise ValueError('a verdict needs "error_type" and "operation"')
    error_type = ErrorType(reply["error_type"])
    handle = reply.get("operation")
    if not error_type.is_memory_error:
        operation = None  # nothing in the run is at fault, whatever was named beside it
    elif handle is not None:
        operation = region.operation(handle).id
    elif error_type in _WITHOUT_OPERATION:
        operation = None  # the message was read by nothing
    else:
        raise ValueError(f'an error of type {error_type} needs an "operation"')
    return Finding(
        error_type=error_type, operation=operation, reason=str(reply.get("reason", ""))[:_REASON],
        confidence=float(reply.get("confidence", _UNSURE)),
    )  # fmt: skip


def suspect_findings(case: Case, findings: Sequence[Finding], drawn: int, stage: str) -> None:
    """Put findings to the vote and add them to the case's suspects.

    The score is the share of votes (of all samples that were drawn) times their mean confidence.
    Who is suspected by an earlier stage as well gains from it: two independent doubts.

    Args:
        case: Gains the suspects.
        findings: One a sample that came to an end.
        drawn: How many samples voted or failed.
        stage: Whose suspects these are.
    """
    votes: dict[tuple[str | None, ErrorType], list[Finding]] = defaultdict(list)
    for finding in findings:
        votes[finding.operation, finding.error_type].append(finding)
    earlier = {(s.operation, s.error_type): s.score for s in case.ranked if s.stage != stage}
    for (identifier, error_type), found in votes.items():
        score = math.fsum(f.confidence for f in found) / drawn
        if (before := earlier.get((identifier, error_type))) is not None:
            score = 1 - (1 - score) * (1 - before)
        operation = None if identifier is None else case.reader.operation(identifier)
        best = max(found, key=lambda f: f.confidence)
        share = "" if drawn == 1 else f" ({len(found)} of {drawn} samples)"
        case.suspect(
            operation, error_type, loss_of(error_type, "" if operation is None else operation.kind),
            score, f"{best.reason or 'no reason given'}{share}", stage=stage,
        )  # fmt: skip


def loss_of(error_type: ErrorType, kind: str) -> LossKind:
    """How a fact was lost, as far as error type and kind of operation tell."""
    if error_type is ErrorType.RETRIEVAL and kind == "context":
        return LossKind.CUT
    if error_type is ErrorType.UPDATE and kind in ("trim", "summary"):
        return LossKind.TRIMMED
    return _LOSSES.get(error_type, LossKind.NOT_LOST)
