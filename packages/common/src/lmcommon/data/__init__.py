"""Data sets as typed rows, and a generated conversation set of our own.

Importing this package is light; a name loads its module on first use.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from lmcommon.data.generated import (
        Fact,
        facts_of,
        generate_conversation,
        generate_conversations,
    )
    from lmcommon.data.registry import DATASETS, load, load_conversations, load_prompts
    from lmcommon.data.summary import describe
    from lmcommon.data.types import Conversation, Question, RubricPrompt, Session, Turn

__all__ = [
    "DATASETS", "Conversation", "Fact", "Question", "RubricPrompt", "Session", "Turn", "describe",
    "facts_of", "generate_conversation", "generate_conversations", "load", "load_conversations",
    "load_prompts",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(
            ("Conversation", "Question", "RubricPrompt", "Session", "Turn"), "lmcommon.data.types"
        ),
        **dict.fromkeys(
            ("Fact", "facts_of", "generate_conversation", "generate_conversations"),
            "lmcommon.data.generated",
        ),
        **dict.fromkeys(
            ("DATASETS", "load", "load_conversations", "load_prompts"), "lmcommon.data.registry"
        ),
        "describe": "lmcommon.data.summary",
    },
)
