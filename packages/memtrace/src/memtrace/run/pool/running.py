"""A run over several processes: what is open becomes tasks, their parts become the run.

Resuming first takes in what an earlier attempt has left in parts, finished or not. So whatever is
killed, and whenever, an episode that was written is neither lost nor asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import memtrace
from lmcommon.data.types import Conversation
from lmcommon.judge.types import Verdict
from lmcommon.runlog import Run
from memtrace.evaluate import Episode
from memtrace.run.pipeline import Results, answered, latest, suffix_of
from memtrace.run.pool.cluster import Cluster, run_on_ray
from memtrace.run.pool.local import run_local
from memtrace.run.pool.parts import Key, gather, parts_folder
from memtrace.run.pool.types import Asked, Died, Event, Setup, Task

__all__ = ["record_in_pool", "take_in"]


def record_in_pool(
    run: Run, conversations: Sequence[Conversation], setup: Setup, *, workers: int,
    cluster: Cluster | None = None,
) -> Results:  # fmt: skip
    """Let every system answer every question, whole conversations at a time in several processes.

    Args:
        run: Where to.
        conversations: With their questions.
        setup: Model, systems, judge.
        workers: How many processes of this machine.
        cluster: Where to run instead.

    Raises:
        UserError: Something the user can fix; everything recorded is kept.
    """
    order = take_in(run, conversations, setup)
    results = Results(kept=len(answered(run)))
    tasks = _open_tasks(run, conversations, setup)
    folder = parts_folder(run)
    wanted = sum(len(_missing(task)) for task in tasks)
    unscored: list[Episode] = []
    if cluster is not None:
        events = run_on_ray(setup, tasks, folder, cluster)
    else:
        events = run_local(setup, tasks, folder, workers=workers)
    try:
        for _ in run.progress(_beats(events, unscored), "questions", total=wanted):
            pass
    finally:  # also when it was interrupted: what there is can be looked at
        gather(run, order, unscored)
    if not (run.folder / "trace.db").exists():  # every worker died before it recorded anything
        memtrace.record(run.folder / "trace.db", metadata={"seed": run.seed}).close()
    results.episodes = list(latest(run).values())
    results.add_costs(run)
    return results


def take_in(run: Run, conversations: Sequence[Conversation], setup: Setup) -> list[Key]:
    """Gather what an earlier attempt has left in parts; returns the order of all episodes."""
    order = [
        (system, conversation.id, question.id)
        for system in setup.systems
        for conversation in conversations
        for question in conversation.questions
    ]
    gather(run, order)
    return order


def _open_tasks(run: Run, conversations: Sequence[Conversation], setup: Setup) -> list[Task]:
    done = {episode.key for episode in answered(run)}
    tasks = [
        Task(
            number=number, system=system, conversation=conversation, suffix=suffix_of(run),
            answered=frozenset(key[2] for key in done if key[:2] == (system, conversation.id)),
        )
        for number, (system, conversation) in enumerate(
            (system, conversation) for system in setup.systems for conversation in conversations
        )
    ]  # fmt: skip
    return [task for task in tasks if _missing(task)]


def _missing(task: Task) -> list[str]:
    return [q.id for q in task.conversation.questions if q.id not in task.answered]


def _beats(events: Iterator[Event], unscored: list[Episode]) -> Iterator[None]:
    """One beat a question; what a dead worker left open becomes unscored episodes."""
    for event in events:
        if isinstance(event, Asked):
            yield
        elif isinstance(event, Died):
            unscored += _unscored(event)


def _unscored(died: Died) -> list[Episode]:
    """Episodes for all questions of a task; those that its part has answered come first."""
    task = died.task
    return [
        Episode(
            system=task.system, conversation=task.conversation.id, question=question.id,
            text=question.text, category=question.category, gold=question.answer,
            evidence=question.evidence, prediction="", failure_kind="internal",
            verdict=Verdict.unscored(f"not asked: {died.reason}"),
        )
        for question in task.conversation.questions
        if question.id not in task.answered
    ]  # fmt: skip
