"""FaultBench as a source of labelled cases: each is recorded when it is asked for.

In: recipes that were verified. Out: `Loaded` cases, with a `Replayer` of the faulty system as
laboratory. What attribution is given holds nothing of the recipe.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmcommon.llm.base import ChatModel
from memtrace.attribution.case import Question
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.taxonomy import ErrorType
from memtrace.attribution.types import Verdict
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of
from memtrace.faultbench.building import Bench
from memtrace.faultbench.drawing import Draw
from memtrace.faultbench.judges import usual_judge
from memtrace.faultbench.plugins import Plugins, installed
from memtrace.faultbench.types import Fault, Recipe
from memtrace.graph.reading.trace import Trace, open
from memtrace.replaying.replayer import Replayer
from memtrace.scoring.types import CaseRef, Label, Loaded

__all__ = ["FaultBenchSource"]

_VERDICTS = {Verdict.ANNOTATION: (ErrorType.ANNOTATION,), Verdict.JUDGE: (ErrorType.JUDGE,)}


@dataclass
class FaultBenchSource:
    """Cases made from recipes. Picklable, as long as its plug-ins are.

    Example: `FaultBenchSource(read_recipes("faultbench-v1"))`
    """

    recipes: Sequence[Recipe]
    model: str = "simulated"
    """Name of a simulated model."""
    llm: Any = None
    """Configuration of a real model that takes its place; None: none does."""
    plugins: Plugins | None = None
    """What the recipes' words mean; None: what is installed."""
    name: str = "faultbench"
    _bench: Bench | None = field(default=None, init=False, repr=False)
    _by_id: dict[str, Recipe] = field(default_factory=dict, init=False, repr=False)

    def __getstate__(self) -> Mapping[str, Any]:
        """Without what a process builds for itself."""
        return {**self.__dict__, "_bench": None, "_by_id": {}}

    def refs(self) -> Sequence[CaseRef]:
        """All cases, bundle by bundle."""
        ordered = sorted(self.recipes, key=lambda one: (one.pipeline, one.size, one.seed, one.id))
        return [_ref(one) for one in ordered]

    @contextmanager
    def load(self, ref: CaseRef) -> Iterator[Loaded]:
        """Record one case; its files are gone after the block.

        Raises:
            KeyError: No recipe has this id.
            NoDrawError: The recipe makes no case with this model: it was not verified with it.
        """
        self._by_id = self._by_id or {one.id: one for one in self.recipes}
        recipe = self._by_id[ref.id]
        bench = self._opened()
        drawn = bench.draw(recipe)
        judge = drawn.staging.judge if drawn.staging is not None else None
        with tempfile.TemporaryDirectory(prefix="memtrace-") as folder:
            path = Path(folder) / "trace.db"
            episode = bench.record(path, recipe, drawn.question, defects=drawn.defects, judge=judge)
            if episode.answer is None:
                raise ValueError(f"{recipe.id}: the model gave no answer: {episode.verdict}")
            with (
                open(path) as trace,
                Replayer(
                    trace, model=bench.model, judge=judge or usual_judge(), defects=drawn.defects
                ) as laboratory,
            ):
                yield Loaded(
                    ref=ref, reader=TraceReader(trace), label=_label(trace, recipe, drawn),
                    question=Question(
                        answer=episode.answer, gold=drawn.question.answer,
                        evidence=drawn.question.evidence, text=drawn.question.text,
                        judged=episode.verdict.satisfied,
                    ),
                    laboratory=laboratory, scope=next(iter(laboratory.programs)),
                    question_id=drawn.question.id,
                )  # fmt: skip

    def close(self) -> None:
        """Let go of memories, clean runs and the model."""
        if self._bench is not None:
            self._bench.close()
            self._bench = None

    def _opened(self) -> Bench:
        if self._bench is None:
            plugins = self.plugins or installed()
            model: ChatModel = plugins.model(self.model) if self.llm is None else self.llm.build()
            self._bench = Bench(model, plugins)
        return self._bench


def _ref(recipe: Recipe) -> CaseRef:
    return CaseRef(id=recipe.id, bundle=recipe.bundle, groups={
        "pipeline": recipe.pipeline, "size": recipe.size, "split": recipe.split,
        "kinds": "+".join(recipe.kinds), "faults": str(len(recipe.kinds)),
        "category": recipe.category,
    })  # fmt: skip


def _label(trace: Trace, recipe: Recipe, drawn: Draw) -> Label:
    if drawn.staging is not None:
        verdict = drawn.staging.verdict
        return Label(verdict=verdict, error_types=_VERDICTS.get(verdict, ()), kinds=recipe.kinds)
    by_place: dict[Place, str] = {}
    for operation in trace.operations():
        place = place_of(operation)
        if place is not None:
            by_place[place] = operation.id
    found = [(_at(by_place, fault), fault) for fault in drawn.faults]
    found.sort(key=lambda one: int(one[0].removeprefix("op-")))
    return Label(
        operations=tuple(identifier for identifier, _ in found),
        kinds=tuple(fault.kind for _, fault in found),
        error_types=tuple(fault.error_type for _, fault in found),
    )  # fmt: skip


def _at(by_place: Mapping[Place, str], fault: Fault) -> str:
    at = fault.defect.at
    assert isinstance(at, Place)
    assert at in by_place, f"{fault.kind}: no operation at {at} in the faulty run"
    return by_place[at]
