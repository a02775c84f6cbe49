"""Planning a set: how many cases of which sort on which history, and filling the plan.

In: shares and sizes. Out: `Batch`es, each the cases of one history in one pipeline, and for each
batch the recipes that were verified. A batch depends on its own words alone, so they can be filled
in any order and on any number of processes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lmcommon.rng import random_for
from memtrace.faultbench.building import Bench
from memtrace.faultbench.recipes import FIRST_SEEDS
from memtrace.faultbench.types import Recipe, Split
from memtrace.faultbench.verifying import Verified, verified

__all__ = ["Batch", "Plan", "Sort", "filled", "planned"]

Sort = Literal["single", "double", "triple", "control"]

_TRIPLE_SHARE = 0.25
"""Of the cases of several faults."""
_CHOICES = 12
"""Choices of several kinds that are tried for a case."""
_FAULTS: Mapping[Sort, int] = {"single": 1, "control": 1, "double": 2, "triple": 3}
_SEEDS_A_RUN = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a set is to be made of. Example: `Plan(cases=200, pipelines=("rag_bm25",), ...)`"""

    cases: int
    pipelines: tuple[str, ...]
    kinds: tuple[str, ...]
    controls: tuple[str, ...]
    sizes: tuple[str, ...] = ("tiny", "small")
    multi: float = 0.25
    """Share of cases with two or three faults."""
    control: float = 0.2
    """Share of controls."""
    per_history: int = 8
    """Cases of one history in one pipeline."""
    split: Split = "dev"
    seed: int = 0
    tries: int = 6
    """Draws of a recipe, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The cases of one history in one pipeline."""

    pipeline: str
    size: str
    seed: int
    sorts: tuple[Sort, ...]
    plan: Plan


def planned(plan: Plan) -> list[Batch]:
    """The batches of a plan: every sort by its share, dealt to pipelines and sizes in turn."""
    sorts = _sorts(plan, random_for(plan.seed, "sorts", plan.split))
    dealt = [sorts[first : first + plan.per_history]
             for first in range(0, len(sorts), plan.per_history)]  # fmt: skip
    first_seed = FIRST_SEEDS[plan.split] + plan.seed * _SEEDS_A_RUN
    return [
        Batch(
            pipeline=plan.pipelines[number % len(plan.pipelines)],
            size=plan.sizes[number // len(plan.pipelines) % len(plan.sizes)],
            seed=first_seed + number, sorts=tuple(part), plan=plan,
        )
        for number, part in enumerate(dealt)
    ]  # fmt: skip


def filled(bench: Bench, batch: Batch) -> Iterator[Verified]:
    """One verified recipe for each case of a batch, or the last refusal where none was found."""
    plan = batch.plan
    rng = random_for(batch.seed, "kinds", batch.pipeline, batch.size)
    seen: set[tuple[str, ...]] = set()
    plain = Recipe(
        id="", pipeline=batch.pipeline, seed=batch.seed, size=batch.size, split=plan.split
    )
    possible = _possible(bench, plain, plan.kinds)
    for number, sort in enumerate(batch.sorts):
        recipe = replace(plain, id=f"{batch.pipeline}-{batch.size}-{batch.seed}-{number}")
        done = Verified(recipe=recipe, holds=False)
        refusals: tuple[str, ...] = ()
        runs = 0
        for kinds in _choices(plan.controls if sort == "control" else possible, sort, rng, seen):
            done = verified(bench, replace(recipe, kinds=kinds), tries=plan.tries)
            refusals += tuple(f"{'+'.join(kinds)}: {reason}" for reason in done.refusals)
            runs += done.runs
            seen.add(kinds)
            if done.holds:
                break
        yield replace(done, refusals=refusals, runs=runs)


def _possible(bench: Bench, recipe: Recipe, kinds: Sequence[str]) -> list[str]:
    """The kinds that have a place somewhere in the clean run."""
    run = bench.clean(recipe)
    asked = [one for one in run.conversation.questions if one.id in run.right]
    found = []
    for name in kinds:
        kind = bench.plugins.kind(name)
        if any(next(iter(kind.opportunities(run, one)), None) is not None for one in asked):
            found.append(name)
    return found


def _sorts(plan: Plan, rng: random.Random) -> list[Sort]:
    controls = round(plan.cases * plan.control) if plan.controls else 0
    multi = round(plan.cases * plan.multi) if len(plan.kinds) > 1 else 0
    triples = round(multi * _TRIPLE_SHARE) if len(plan.kinds) > 2 else 0
    singles = plan.cases - controls - multi
    counts: dict[Sort, int] = {
        "control": controls, "triple": triples, "double": multi - triples, "single": singles,
    }  # fmt: skip
    found = [sort for sort, count in counts.items() for _ in range(count)]
    rng.shuffle(found)
    return found


def _choices(
    known: Sequence[str], sort: Sort, rng: random.Random, seen: set[tuple[str, ...]]
) -> Iterator[tuple[str, ...]]:
    """Kinds to try for a case; of several at once, and a control, no choice comes twice."""
    count = _FAULTS[sort]
    if count == 1:
        fresh = [one for one in known if (one,) not in seen]
        yield from ((one,) for one in rng.sample(fresh, len(fresh)))
        return
    for _ in range(_CHOICES if len(known) >= count else 0):
        kinds = tuple(rng.sample(list(known), count))
        if kinds not in seen:
            yield kinds
