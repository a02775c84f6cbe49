"""Examples from a recorded run, and their division into train, validation and held-out ones.

In: the programs of a trace. Out: one `Example` a judged question, and `Splits`. Whole histories go
into one part where there are enough of them, since questions of one history share what they teach.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from lmcommon.errors import UserError
from lmcommon.rng import random_for
from memtrace.execution.replies import place_of
from memtrace.graph.reading.trace import Trace
from memtrace.optimizing.types import Example, Scored, Splits
from memtrace.replaying.program import Asked, MemoryProgram

__all__ = ["examples_of", "recorded_scores", "split", "system_of"]

_PARTS = ("train", "validation", "held_out")


def system_of(programs: Mapping[str, MemoryProgram]) -> Mapping[str, object]:
    """How all memories were built.

    Raises:
        UserError: There are none, they differ, or the trace does not say how they were built.
    """
    if not programs:
        raise UserError("scopes: expected at least one memory of the trace; got none")
    built = {}
    for scope, program in programs.items():
        if program.obstacle is not None or program.system is None:
            why = program.obstacle or (
                "the trace does not say how this memory was built; record it with a system built "
                "from a configuration (memory=... of memtrace-trace)"
            )
            raise UserError(f"{scope}: expected a memory that can be replayed; {why}")
        built[json.dumps([program.system["name"], program.system["config"]], sort_keys=True)] = (
            scope,
            program.system,
        )
    if len(built) > 1:
        shown = ", ".join(scope for scope, _ in built.values())
        raise UserError(
            f"scopes: expected memories of one system with one configuration; got {len(built)} "
            f"({shown}, ...); choose with scopes=[...] or system=NAME"
        )
    ((_, system),) = built.values()
    return system


def examples_of(programs: Mapping[str, MemoryProgram]) -> tuple[Example, ...]:
    """Every question that was asked, in order.

    Raises:
        UserError: There is none, or a memory was asked one twice.
    """
    found: dict[str, Example] = {}
    for scope, program in programs.items():
        asked = (event for event in program.events if isinstance(event, Asked))
        for question in chain.from_iterable(event.questions for event in asked):
            one = Example(
                scope=scope, id=question.id, text=question.text, gold=question.answer,
                category=question.category, evidence=tuple(question.evidence),
            )  # fmt: skip
            if one.key in found:
                raise UserError(
                    f"{scope}: expected questions with different ids; got {question.id!r} twice"
                )
            found[one.key] = one
    if not found:
        raise UserError("expected a trace with questions and right answers; this one has none")
    return tuple(found.values())


def recorded_scores(trace: Trace, examples: Sequence[Example], digest: str) -> Iterator[Scored]:
    """What the recorded judge said of the recorded answers; unscored ones are left out."""
    wanted = {(one.scope, one.id): one for one in examples}
    for operation in trace.operations(kind="judge", name="judge"):
        place, gold = place_of(operation), operation.inputs.get("gold", ())
        answer, made = operation.inputs.get("answer", ()), operation.outputs.get("verdict", ())
        if place is None or not (gold and answer and made):
            continue
        example = wanted.get((place.scope, trace.variable(gold[0]).name or ""))
        verdict = trace.value(made[0])["satisfied"]
        if example is not None and verdict is not None:
            yield Scored(
                example=example, digest=digest, score=float(verdict), trace=trace.path,
                prediction=str(trace.value(answer[0])), answer=answer[0],
            )  # fmt: skip


def split(
    examples: Sequence[Example], *, shares: Sequence[float] = (0.4, 0.3, 0.3), seed: int = 0,
    by: str = "history",
) -> Splits:  # fmt: skip
    """Divide examples at random.

    Args:
        examples: All of them.
        shares: Of train, validation and held-out examples; they are scaled to sum to 1.
        seed: Decides who goes where.
        by: `history`: questions of one memory stay together; `question`: types are spread evenly.

    Raises:
        UserError: Too few histories, or a part stays empty.
    """
    if len(shares) != 3 or min(shares) < 0 or not sum(shares[:2]) or 0 in shares[:2]:
        raise UserError(
            f"split.shares: expected three numbers (train, validation, held-out), the first two "
            f"above 0; got {list(shares)}"
        )
    if by not in ("history", "question"):
        raise UserError(f"split.by: expected history or question; got {by!r}")
    rng = random_for(seed, "split")
    groups: dict[str, list[Example]] = {}
    for one in examples:
        groups.setdefault(one.scope if by == "history" else one.key, []).append(one)
    names = sorted(groups, key=lambda name: (groups[name][0].category, name))
    needed = sum(share > 0 for share in shares)
    if len(names) < needed:
        raise UserError(
            f"split: expected at least {needed} {'histories' if by == 'history' else 'questions'}; "
            f"got {len(names)}; split.by=question divides the questions of one history"
        )
    if by == "history":
        names = sorted(names)
        rng.shuffle(names)
    else:
        names = list(_spread(names, groups, rng.random))
    parts: dict[str, list[Example]] = {part: [] for part in _PARTS}
    total, taken = sum(shares), dict.fromkeys(_PARTS, 0)
    for name in names:
        # The part that lacks most, in examples; an empty one that must not be comes first.
        part = max(
            (one for one, share in zip(_PARTS, shares, strict=True) if share),
            key=lambda one: (
                shares[_PARTS.index(one)] / total * (sum(taken.values()) + 1) - taken[one]
            ),
        )
        parts[part] += groups[name]
        taken[part] += len(groups[name])
    if empty := [
        one for one, share in zip(_PARTS, shares, strict=True) if share and not parts[one]
    ]:
        raise UserError(f"split: expected examples in every part; {empty[0]} has none")
    return Splits(**{part: tuple(those) for part, those in parts.items()})


def _spread(
    names: Iterable[str], groups: Mapping[str, Sequence[Example]], draw: Callable[[], float]
) -> Iterator[str]:
    """Names of one question type after the other, each type in random order."""
    keyed = [(groups[name][0].category, draw(), name) for name in names]
    return (name for _, _, name in sorted(keyed))
