"""What the verbs share: systems over conversations into a trace, then failures attributed.

Everything is resumable: an episode is written once its operations are on disk, and what is
written is not done again. A memory that still has questions open is written anew under a scope of
its own, since the one in the killed process is gone; its old operations stay in the trace.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import memtrace
from lmcommon.data.types import Conversation
from lmcommon.errors import BudgetError, UserError
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.tally import Spent, Tally
from lmcommon.runlog import Run
from memtrace.attribution import Attribution, TraceReader, attribute
from memtrace.evaluate import Episode, evaluate
from memtrace.evaluate.opening import opened
from memtrace.memory.config import MemoryFactory
from memtrace.memory.specs import LLM, described
from memtrace.show.cases import case_view
from memtrace.show.html import Row

__all__ = [
    "Results",
    "Work",
    "answered",
    "attribute_failures",
    "check_chosen",
    "check_conversations",
    "latest",
    "record_episodes",
    "record_work",
    "refuse_if_spent",
    "suffix_of",
]


@dataclass(frozen=True, slots=True)
class Work:
    """A conversation that a system still has to answer questions about."""

    system: str
    """What the run calls the system."""
    make: MemoryFactory
    conversation: Conversation
    suffix: str
    """Tells the memories of attempts apart."""
    answered: frozenset[str] = frozenset()
    """Ids of questions that need not be asked again."""

    @property
    def scope(self) -> str:
        """The name of the memory, unique in the trace."""
        return f"{self.system}/{self.conversation.id}{self.suffix}"


@dataclass
class Results:
    """What a run came to."""

    episodes: list[Episode] = field(default_factory=list)
    kept: int = 0
    """Episodes that an earlier attempt of the same run had finished."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time a system took in this attempt, over all processes together."""
    costs: list[dict[str, Any]] = field(default_factory=list)
    """Rows of `costs.jsonl`, all attempts."""
    verdicts: dict[tuple[str, str, str], Attribution] = field(default_factory=dict)
    """By `Episode.key`, for failures."""
    rows: list[Row] = field(default_factory=list)

    def of(self, system: str) -> list[Episode]:
        """The episodes of one system."""
        return [episode for episode in self.episodes if episode.system == system]

    def add_costs(self, run: Run) -> None:
        """Take over what the run has written of its costs."""
        self.costs = run.read("costs")
        for row in self.costs:
            if (row["attempt"] or "#1").partition(".")[0] == f"#{run.attempt}":
                spent = self.seconds.get(row["system"], 0.0)
                self.seconds[row["system"]] = spent + row["seconds"]


def check_chosen(config: object, *groups: str) -> None:
    """Refuse a configuration from which a group was taken out (`~llm`).

    Raises:
        UserError: Names the group.
    """
    for group in groups:
        if getattr(config, group) is None:
            raise UserError(f"{group}: expected an option; got none; choose one with {group}=...")


def check_conversations(rows: Sequence[object], option: str) -> list[Conversation]:
    """The rows, if they are conversations with questions.

    Raises:
        UserError: A data set of another kind, or one without questions.
    """
    conversations = [row for row in rows if isinstance(row, Conversation)]
    if len(conversations) != len(rows):
        raise UserError(
            f"data: expected a set of conversations; {option} holds prompts with rubrics; "
            "choose data=generated, locomo, longmemeval or realmem"
        )
    if not any(conversation.questions for conversation in conversations):
        raise UserError(f"data: expected at least one question; {option} gave none")
    return conversations


def record_episodes(
    run: Run, conversations: Sequence[Conversation], systems: Mapping[str, MemoryFactory],
    judge: AnswerJudge, *, batch_size: int, tally: Tally | None = None, llm: object = None,
) -> Results:  # fmt: skip
    """Let every system answer every question, recorded in `trace.db` and `episodes.jsonl`.

    Args:
        run: Where to write.
        conversations: Histories and questions.
        systems: Factories of memories, by name.
        judge: Compares answers.
        batch_size: Questions answered together.
        tally: Counts what the models are asked for.
        llm: The configuration of the model, for replays.
    """
    results = Results(answered(run))
    results.kept = len(results.episodes)
    done = {episode.key for episode in results.episodes}
    wanted = {(name, c.id, q.id) for name in systems for c in conversations for q in c.questions}
    suffix = suffix_of(run)
    work = [
        Work(name, make, conversation, suffix, frozenset(key[2] for key in done if key[:2] == pair))
        for name, make in systems.items()
        for conversation in conversations
        if (pair := (name, conversation.id)) in {key[:2] for key in wanted - done}
    ]
    fresh = record_work(run, work, judge, batch_size=batch_size, tally=tally, llm=llm)
    for episode in run.progress(fresh, "questions", total=len(wanted - done)):
        results.episodes.append(episode)
    results.add_costs(run)
    return results


