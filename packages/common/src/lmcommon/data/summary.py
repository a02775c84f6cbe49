"""What was loaded, in figures: the line a run prints after reading its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lmcommon.data.types import Conversation, RubricPrompt

__all__ = ["describe"]


def describe(rows: Sequence[Conversation] | Sequence[RubricPrompt]) -> dict[str, Any]:
    """Count what the rows hold. JSON-able.

    Returns:
        For conversations: `conversations`, `sessions`, `turns`, `questions`, `answerable`,
        `categories`. For prompts: `prompts`, `criteria`, `program_checked`, `kinds` (constraint
        id, or the tags of criteria for a judge). For both: `warnings`.
    """
    conversations = [row for row in rows if isinstance(row, Conversation)]
    prompts = [row for row in rows if isinstance(row, RubricPrompt)]
    if prompts and not conversations:
        return _describe_prompts(prompts)
    return _describe_conversations(conversations)


def _counted(names: Counter[str]) -> dict[str, int]:
    return dict(sorted(names.items()))


def _describe_conversations(rows: list[Conversation]) -> dict[str, Any]:
    questions = [question for row in rows for question in row.questions]
    return {
        "conversations": len(rows),
        "sessions": sum(len(row.sessions) for row in rows),
        "turns": sum(len(session.turns) for row in rows for session in row.sessions),
        "questions": len(questions),
        "answerable": sum(question.is_answerable for question in questions),
        "categories": _counted(Counter(question.category for question in questions)),
        "warnings": sum(len(row.warnings) for row in rows),
    }


def _describe_prompts(rows: list[RubricPrompt]) -> dict[str, Any]:
    criteria = [criterion for row in rows for criterion in row.rubric.criteria]
    return {
        "prompts": len(rows),
        "criteria": len(criteria),
        "program_checked": sum(one.constraint_id is not None for one in criteria),
        "kinds": _counted(
            Counter(one.constraint_id or " | ".join(one.tags) or "untagged" for one in criteria)
        ),
        "warnings": sum(len(row.metadata.get("warnings", ())) for row in rows),
    }
