"""Running a recorded run again.

In: a trace and interventions. Out: a `Replay`, whose trace can be compared with its parent. The
systems run for real, from the first session on; what they ask a model is answered from the
recording as long as it is what was asked then. So an intervention costs exactly the calls whose
request it changes: what does not depend on it asks the same, and a change that dies out (an update
that comes to the same memory) stops costing there.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from lmcommon.errors import UserError
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Budget
from lmcommon.prompt import Prompt
from memtrace.evaluate.evaluating import run_stages
from memtrace.evaluate.opening import Unbuilt, opened
from memtrace.evaluate.stages import Stage
from memtrace.evaluate.types import Episode
from memtrace.execution.execution import Execution, execute
from memtrace.execution.interventions import (
    AtPoint,
    InProgram,
    Intervention,
    SwapModel,
)
from memtrace.execution.replies import RecordedReplies
from memtrace.graph.reading.trace import Trace, open
from memtrace.graph.recording.tracing import record
from memtrace.memory.base import MemorySystem
from memtrace.memory.types import BrokenMemoryError, Query
from memtrace.replaying.building import Builder, Factory, check_scopes, version_warnings
from memtrace.replaying.outcome import AnswerChange, Price, Replay, read_answers
from memtrace.replaying.program import Added, MemoryProgram, read_programs
from memtrace.replaying.resolving import resolve

__all__ = ["Replayer", "replay"]

_WHOLE = 1_000_000
"""Questions that were asked together are asked together."""


def replay(
    trace: Trace | str | Path, interventions: Sequence[Intervention] = (), *,
    model: ChatModel | None = None, budget: Budget | None = None, dry_run: bool = False,
    **options: Any,
) -> Replay:  # fmt: skip
    """Run a recorded run again, with some things changed.

    Without interventions it is a factual replay: no model call, and the same trace.

    Args:
        trace: What to replay: a trace or its file.
        interventions: What to do differently; see `memtrace.execution.interventions`.
        model: Answers what the recording does not; None: such calls fail, and the replay says so
            (`missing`).
        budget: A hard limit on what it may spend.
        dry_run: Ask no model; tell the price.
        **options: See `Replayer` (`judge`, `systems`, `cache`, `defects`) and `Replayer.run`
            (`out`, `scopes`, `questions`, `from_scratch`, `retries_failures`, `on_episode`).

    Raises:
        UserError: If the trace cannot be replayed, or an intervention does not fit it.
    """
    names = ("judge", "systems", "cache", "defects")
    mine = {name: options.pop(name) for name in names if name in options}
    replayer = Replayer(trace, model=model, **mine)
    try:
        return replayer.run(interventions, budget=budget, dry_run=dry_run, **options)
    finally:
        replayer.close()


@dataclass(frozen=True, slots=True)
class _Run:
    """One memory to be run again."""

    program: MemoryProgram
    make: Factory
    judge: AnswerJudge | None

    def drive(self, warnings: list[str]) -> Iterator[Episode]:
        with opened(self.make, self.program.scope) as system:
            if not isinstance(system, Unbuilt):
                warnings += version_warnings(self.program, system)
            yield from run_stages(
                system, self._stages(system), self.judge, self.program.conversation,
                batch_size=_WHOLE,
            )  # fmt: skip

    def _stages(self, system: MemorySystem) -> Iterator[Stage]:
        for event in self.program.events:
            if isinstance(event, Added):
                yield Stage((event.session,), ())
            elif event.action == "answer":
                yield Stage((), event.questions)
            else:
                for question in event.questions:
                    with suppress(BrokenMemoryError):  # what comes after it says so
                        system.search(Query(question.text, id=question.id, time=question.time))


class Replayer:
    """Replays of one trace: what they share is read and built once.

    Args:
        trace: A trace or its file.
        model: Answers what the recording does not.
        judge: Judges the new answers; None: the recorded one, if that compares by program or asks
            the model of the memories, else nothing is judged.
        systems: Factories by scope, for memories that were not built from a configuration.
        cache: Where new replies are kept for other replays: a file; None: beside the trace
            (`trace.db.replies`); False: nowhere. Vectors lie beside it (`.vectors`).
        defects: How the system under test misbehaves, at places: part of the system, as a bug in
            its code is, so every replay has them (see `Execution`).
    """

    def __init__(
        self, trace: Trace | str | Path, *, model: ChatModel | None = None,
        judge: AnswerJudge | None = None, systems: Mapping[str, Factory] | None = None,
        cache: str | Path | bool | None = None, defects: Sequence[AtPoint] = (),
    ) -> None:  # fmt: skip
        self._defects = tuple(defects)
        self._owns = not isinstance(trace, Trace)
        self.trace = trace if isinstance(trace, Trace) else open(trace)
        beside = self.trace.path.with_name(f"{self.trace.path.name}.replies")
        kept = None if cache is False else beside if cache in (None, True) else Path(str(cache))
        self._builder = Builder(model, judge, dict(systems or {}), kept)
        try:
            self.programs = read_programs(self.trace)
            self._replies = RecordedReplies(self.trace)
            self._answers = read_answers(self.trace)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the trace, if it was opened here, and the cache."""
        self._builder.close()
        if self._owns:
            self.trace.close()

    def __enter__(self) -> Replayer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prompts(self, scope: str) -> Mapping[str, Prompt]:
        """The prompts of a memory as it was recorded, by name.

        Raises:
            UserError: The trace has no such memory, or does not say how it was built.
        """
        program = self._chosen([scope], None)[scope]
        model = self._builder.model(None, from_scratch=False)
        with opened(self._builder.factory(program, (), model, []), scope) as system:
            return dict(system.prompts)

    def run(
        self, interventions: Sequence[Intervention] = (), *, out: str | Path | None = None,
        budget: Budget | None = None, dry_run: bool = False, from_scratch: bool = False,
        scopes: Collection[str] | None = None, questions: Collection[str] | None = None,
        retries_failures: bool = False, on_episode: Callable[[Episode], None] | None = None,
    ) -> Replay:  # fmt: skip
        """One replay.

        Args:
            interventions: What to do differently.
            out: Its trace; None: a temporary file, gone when the `Replay` is closed.
            budget: A hard limit on what it may spend.
            dry_run: Ask no model; tell the price.
            from_scratch: Use no recorded reply: what the intervened run would have been.
            scopes: Only these memories.
            questions: Only these questions (ids); memories without any of them are left out.
            retries_failures: Ask again where the recording holds a failed call.
            on_episode: Called with each episode as it is done.
        """
        started = time.perf_counter()
        if wrong := [one for one in interventions if not isinstance(one, Intervention)]:
            raise UserError(
                f"interventions: expected objects such as Drop(at='op-20', index=0); got "
                f"{wrong[0]!r}"
            )
        programs = self._chosen(scopes, questions)
        points = resolve(self.trace, [one for one in interventions if isinstance(one, AtPoint)])
        program_wide = [one for one in interventions if isinstance(one, InProgram)]
        check_scopes(program_wide, self.programs)
        execution = Execution(
            replies=None if from_scratch else self._replies, interventions=points,
            models=[one for one in program_wide if isinstance(one, SwapModel)],
            defects=self._defects, retries_failures=retries_failures, is_dry=dry_run,
        )  # fmt: skip
        folder = Path(mkdtemp(prefix="memtrace-replay-")) if out is None else None
        path = folder / "trace.db" if folder is not None else Path(str(out))
        warnings: list[str] = []
        try:
            model = self._builder.model(budget, from_scratch=from_scratch)
            runs = [
                _Run(
                    program,
                    self._builder.factory(program, program_wide, model, warnings),
                    self._builder.judge(program, model, warnings),
                )
                for program in programs.values()
            ]
            episodes = self._execute(path, execution, runs, interventions, warnings, on_episode)
            warnings += [
                f"swap_model: no call of an operation {swap.operation!r} was made"
                for swap in execution.unused_models
            ]
            changes = tuple(self._changes(path, programs))
        except BaseException:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return Replay(
            path=path, parent=self.trace.path, interventions=tuple(interventions),
            episodes=tuple(episodes), ledger=execution.ledger, unapplied=execution.unapplied,
            changes=changes, folder=folder, warnings=tuple(dict.fromkeys(warnings)),
            missing=tuple(place for place, origin in execution.trail if origin == "refused"),
            price=_price(execution) if dry_run else None, seconds=time.perf_counter() - started,
        )  # fmt: skip

    def _execute(
        self, path: Path, execution: Execution, runs: Sequence[_Run],
        interventions: Sequence[Intervention], warnings: list[str],
        on_episode: Callable[[Episode], None] | None,
    ) -> list[Episode]:  # fmt: skip
        """Run the programs under a recording."""
        metadata = {
            "parent": {"path": str(self.trace.path.resolve()), "run": self.trace.metadata["run"]},
            "interventions": [one.to_dict() for one in interventions],
        }
        episodes: list[Episode] = []
        shared = any(getattr(run.make, "needs_processes", False) for run in runs)
        with (
            record(path, metadata={"replay": metadata}, processes=shared) as recorder,
            execute(recorder, execution),
        ):
            for run in runs:
                for episode in run.drive(warnings):
                    episodes.append(episode)
                    if on_episode is not None:
                        on_episode(episode)
        return episodes

    def run_many(
        self, runs: Sequence[Sequence[Intervention]], *, workers: int = 4, **options: Any
    ) -> Iterator[Replay]:  # fmt: skip
        """Several replays at once, each with its own interventions; results in the order given.

        They share the replies of the recording and the cache of new ones. Close each result.

        Args:
            runs: The interventions of each.
            workers: Threads; models and worker processes do the waiting.
            **options: As in `run`, for all of them.
        """
        with ThreadPoolExecutor(max_workers=workers) as pool:
            yield from pool.map(lambda one: self.run(one, **options), runs)

    # Inside ---------------------------------------------------------------------------------

    def _chosen(
        self, scopes: Collection[str] | None, questions: Collection[str] | None
    ) -> dict[str, MemoryProgram]:
        if scopes is not None and (unknown := sorted(set(scopes) - self.programs.keys())):
            raise UserError(
                f"scopes: expected some of {', '.join(self.programs)}; got {', '.join(unknown)}"
            )
        chosen = {
            scope: program
            for scope, program in self.programs.items()
            if scopes is None or scope in scopes
        }
        if questions is None:
            return chosen
        cut = {scope: program.only(questions) for scope, program in chosen.items()}
        found = {scope: program for scope, program in cut.items() if program.events}
        if not found:
            raise UserError(f"questions: none of {', '.join(sorted(questions))} is in this trace")
        return found

    def _changes(self, path: Path, programs: Mapping[str, MemoryProgram]) -> Iterator[AnswerChange]:
        with open(path) as trace:
            after = read_answers(trace)
        for place, old in self._answers.items():
            new = after.get(place)
            question = place.path.removeprefix("ask ").rpartition("/")[0]
            program = programs.get(place.scope)
            asked = None if program is None else program.question(question)
            if asked is None:
                continue
            if new is not None and (new.text, new.is_right) == (old.text, old.is_right):
                continue
            yield AnswerChange(
                scope=place.scope, question=question, text=asked.text,
                before=old.text, after=None if new is None else new.text,
                was_right=old.is_right, is_right=None if new is None else new.is_right,
            )  # fmt: skip


def _price(execution: Execution) -> Price:
    ledger = execution.ledger
    changed = () if execution.unapplied else execution.intervened_points
    touched: set[str] = {place.scope for place, _ in changed}
    at_most = 0
    for place, origin in execution.trail:
        if origin in ("guessed", "intervened"):
            touched.add(place.scope)
        at_most += place.scope in touched and origin != "intervened"
    return Price(
        calls=ledger.guessed, at_most=at_most, recorded=ledger.recorded, usage=ledger.usage
    )
