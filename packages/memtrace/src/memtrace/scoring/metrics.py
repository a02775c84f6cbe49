"""The metrics of attribution, each a question to one outcome.

A metric says yes, no or a number of an outcome it applies to, and None of one it does not: so the
same list serves planted faults, human labels and agents' logs. Whoever abstains, or blames nobody,
is wrong where a memory error is labelled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from memtrace.attribution.types import Verdict
from memtrace.scoring.outcomes import Outcome

__all__ = ["COSTS", "MEANS", "RATES", "WORDS", "f1", "sort_of"]

_Yes = bool | None
_Number = float | None


def sort_of(outcome: Outcome) -> str:
    """`single`, `multi` (several operations at fault), `control`, or `unlabelled`."""
    label = outcome.label
    if label is None:
        return "unlabelled"
    if label.is_control:
        return "control"
    return "multi" if len(label.operations) > 1 else "single"


def _within(k: int) -> Callable[[Outcome], _Yes]:
    def metric(outcome: Outcome) -> _Yes:
        if not _has_one_operation(outcome):
            return None
        return outcome.distance is not None and outcome.distance <= k

    return metric


def _has_one_operation(outcome: Outcome) -> bool:
    return sort_of(outcome) == "single" and len(_true(outcome)) == 1


def _true(outcome: Outcome) -> frozenset[str]:
    return frozenset() if outcome.label is None else frozenset(outcome.label.operations)


def _exact(outcome: Outcome) -> _Yes:
    if not _has_one_operation(outcome):
        return None
    return outcome.operation is not None and outcome.operation in _true(outcome)


def _only(outcome: Outcome) -> _Yes:
    return frozenset(outcome.operations) == _true(outcome) if _has_one_operation(outcome) else None


def _error_type(outcome: Outcome) -> _Yes:
    label = outcome.label
    if label is None or sort_of(outcome) != "single" or len(label.error_types) != 1:
        return None
    said = outcome.error_types[:1] if outcome.verdict is Verdict.MEMORY else ()
    return said == label.error_types


def _joint(outcome: Outcome) -> _Yes:
    exact, error_type = _exact(outcome), _error_type(outcome)
    return None if exact is None or error_type is None else exact and error_type


def _name(outcome: Outcome) -> _Yes:
    if sort_of(outcome) not in ("single", "multi") or not outcome.names:
        return None
    return outcome.name in outcome.names


def _set_exact(outcome: Outcome) -> _Yes:
    if sort_of(outcome) != "multi":
        return None
    return frozenset(outcome.operations) == _true(outcome)


def _set_types(outcome: Outcome) -> _Yes:
    label = outcome.label
    if label is None or sort_of(outcome) != "multi" or not label.error_types:
        return None
    said = outcome.error_types if outcome.verdict is Verdict.MEMORY else ()
    return sorted(said) == sorted(label.error_types)


def _first_in_set(outcome: Outcome) -> _Yes:
    return outcome.operation in _true(outcome) if sort_of(outcome) == "multi" else None


def _false_blame(outcome: Outcome) -> _Yes:
    return outcome.verdict is Verdict.MEMORY if sort_of(outcome) == "control" else None


def _control_verdict(outcome: Outcome) -> _Yes:
    return _verdict(outcome) if sort_of(outcome) == "control" else None


def _verdict(outcome: Outcome) -> _Yes:
    return None if outcome.label is None else outcome.verdict is outcome.label.verdict


def _abstained(outcome: Outcome) -> _Yes:
    return outcome.verdict is Verdict.ABSTAINED


def _missed(outcome: Outcome) -> _Yes:
    """A memory error that was taken for no failure, or for a fault of label or judge."""
    if sort_of(outcome) not in ("single", "multi"):
        return None
    return outcome.verdict in (Verdict.ANNOTATION, Verdict.JUDGE, Verdict.NO_FAILURE)


def _proved(outcome: Outcome) -> _Yes:
    return outcome.decisive is not None if outcome.verdict is Verdict.MEMORY else None


def _flips(outcome: Outcome) -> _Yes:
    if outcome.decisive is None or outcome.verdict is not Verdict.MEMORY:
        return None
    sufficiency = outcome.decisive["sufficiency"]
    return bool(2 * sufficiency["hits"] > sufficiency["trials"])


def _minimal(outcome: Outcome) -> _Yes:
    if outcome.decisive is None or outcome.verdict is not Verdict.MEMORY:
        return None
    return bool(outcome.decisive["is_minimal"])


def _hits(outcome: Outcome) -> tuple[int, int, int] | None:
    """Blamed rightly, blamed, at fault; None where no operation is known to be at fault."""
    true, said = _true(outcome), frozenset(outcome.operations)
    return (len(true & said), len(said), len(true)) if true else None


def f1(outcome: Outcome) -> _Number:
    """F1 of the set of blamed operations."""
    found = _hits(outcome)
    return None if found is None else 2 * found[0] / (found[1] + found[2])


def _precision(outcome: Outcome) -> _Number:
    found = _hits(outcome)
    return None if found is None else found[0] / found[1] if found[1] else 0.0


def _recall(outcome: Outcome) -> _Number:
    found = _hits(outcome)
    return None if found is None else found[0] / found[2]


def _reciprocal_rank(outcome: Outcome) -> _Number:
    true = _true(outcome)
    if not true:
        return None
    places = [place for place, one in enumerate(outcome.ranked, start=1) if one in true]
    return 1 / places[0] if places else 0.0


def _multi(metric: Callable[[Outcome], _Number]) -> Callable[[Outcome], _Number]:
    return lambda outcome: metric(outcome) if sort_of(outcome) == "multi" else None


RATES: Mapping[str, Callable[[Outcome], _Yes]] = MappingProxyType({
    "exact": _exact, "exact_only": _only, "within_1": _within(1), "within_2": _within(2),
    "error_type": _error_type, "joint": _joint, "name": _name, "set_exact": _set_exact,
    "set_error_types": _set_types, "first_in_set": _first_in_set, "verdict": _verdict,
    "false_blame": _false_blame, "control_verdict": _control_verdict, "missed": _missed,
    "abstained": _abstained, "proved": _proved, "flips": _flips, "minimal": _minimal,
})  # fmt: skip
"""Shares, by name."""

MEANS: Mapping[str, Callable[[Outcome], _Number]] = MappingProxyType({
    "f1": f1, "precision": _precision, "recall": _recall, "mrr": _reciprocal_rank,
    "f1_multi": _multi(f1), "precision_multi": _multi(_precision),
    "recall_multi": _multi(_recall),
})  # fmt: skip
"""Means over cases, by name."""

COSTS = ("model_calls", "prompt_tokens", "completion_tokens", "tokens", "cost_usd", "replays",
         "time_ms")  # fmt: skip
"""What is counted of each case; `tokens` is the sum of both."""

WORDS: Mapping[str, str] = MappingProxyType({
    "exact": "one operation at fault: the first blamed operation is that one",
    "exact_only": "one operation at fault: it is blamed, and no other",
    "within_1": "one at fault: at most 1 operation along the lineage away from it",
    "within_2": "one at fault: at most 2 operations along the lineage away from it",
    "error_type": "one at fault: the error type is right",
    "joint": "one at fault: operation and error type are right",
    "name": "the first blamed operation has the name (agent) of one at fault",
    "set_exact": "several at fault: exactly these are blamed",
    "set_error_types": "several at fault: the error types are exactly theirs",
    "first_in_set": "several at fault: the first blamed operation is one of them",
    "verdict": "all: memory, annotation, judge or no error, as labelled",
    "false_blame": "controls: an operation of the memory is blamed",
    "control_verdict": "controls: the verdict is the labelled one",
    "missed": "memory errors taken for a fault of label or judge, or for no failure",
    "abstained": "all: no verdict",
    "proved": "memory verdicts that were proved by repair and replay",
    "flips": "proved sets whose repair made the answer right in most draws",
    "minimal": "proved sets of which no part suffices",
    "f1": "F1 of the set of blamed operations",
    "precision": "blamed operations that are at fault",
    "recall": "operations at fault that are blamed",
    "mrr": "reciprocal rank of the first suspect that is at fault",
    "f1_multi": "several at fault: F1", "precision_multi": "several at fault: precision",
    "recall_multi": "several at fault: recall",
})  # fmt: skip
"""What each metric means."""
