"""What the verbs share: systems over conversations into a trace, then failures attributed.

Everything is resumable: an episode is written once its operations are on disk, and what is
written is not done again. A memory that still has questions open is written anew under a scope of
its own, since the one in the killed process is gone; its old operations stay in the trace.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import memtrace
from lmcommon.data.types import Conversation
from lmcommon.errors import BudgetError, UserError
from lmcommon.judge.base import AnswerJudge
from lmcommon.runlog import Run
from memtrace.attribution import Attribution, TraceReader, attribute
from memtrace.evaluate import Episode, evaluate
from memtrace.memory.base import MemorySystem
from memtrace.memory.config import MemoryFactory
from memtrace.memory.specs import LLM, described
from memtrace.show.cases import case_view
from memtrace.show.html import Row

__all__ = [
    "Results",
    "attribute_failures",
    "check_chosen",
    "check_conversations",
    "record_episodes",
    "refuse_if_spent",
]


@dataclass
class Results:
    """What a run came to."""

    episodes: list[Episode] = field(default_factory=list)
    kept: int = 0
    """Episodes that an earlier attempt of the same run had finished."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time a system, this attempt."""
    verdicts: dict[tuple[str, str, str], Attribution] = field(default_factory=dict)
    """By `Episode.key`, for failures."""
    rows: list[Row] = field(default_factory=list)

    def of(self, system: str) -> list[Episode]:
        """The episodes of one system."""
        return [episode for episode in self.episodes if episode.system == system]


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
    judge: AnswerJudge, *, batch_size: int, llm: object = None,
) -> Results:  # fmt: skip
    """Let every system answer every question, recorded in `trace.db` and `episodes.jsonl`.

    Args:
        run: Where to write.
        conversations: Histories and questions.
        systems: Factories of memories, by name.
        judge: Compares answers.
        batch_size: Questions answered together.
        llm: The configuration of the model, for replays.
    """
    results = Results(_answered(run))
    results.kept = len(results.episodes)
    done = {episode.key for episode in results.episodes}
    wanted = {(name, c.id, q.id) for name in systems for c in conversations for q in c.questions}
    with memtrace.record(
        run.folder / "trace.db",
        resume=run.is_resumed,
        metadata={"seed": run.seed, LLM: described(llm)},
    ) as recorder:
        attempt = int(recorder.id.rpartition("/")[2])
        suffix = f"#{attempt + 1}" if attempt else ""
        fresh = (
            episode
            for name, make in systems.items()
            for conversation in conversations
            for episode in _timed(
                results, name, make(f"{name}/{conversation.id}{suffix}"), conversation, judge,
                {key[2] for key in done if key[:2] == (name, conversation.id)}, batch_size,
            )
        )  # fmt: skip
        for episode in run.progress(fresh, "questions", total=len(wanted - done)):
            recorder.flush()
            run.append("episodes", episode.to_dict())
            results.episodes.append(episode)
    return results


def _answered(run: Run) -> list[Episode]:
    """The episodes of earlier attempts, without those whose model call failed: asked again."""
    latest = {episode.key: episode for episode in map(Episode.from_dict, run.read("episodes"))}
    return [episode for episode in latest.values() if episode.failure_kind is None]


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


def _timed(
    results: Results, name: str, system: MemorySystem, conversation: Conversation,
    judge: AnswerJudge, answered: set[str], batch_size: int,
) -> Iterator[Episode]:  # fmt: skip
    """The episodes that are still missing; their time is added to the system's."""
    started = time.perf_counter()
    for episode in evaluate(system, conversation, judge, done=answered, batch_size=batch_size):
        results.seconds[name] = results.seconds.get(name, 0.0) + time.perf_counter() - started
        yield episode
        started = time.perf_counter()


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
