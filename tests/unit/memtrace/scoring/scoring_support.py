"""Outcomes made by hand, for the scorer's tests."""

from __future__ import annotations

from typing import Any

from memtrace.attribution.taxonomy import ErrorType
from memtrace.attribution.types import Verdict
from memtrace.scoring import Label, Outcome

EXTRACTION, RETRIEVAL = ErrorType.EXTRACTION, ErrorType.RETRIEVAL


def label(*operations: str, types: tuple[ErrorType, ...] = (), **rest: Any) -> Label:
    return Label(
        operations=operations, error_types=types or (EXTRACTION,) * len(operations), **rest
    )


def control(verdict: Verdict = Verdict.JUDGE, *kinds: str) -> Label:
    return Label(verdict=verdict, kinds=kinds)


def suspect(operation: str | None, error_type: ErrorType = EXTRACTION, name: str = "op") -> Any:
    return {
        "operation": operation, "name": name, "kind": "", "error_type": error_type,
        "loss": "not lost", "score": 0.5, "evidence": "", "stage": "survival",
    }  # fmt: skip


def said(
    *operations: str, types: tuple[ErrorType, ...] = (), verdict: Verdict = Verdict.MEMORY,
    ranked: tuple[str, ...] = (), proof: dict[str, Any] | None = None, **cost: float,
) -> dict[str, Any]:  # fmt: skip
    """An attribution as rows keep it."""
    types = types or (EXTRACTION,) * len(operations)
    members = [suspect(one, kind) for one, kind in zip(operations, types, strict=True)]
    order = ranked or operations
    suspects = [suspect(one, types[operations.index(one)] if one in operations else EXTRACTION)
                for one in order]  # fmt: skip
    is_memory = verdict is Verdict.MEMORY
    decisive = None
    if proof is not None or len(operations) > 1:
        decisive = {
            "members": members, "is_minimal": True, "sufficiency": {"hits": 1, "trials": 1},
            **(proof or {}),
        }  # fmt: skip
    return {
        "verdict": verdict, "suspects": suspects, "decisive": decisive,
        "operations": list(operations) if is_memory else [],
        "operation": operations[0] if operations and is_memory else None,
        "error_type": types[0] if types and is_memory else None,
        "loss": None, "cost": cost or None,
    }  # fmt: skip


def outcome(
    case: str, truth: Label | None, attribution: dict[str, Any] | None, *,
    distance: int | None = None, method: str = "full", **groups: str,
) -> Outcome:  # fmt: skip
    return Outcome(
        case=case, method=method, label=truth, attribution=attribution, distance=distance,
        groups=groups, failure=None if attribution is not None else "broke",
    )  # fmt: skip
