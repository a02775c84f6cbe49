"""Running a recorded run again.

In: a trace and interventions. Out: a `Replay`, whose trace can be compared with its parent. The
systems run for real, from the first session on; what they ask a model is answered from the
recording as long as it is what was asked then. So an intervention costs exactly the calls whose
request it changes: what does not depend on it asks the same, and a change that dies out (an update
that comes to the same memory) stops costing there.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lmcommon.errors import UserError
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Budget
from memtrace.evaluate.evaluating import run_stages
from memtrace.evaluate.stages import Stage
from memtrace.evaluate.types import Episode
from memtrace.execution.execution import Execution, execute
from memtrace.execution.interventions import (
    AtPoint,
    InProgram,
    Intervention,
    SetParameter,
    SwapModel,
    SwapPrompt,
)
from memtrace.execution.places import Place
from memtrace.execution.replies import RecordedReplies
from memtrace.graph.reading.trace import Trace, open
from memtrace.graph.recording.tracing import record
from memtrace.memory.base import MemorySystem
from memtrace.memory.specs import config_from, described
from memtrace.memory.types import Query
from memtrace.replaying.models import AbsentModel, guarded
from memtrace.replaying.outcome import AnswerChange, Price, Replay, read_answers
from memtrace.replaying.program import Added, Asked, MemoryProgram, read_programs
from memtrace.replaying.resolving import resolve
from memtrace.replaying.sharing import SharedEmbedders

__all__ = ["Replayer", "replay"]

Factory = Callable[[str], MemorySystem]


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
        **options: See `Replayer` (`judge`, `systems`, `cache`) and `Replayer.run` (`out`,
            `scopes`, `questions`, `from_scratch`, `retries_failures`, `on_episode`).

    Raises:
        UserError: If the trace cannot be replayed, or an intervention does not fit it.
    """
    mine = {key: options.pop(key) for key in ("judge", "systems", "cache") if key in options}
    replayer = Replayer(trace, model=model, **mine)
    try:
        return replayer.run(interventions, budget=budget, dry_run=dry_run, **options)
    finally:
        replayer.close()


