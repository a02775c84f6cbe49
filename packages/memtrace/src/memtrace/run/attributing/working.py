"""All cases by all methods, in this process or in several; what is written is not done again.

In: a run, a plan, cases. Out: rows of `attributions.jsonl` (one a case and method) and
`transcripts.jsonl`. A worker that dies costs the case it was at; the rest of its task goes to
another one. What failed is tried again when the run is resumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby

from lmcommon.runlog import Run
from memtrace.run.attributing.plan import Plan, Tried, failed, working
from memtrace.run.crew import Crew, Line, Lost, Said
from memtrace.scoring.outcomes import Outcome
from memtrace.scoring.types import CaseRef

__all__ = ["attribute_all", "outcomes_of"]

_AT_ONCE = 16
"""Most cases of a bundle that one process takes at a time."""


@dataclass(frozen=True, slots=True)
class _Todo:
    """A case and the methods it is still to be tried by."""

    ref: CaseRef
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """Cases of one bundle."""

    number: int
    todo: tuple[_Todo, ...]


@dataclass(frozen=True, slots=True)
class _Began:
    """Said by a worker before it does something that may end it."""

    case: str


def attribute_all(
    run: Run, plan: Plan, refs: Sequence[CaseRef], *, workers: int = 0,
    timeout_s: float | None = None,
) -> Iterator[Tried]:  # fmt: skip
    """Attribute what is open, and give each attempt once it is on disk.

    Args:
        run: Where to write.
        plan: What to do.
        refs: The cases.
        workers: Processes; 0 or 1: this one alone.
        timeout_s: Most seconds a case may take by one method; needs workers.

    Raises:
        UserError: The model cannot be used, or its budget is spent; what was done is kept.
    """
    done = {one.key for one in outcomes_of(run) if one.attribution is not None}
    todo = [
        _Todo(ref, left)
        for ref in refs
        if (left := tuple(one for one in plan.methods if (ref.id, one) not in done))
    ]
    total = sum(len(one.methods) for one in todo)
    fresh = _here(plan, todo) if workers <= 1 else _spread(plan, todo, workers, timeout_s)
    for tried in run.progress(fresh, "attribution", total=total):
        outcome = tried.outcome
        if tried.transcript:
            run.append("transcripts", {
                "case": outcome.case, "method": outcome.method, "calls": list(tried.transcript),
            })  # fmt: skip
        run.append("attributions", outcome.to_dict())
        yield tried


def outcomes_of(run: Run) -> list[Outcome]:
    """What the run holds: the last attempt of every case and method."""
    found = map(Outcome.from_dict, run.read("attributions"))
    return list({outcome.key: outcome for outcome in found}.values())


def _here(plan: Plan, todo: Sequence[_Todo]) -> Iterator[Tried]:
    if not todo:
        return
    with working(plan) as worker:
        for one in todo:
            yield from worker.attempt(one.ref, one.methods)


@dataclass(frozen=True, slots=True)
class _Serve:
    """What each process does."""

    plan: Plan

    def __call__(self, line: Line) -> None:
        with working(self.plan, line.meters()) as worker:
            for task in line.tasks():
                for todo in task.todo:
                    line.say(_Began(todo.ref.id))
                    for tried in worker.attempt(todo.ref, todo.methods):
                        line.say(replace(tried, attribution=None, shown=None))


def _spread(
    plan: Plan, todo: Sequence[_Todo], workers: int, timeout_s: float | None
) -> Iterator[Tried]:
    crew = Crew(
        _Serve(plan), _tasks(todo, workers), workers=workers, budgets=plan.budgets,
        limit_s=timeout_s,
    )  # fmt: skip
    at: dict[int, str] = {}
    left = {(one.ref.id, method) for one in todo for method in one.methods}
    for event in crew.events():
        if isinstance(event, Said) and isinstance(event.message, _Began):
            at[event.task.number] = event.message.case
        elif isinstance(event, Said):
            left.discard(event.message.outcome.key)
            yield event.message
        elif isinstance(event, Lost):
            lost, rest = _after(event.task, at.get(event.task.number), left)
            if rest.todo:
                crew.add(rest)
            if lost is not None:
                left.discard((lost[0].id, lost[1]))
                yield failed(*lost, event.reason)


def _tasks(todo: Sequence[_Todo], workers: int) -> Iterator[_Task]:
    """Cases of one bundle stay together, as long as that leaves work for everybody."""
    most = max(1, min(_AT_ONCE, len(todo) // (2 * workers)))
    number = count()
    for _, bundle in groupby(todo, key=lambda one: one.ref.bundle or one.ref.id):
        cases = tuple(bundle)
        for first in range(0, len(cases), most):
            yield _Task(next(number), cases[first : first + most])


def _after(
    task: _Task, at: str | None, left: set[tuple[str, str]]
) -> tuple[tuple[CaseRef, str] | None, _Task]:
    """The attempt that a dead worker was at, and what is left of its task without it."""
    lost: tuple[CaseRef, str] | None = None
    rest: list[_Todo] = []
    for todo in task.todo:
        methods = [one for one in todo.methods if (todo.ref.id, one) in left]
        if todo.ref.id == at and methods:
            lost = todo.ref, methods.pop(0)
        if methods:
            rest.append(_Todo(todo.ref, tuple(methods)))
    return lost, _Task(task.number, tuple(rest))
