"""Generated conversations: people, dated facts, updates, corrections, deletions, distractors.

In: a seed and sizes. Out: a `Conversation` with questions, gold answers and evidence turn ids, and
the ledger of all facts in its metadata. The same seed gives the same bytes on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from lmcommon.data.generated.facts import Fact, facts_of
from lmcommon.data.generated.plan import plan_world
from lmcommon.data.generated.questions import CATEGORIES, ask
from lmcommon.data.generated.script import write_sessions
from lmcommon.data.generated.small_talk import PEOPLE
from lmcommon.data.types import Conversation
from lmcommon.rng import random_for, seed_for

__all__ = [
    "CATEGORIES", "SIZES", "Fact", "Size", "facts_of", "generate_conversation",
    "generate_conversations",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How big a conversation is."""

    num_sessions: int
    turns_per_session: int
    num_people: int
    num_questions: int


SIZES: dict[str, Size] = {
    "tiny": Size(num_sessions=4, turns_per_session=8, num_people=2, num_questions=8),
    "small": Size(num_sessions=8, turns_per_session=12, num_people=3, num_questions=20),
    "medium": Size(num_sessions=40, turns_per_session=16, num_people=6, num_questions=60),
    "large": Size(num_sessions=500, turns_per_session=20, num_people=12, num_questions=200),
}


def generate_conversation(
    seed: int,
    *,
    num_sessions: int = 8,
    turns_per_session: int = 12,
    num_people: int = 3,
    num_questions: int = 20,
    id: str | None = None,
) -> Conversation:
    """Generate one conversation.

    Args:
        seed: Decides everything.
        num_sessions: Sessions, at least 2.
        turns_per_session: Turns of every session, at least 6.
        num_people: People who talk, two in each session; from 2 to twice the sessions.
        num_questions: Questions to ask. If the facts do not support as many, the conversation
            has fewer and a warning says so.
        id: Id of the conversation; `generated-<seed>` if not given.

    Raises:
        ValueError: A size is out of its range.
    """
    most_people = min(len(PEOPLE), 2 * num_sessions)
    for name, value, least, most in (
        ("num_sessions", num_sessions, 2, 10_000),
        ("turns_per_session", turns_per_session, 6, 1_000),
        ("num_people", num_people, 2, most_people),
        ("num_questions", num_questions, 0, 1_000_000),
    ):
        if not least <= value <= most:
            raise ValueError(f"{name}: expected {least} to {most}; got {value!r}")
    name = id or f"generated-{seed}"
    world = plan_world(
        random_for(seed, "plan"),
        num_sessions=num_sessions,
        exchanges=(turns_per_session - 2) // 2,
        num_people=num_people,
    )
    sessions, ledger = write_sessions(random_for(seed, "script"), world, turns_per_session)
    questions = ask(random_for(seed, "questions"), world, ledger, number=num_questions, prefix=name)
    warnings: tuple[str, ...] = ()
    if len(questions) < num_questions:
        warnings = (f"{num_questions} questions asked for, the facts support {len(questions)}",)
    return Conversation(
        id=name,
        sessions=sessions,
        questions=questions,
        source="generated",
        warnings=warnings,
        metadata={
            "seed": seed,
            "people": list(world.people),
            "facts": [fact.to_dict() for fact in ledger],
        },
    )


def generate_conversations(
    seed: int, n: int, size: str = "small", *, num_questions: int | None = None
) -> list[Conversation]:
    """Generate `n` conversations of one of `SIZES`, with ids `generated-<seed>-<i>`.

    Args:
        seed: Root seed; each conversation has a seed of its own made from it.
        n: How many.
        size: `tiny`, `small`, `medium` or `large`.
        num_questions: Questions each, if not the size's own number.

    Raises:
        ValueError: `size` is not one of `SIZES`.
    """
    if size not in SIZES:
        raise ValueError(f"size: expected one of {sorted(SIZES)}; got {size!r}")
    chosen = SIZES[size]
    return [
        generate_conversation(
            seed_for(seed, "conversation", i),
            num_sessions=chosen.num_sessions,
            turns_per_session=chosen.turns_per_session,
            num_people=chosen.num_people,
            num_questions=chosen.num_questions if num_questions is None else num_questions,
            id=f"generated-{seed}-{i}",
        )
        for i in range(n)
    ]