def record_work(
    run: Run, work: Sequence[Work], judge: AnswerJudge, *, batch_size: int,
    tally: Tally | None = None, llm: object = None,
) -> Iterator[Episode]:  # fmt: skip
    """Ask what is open, and write each episode once its operations are on disk.

    What models were asked for, and the time it took, is written to `costs.jsonl` on the way.

    Args:
        run: Where to: `trace.db`, `episodes.jsonl`, `costs.jsonl`.
        work: Conversations with their systems.
        judge: Compares answers with gold answers.
        batch_size: Questions answered together.
        tally: Counts what the models are asked for.
        llm: The configuration of the model, for replays.
    """
    with memtrace.record(
        run.folder / "trace.db",
        resume=run.is_resumed,
        metadata={"seed": run.seed, LLM: described(llm)},
        processes=any(getattr(one.make, "needs_processes", False) for one in work),
    ) as recorder:
        for one in work:
            cost = _Cost(run, one, tally)
            with opened(one.make, one.scope) as system:
                episodes = evaluate(
                    system, one.conversation, judge, done=one.answered, batch_size=batch_size
                )
                for episode in episodes:
                    recorder.flush()
                    named = replace(episode, system=one.system)
                    run.append("episodes", named.to_dict())
                    cost.write()
                    yield named
            cost.write(last=True)


class _Cost:
    """Rows of `costs.jsonl`: what came to be spent since the last one."""

    def __init__(self, run: Run, work: Work, tally: Tally | None) -> None:
        self._run, self._work, self._tally = run, work, tally
        self._since = time.perf_counter()

    def write(self, *, last: bool = False) -> None:
        """A row, if models were asked or if it is the last one."""
        spent = Spent() if self._tally is None else self._tally.take()
        if not (spent.requests or last):
            return
        now = time.perf_counter()
        self._run.append("costs", {
            "attempt": self._work.suffix, "system": self._work.system,
            "conversation": self._work.conversation.id, "seconds": now - self._since,
            **spent.to_dict(),
        })  # fmt: skip
        self._since = now


def suffix_of(run: Run) -> str:
    """What the scopes of this attempt end in: a memory is written anew in each."""
    return f"#{run.attempt}" if run.attempt > 1 else ""


def answered(run: Run) -> list[Episode]:
    """The episodes of earlier attempts, without those whose model call failed: asked again."""
    return [episode for episode in latest(run).values() if episode.failure_kind is None]


def latest(run: Run) -> dict[tuple[str, str, str], Episode]:
    """The last episode of every question, by `Episode.key`."""
    return {episode.key: episode for episode in map(Episode.from_dict, run.read("episodes"))}


def refuse_if_spent(run: Run, results: Results, verb: str) -> None:
    """Leave with an error when a budget kept questions from being asked.

    Raises:
        BudgetError: Says how many, and how to go on; everything that was recorded is kept.
    """
    refused = sum(episode.failure_kind == "budget" for episode in results.episodes)
    if refused:
        raise BudgetError(
            f"llm.budget: expected enough for {len(results.episodes)} questions, it was spent with "
            f"{refused} of them not asked; what was answered is kept, continue with a larger one: "
            f"{verb} resume={run.folder} llm.budget.usd=... (or tokens, calls)"
        )


def attribute_failures(run: Run, results: Results) -> None:
    """Explain every wrong answer; `attributions.jsonl` holds the verdicts with their evidence."""
    written = {tuple(row["key"]) for row in run.read("attributions")}
    with memtrace.open(run.folder / "trace.db") as trace:
        reader = TraceReader(trace)
        for episode in run.progress(results.episodes, "attribution"):
            if not episode.is_failure or episode.answer is None:
                results.rows.append(Row(episode))
                continue
            verdict = attribute(
                reader, episode.answer, gold=episode.gold, evidence=episode.evidence or None,
                question=episode.text,
            )  # fmt: skip
            results.verdicts[episode.key] = verdict
            results.rows.append(Row(episode, case_view(verdict, reader)))
            if episode.key not in written:
                run.append("attributions", {"key": list(episode.key), **verdict.to_dict()})
