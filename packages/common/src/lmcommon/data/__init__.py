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
    from lmcommon.data.types import Conversation, Question, RubricPrompt, Session, Turn

__all__ = [
    "Conversation", "Fact", "Question", "RubricPrompt", "Session", "Turn", "facts_of",
    "generate_conversation", "generate_conversations",
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
    },
)
