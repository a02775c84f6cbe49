"""Building cases: histories, clean runs, faulty runs.

In: a recipe. Out: a recorded run with one question asked, and what is known of it. Recipes of one
bundle share a history and a clean run, which a `Bench` keeps for a while.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmcommon.data.generated import SIZES, generate_conversation
from lmcommon.data.types import Conversation, Question
from lmcommon.errors import UserError
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.rng import seed_for
from memtrace.evaluate.evaluating import evaluate
from memtrace.evaluate.types import Episode
from memtrace.execution.execution import Execution, execute
from memtrace.execution.interventions import AtPoint
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of
from memtrace.faultbench.drawing import Draw, draw
from memtrace.faultbench.judges import usual_judge
from memtrace.faultbench.plugins import Plugins
from memtrace.faultbench.types import CleanRun, Recipe
from memtrace.faultbench.watching import Watcher
from memtrace.graph.reading.trace import open
from memtrace.graph.recording.tracing import record

__all__ = ["Bench", "Trial", "history"]

_CONVERSATION = "c1"
"""What every history is called: a name that tells nothing."""


def history(seed: int, size: str) -> Conversation:
    """The generated history of a seed.

    Args:
        seed: Decides everything.
        size: One of `lmcommon.data.generated.SIZES`.
    """
    if size not in SIZES:
        raise UserError(f"size: expected one of {', '.join(SIZES)}; got {size!r}")
    chosen = SIZES[size]
    return generate_conversation(
        seed_for(seed, "history"), num_sessions=chosen.num_sessions,
        turns_per_session=chosen.turns_per_session, num_people=chosen.num_people,
        num_questions=2 * chosen.num_questions, id=_CONVERSATION,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Factory:
    make: Any
    needs_processes: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that was made to see what comes of it."""

    episode: Episode
    prompt: str
    """What the model that answered was shown."""
    places: frozenset[Place] = frozenset()
    """Where there were operations."""


class Bench:
    """Builds what recipes say. Not for threads; each process has its own.

    Args:
        model: Runs the pipelines.
        plugins: What the words of recipes mean.
        keep: Clean runs that are kept.
    """

    def __init__(self, model: ChatModel, plugins: Plugins, *, keep: int = 4) -> None:
        self.model, self.plugins = model, plugins
        self._keep = keep
        self._clean: OrderedDict[str, CleanRun] = OrderedDict()
        self._factories: dict[str, _Factory] = {}

    def clean(self, recipe: Recipe) -> CleanRun:
        """The clean run of a recipe's bundle, every question of the history asked."""
        if recipe.bundle not in self._clean:
            self._clean[recipe.bundle] = self._run_clean(recipe)
        self._clean.move_to_end(recipe.bundle)
        while len(self._clean) > self._keep:
            self._clean.popitem(last=False)
        return self._clean[recipe.bundle]

    def draw(self, recipe: Recipe) -> Draw:
        """What the recipe comes to.

        Raises:
            NoDrawError: Nothing.
        """
        return draw(recipe, self.clean(recipe), self.plugins)

    def record(
        self, path: Path, recipe: Recipe, question: Question, *, defects: Sequence[AtPoint] = (),
        judge: AnswerJudge | None = None,
    ) -> Episode:  # fmt: skip
        """Record the history with one question, under defects.

        Args:
            path: The trace file.
            recipe: Says which pipeline and history.
            question: What is asked, with the gold answer that is told.
            defects: How the system misbehaves.
            judge: Who judges; None: the usual one.

        Raises:
            UserError: A defect passed on what the system cannot take.
        """
        conversation = replace(self.clean(recipe).conversation, questions=(question,))
        execution = Execution(defects=defects)
        return self._evaluated(path, recipe, conversation, execution, judge)[0]

    def tried(
        self, recipe: Recipe, question: Question, *, defects: Sequence[AtPoint] = (),
        judge: AnswerJudge | None = None,
    ) -> Trial:  # fmt: skip
        """`record` into a file that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="memtrace-") as folder:
            path = Path(folder) / "trace.db"
            episode = self.record(path, recipe, question, defects=defects, judge=judge)
            if episode.answer is None:
                return Trial(episode, "")
            with open(path) as trace:
                maker = trace.variable(episode.answer).producer
                assert maker is not None
                read = trace.operation(maker).inputs.get("prompt", ())
                return Trial(
                    episode, "\n".join(str(trace.value(one)) for one in read),
                    frozenset(filter(None, map(place_of, trace.operations()))),
                )  # fmt: skip

    def close(self) -> None:
        """Let go of clean runs, memories and the model."""
        self._clean.clear()
        self._factories.clear()
        self.model.close()

    def _run_clean(self, recipe: Recipe) -> CleanRun:
        conversation = history(recipe.seed, recipe.size)
        watcher = Watcher()
        with tempfile.TemporaryDirectory(prefix="memtrace-") as folder:
            path = Path(folder) / "trace.db"
            episodes = self._evaluated(path, recipe, conversation, watcher, None)
            with open(path) as trace:
                points = watcher.observed(trace)
        return CleanRun(
            pipeline=recipe.pipeline, conversation=conversation, points=points,
            answers={one.question: one.prediction for one in episodes if one.answer is not None},
            right=frozenset(one.question for one in episodes if one.verdict.satisfied),
        )  # fmt: skip

    def _evaluated(
        self, path: Path, recipe: Recipe, conversation: Conversation, execution: Execution,
        judge: AnswerJudge | None,
    ) -> list[Episode]:  # fmt: skip
        factory = self._factory(recipe.pipeline)
        with (
            record(path, processes=factory.needs_processes) as recorder,
            execute(recorder, execution),
        ):
            system = factory.make(f"{recipe.pipeline}/{conversation.id}")
            try:
                return list(evaluate(system, conversation, judge or usual_judge()))
            finally:
                system.close()

    def _factory(self, pipeline: str) -> _Factory:
        if pipeline not in self._factories:
            make = self.plugins.pipeline(pipeline).build(self.model)
            needs = bool(getattr(make, "needs_processes", False))
            self._factories[pipeline] = _Factory(make, needs)
        return self._factories[pipeline]
