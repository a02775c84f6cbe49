"""Where a fact goes wrong when no reading of the trace tells: by bisection.

In: a case, experiments, the facts. Out: the first operation on the way from the messages to the
answer after which the facts, put back word for word, make the answer right. Put back before the
faulty operation they are lost again; after it they are not: so halving finds it in few replays.
"""

from __future__ import annotations

from collections.abc import Sequence

from memtrace.attribution.case import Case
from memtrace.attribution.causal.candidates import Candidate, suspicion
from memtrace.attribution.causal.experiments import Experiment, Experiments
from memtrace.attribution.causal.repairs import Repair, repair_of
from memtrace.attribution.causal.wording import Wording
from memtrace.attribution.taxonomy import LossKind
from memtrace.execution.replies import place_of
from memtrace.types import Operation

__all__ = ["bisect", "read_path"]

_SCORE = 0.5


def bisect(
    case: Case, experiments: Experiments, before: Sequence[Repair], facts: Sequence[Wording], *,
    only_last: bool = False,
) -> tuple[Candidate, Experiment] | None:  # fmt: skip
    """Find the first station at which the facts, put back, make the answer right.

    Args:
        case: The case.
        experiments: Where to try.
        before: Repairs that are made in any case.
        facts: What to put back.
        only_last: Only try the last station, what the answering model was given.
    """
    stations = _stations(case, facts)
    if not stations:
        return None
    last = experiments.run([*before, stations[-1][1]])
    if not last.flips:
        return None
    low, high, best = 0, len(stations) - 1, last
    while low < high and not only_last:
        middle = (low + high) // 2
        tried = experiments.run([*before, stations[middle][1]])
        if tried.flips:
            high, best = middle, tried
        else:
            low = middle + 1
    operation, repair = stations[high]
    evidence = (
        f"the facts, put back word for word at {operation.name} ({operation.id}), make the answer "
        "right; put back any earlier they do not"
    )
    suspect = suspicion(operation, evidence, _SCORE, LossKind.DISTORTED)
    return Candidate(suspect=suspect, repair=repair, executor=operation.id), best


def _stations(case: Case, facts: Sequence[Wording]) -> list[tuple[Operation, Repair]]:
    """The operations on the way, in the order of time, each with its repair."""
    reader = case.reader
    on_path = {step.operation for path in case.paths for step in path.steps}
    on_path |= set(read_path(case))
    operations = sorted((reader.operation(one) for one in on_path), key=lambda one: one.seq)
    found: dict[object, tuple[Operation, Repair]] = {}
    for operation in operations:
        if operation.id == case.maker.id:
            continue
        repair = repair_of(case, operation, facts, strict=True)
        if repair is not None:
            found.setdefault(repair.key, (operation, repair))
    return list(found.values())


def read_path(case: Case) -> list[str]:
    """The operations between the question and its answer, also those that passed nothing on."""
    reader, maker = case.reader, place_of(case.maker)
    asked = [v for v in case.back.variables if reader.variable(v).kind in ("question", "query")]
    found = []
    for identifier in reader.graph.downstream(asked).operations:
        operation = reader.operation(identifier)
        place = place_of(operation)
        is_here = maker is None or (
            place is not None and place.scope == maker.scope
            and place.path.partition("/")[0] == maker.path.partition("/")[0]
        )  # fmt: skip
        if is_here and operation.seq < case.maker.seq:
            found.append(identifier)
    return found
