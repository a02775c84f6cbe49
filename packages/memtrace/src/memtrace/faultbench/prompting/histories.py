"""Fresh histories that can share one trace: ids of conversations and questions are unique."""

from __future__ import annotations

from dataclasses import replace

from lmcommon.data.types import Conversation
from lmcommon.rng import seed_for
from memtrace.faultbench.building import history

__all__ = ["conversations"]


def conversations(seed: int, count: int, size: str = "small") -> tuple[Conversation, ...]:
    """Generated histories with their questions.

    Args:
        seed: Decides everything; another seed makes other histories.
        count: How many.
        size: One of `lmcommon.data.generated.SIZES`.

    Returns:
        Conversations `h1`, `h2`, ... with questions `h1:q1`, `h1:q2`, ...

    Raises:
        UserError: There is no such size.
    """
    made = (history(seed_for(seed, "prompt faults", n), size) for n in range(count))
    return tuple(_called(f"h{number}", one) for number, one in enumerate(made, 1))


def _called(name: str, conversation: Conversation) -> Conversation:
    questions = tuple(
        replace(one, id=f"{name}:{one.id.partition(':')[2]}") for one in conversation.questions
    )
    return replace(conversation, id=name, questions=questions)