class Replayer:
    """Replays of one trace: what they share is read and built once.

    Args:
        trace: A trace or its file.
        model: Answers what the recording does not.
        judge: Judges the new answers; None: the judge that compares by program, if it was the
            recorded one, else nothing is judged.
        systems: Factories by scope, for memories that were not built from a configuration.
        cache: Where new replies are kept for other replays: a file; None: beside the trace
            (`trace.db.replies`); False: nowhere. Vectors lie beside it (`.vectors`).
    """

    def __init__(
        self, trace: Trace | str | Path, *, model: ChatModel | None = None,
        judge: AnswerJudge | None = None, systems: Mapping[str, Factory] | None = None,
        cache: str | Path | bool | None = None,
    ) -> None:  # fmt: skip
        self._owns = not isinstance(trace, Trace)
        self.trace = trace if isinstance(trace, Trace) else open(trace)
        self._model, self._judge, self._systems = model, judge, dict(systems or {})
        beside = self.trace.path.with_name(f"{self.trace.path.name}.replies")
        self._cache = (
            None if cache is False else beside if cache in (None, True) else Path(str(cache))
        )
        self._embedders = SharedEmbedders(
            None if self._cache is None else self._cache.with_suffix(".vectors")
        )
        self._factories: dict[str, Factory] = {}
        self._lock = threading.Lock()
        self._guarded: list[ChatModel] = []
        try:
            self.programs = read_programs(self.trace)
            self._replies = RecordedReplies(self.trace)
            self._answers = read_answers(self.trace)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the trace, if it was opened here, and the cache."""
        for model in self._guarded:
            model.close()
        self._embedders.close()
        if self._owns:
            self.trace.close()

    def __enter__(self) -> Replayer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        programs = self._chosen(scopes, questions)
        points = resolve(self.trace, [one for one in interventions if isinstance(one, AtPoint)])
        program_wide = [one for one in interventions if isinstance(one, InProgram)]
        _check_scopes(program_wide, self.programs)
        execution = Execution(
            replies=None if from_scratch else self._replies, interventions=points,
            models=[one for one in program_wide if isinstance(one, SwapModel)],
            retries_failures=retries_failures, is_dry=dry_run,
        )  # fmt: skip
        folder = TemporaryDirectory(prefix="memtrace-replay-") if out is None else None
        path = Path(folder.name) / "trace.db" if folder is not None else Path(str(out))
        warnings: list[str] = []
        try:
            cache = None if from_scratch else self._cache
            built = {
                scope: self._factory(program, program_wide, budget, cache, warnings)
                for scope, program in programs.items()
            }
            episodes = self._execute(
                path, execution, programs, built, interventions, warnings, on_episode
            )
            changes = tuple(self._changes(path, programs))
        except BaseException:
            if folder is not None:
                folder.cleanup()
            raise
        return Replay(
            path=path, parent=self.trace.path, interventions=tuple(interventions),
            episodes=tuple(episodes), ledger=execution.ledger, unapplied=execution.unapplied,
            changes=changes, folder=folder, warnings=tuple(dict.fromkeys(warnings)),
            missing=tuple(place for place, origin in execution.trail if origin == "refused"),
            price=_price(execution) if dry_run else None, seconds=time.perf_counter() - started,
        )  # fmt: skip

    def _execute(
        self, path: Path, execution: Execution, programs: Mapping[str, MemoryProgram],
        built: Mapping[str, Factory], interventions: Sequence[Intervention],
        warnings: list[str], on_episode: Callable[[Episode], None] | None,
    ) -> list[Episode]:  # fmt: skip
        """Run the programs under a recording."""
        metadata = {
            "parent": {"path": str(self.trace.path.resolve()), "run": self.trace.metadata["run"]},
            "interventions": [one.to_dict() for one in interventions],
        }
        episodes: list[Episode] = []
        shared = any(getattr(make, "needs_processes", False) for make in built.values())
        with (
            record(path, metadata={"replay": metadata}, processes=shared) as recorder,
            execute(recorder, execution),
        ):
            for scope, program in programs.items():
                for episode in self._drive(program, built[scope], warnings):
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
        cut = {scope: _only(program, questions) for scope, program in chosen.items()}
        found = {scope: program for scope, program in cut.items() if program.events}
        if not found:
            raise UserError(f"questions: none of {', '.join(sorted(questions))} is in this trace")
        return found

    def _factory(
        self, program: MemoryProgram, changes: Sequence[InProgram], budget: Budget | None,
        cache: Path | None, warnings: list[str],
    ) -> Factory:  # fmt: skip
        mine = [one for one in changes if one.scope in (None, program.scope)]
        swaps = [one for one in mine if isinstance(one, SwapPrompt | SetParameter)]
        if program.scope in self._systems:
            if swaps:
                raise UserError(
                    f"{swaps[0].kind}: {program.scope} is built by a factory of yours; change the "
                    "prompt or parameter there"
                )
            return self._systems[program.scope]
        if program.system is None:
            raise UserError(
                f"{program.scope}: the trace does not say how this memory was built (only systems "
                "built from a configuration do); give systems={scope: factory}"
            )
        row = program.system
        config = config_from(row["config"])
        for swap in swaps:
            config = _with(config, swap)
        recorded = AbsentModel(row["model"]["name"], row["model"]["identity"])
        if self._model is not None and dict(self._model.identity) != dict(recorded.identity):
            warnings.append(
                f"the model is {self._model.name}, the recording was made with {recorded.name}: "
                "its replies are not reused"
            )
        key = json.dumps([described(config), str(cache)], sort_keys=True)
        if budget is not None:  # counted for each replay apart
            return self._built(config, recorded, budget, cache)
        with self._lock:
            if key not in self._factories:
                self._factories[key] = self._built(config, recorded, None, cache)
            return self._factories[key]

    def _built(
        self, config: Any, recorded: ChatModel, budget: Budget | None, cache: Path | None
    ) -> Factory:
        model = recorded
        if self._model is not None:
            model = guarded(self._model, budget, cache)
            self._guarded.append(model)
        factory: Factory = self._embedders.sharing(config).build(model)
        return factory

    def _drive(
        self, program: MemoryProgram, make: Factory, warnings: list[str]
    ) -> Iterator[Episode]:
        judge = self._judge_of(program, warnings)
        system = make(program.scope)
        try:
            warnings += _version_warnings(program, system)
            yield from run_stages(
                system, _stages(program, system), judge, program.conversation, batch_size=10**6
            )
        finally:
            system.close()

    def _judge_of(self, program: MemoryProgram, warnings: list[str]) -> AnswerJudge | None:
        if program.judge is None:
            return None
        if self._judge is not None:
            return self._judge
        from lmcommon.judge import NormalizedAnswerJudge

        by_program = NormalizedAnswerJudge()
        if dict(by_program.identity) == dict(program.judge):
            return by_program
        warnings.append(
            f"the recorded judge ({program.judge}) is not at hand: answers are not judged; give "
            "replay(..., judge=...)"
        )
        return None

    def _changes(self, path: Path, programs: Mapping[str, MemoryProgram]) -> Iterator[AnswerChange]:
        with open(path) as trace:
            after = read_answers(trace)
        for place, old in self._answers.items():
            new = after.get(place)
            if place.scope not in programs or (new is None and not _asks(programs, place)):
                continue
            if new is not None and (new.text, new.is_right) == (old.text, old.is_right):
                continue
            question = place.path.removeprefix("ask ").rpartition("/")[0]
            yield AnswerChange(
                scope=place.scope, question=question, text=_text(programs[place.scope], question),
                before=old.text, after=None if new is None else new.text,
                was_right=old.is_right, is_right=None if new is None else new.is_right,
            )  # fmt: skip


def _only(program: MemoryProgram, questions: Collection[str]) -> MemoryProgram:
    """The program up to the last of these questions, without the others."""
    events: list[Added | Asked] = []
    last = 0
    for event in program.events:
        if isinstance(event, Asked):
            kept = tuple(question for question in event.questions if question.id in questions)
            if not kept:
                continue
            event = replace(event, questions=kept)
            events.append(event)
            last = len(events)
        else:
            events.append(event)
    return replace(program, events=events[:last])


def _stages(program: MemoryProgram, system: MemorySystem) -> Iterator[Stage]:
    for event in program.events:
        if isinstance(event, Added):
            yield Stage((event.session,), ())
        elif event.action == "answer":
            yield Stage((), event.questions)
        else:
            for question in event.questions:
                system.search(Query(question.text, id=question.id, time=question.time))


def _asks(programs: Mapping[str, MemoryProgram], place: Place) -> bool:
    question = place.path.removeprefix("ask ").rpartition("/")[0]
    return any(
        one.id == question or one.text == question
        for event in programs[place.scope].events
        if isinstance(event, Asked)
        for one in event.questions
    )


def _text(program: MemoryProgram, question: str) -> str:
    for event in program.events:
        for one in event.questions if isinstance(event, Asked) else ():
            if question in (one.id, one.text):
                return one.text
    return question


def _with(config: Any, swap: SwapPrompt | SetParameter) -> Any:
    if isinstance(swap, SwapPrompt):
        return replace(config, prompts={**config.prompts, swap.name: swap.text})
    return _set(config, swap.name.split("."), swap)


def _set(config: Any, path: Sequence[str], swap: SetParameter) -> Any:
    names = [field.name for field in fields(config)] if is_dataclass(config) else []
    if path[0] not in names:
        raise UserError(
            f"set_parameter: expected a setting of the system: {', '.join(names)}; got "
            f"{swap.name!r}"
        )
    value = swap.value if len(path) == 1 else _set(getattr(config, path[0]), path[1:], swap)
    return replace(config, **{path[0]: value})


def _check_scopes(changes: Sequence[InProgram], programs: Mapping[str, MemoryProgram]) -> None:
    for change in changes:
        if change.scope is not None and change.scope not in programs:
            raise UserError(
                f"{change.kind}: expected a scope of the trace ({', '.join(programs)}); got "
                f"{change.scope!r}"
            )


def _version_warnings(program: MemoryProgram, system: MemorySystem) -> list[str]:
    if program.system is None:
        return []
    before = program.system.get("versions", {})
    return [
        f"{name}: recorded with {before.get(name)}, replayed with {version}: differences may come "
        "from there"
        for name, version in system.versions.items()
        if before.get(name) != version
    ]


def _price(execution: Execution) -> Price:
    ledger = execution.ledger
    touched: set[str] = {place.scope for place, _ in execution.points if not execution.unapplied}
    at_most = 0
    for place, origin in execution.trail:
        if origin in ("guessed", "intervened"):
            touched.add(place.scope)
        at_most += place.scope in touched and origin != "intervened"
    return Price(
        calls=ledger.guessed, at_most=at_most, recorded=ledger.recorded, usage=ledger.usage
    )
