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
    from lmcommon.data.lengths import LengthFilter, filter_by_length
    from lmcommon.data.qa_feedback import MarkedAnswer, load_marked
    from lmcommon.data.registry import DATASETS, load, load_conversations, load_prompts
    from lmcommon.data.report import ValidationReport
    from lmcommon.data.summary import describe
    from lmcommon.data.types import (
        Conversation,
        Question,
        RubricPrompt,
        Session,
        Turn,
        transcript,
    )
    from lmcommon.data.validate import validate_file, validate_prompts

__all__ = [
    "DATASETS", "Conversation", "Fact", "LengthFilter", "MarkedAnswer", "Question", "RubricPrompt",
    "Session", "Turn", "ValidationReport", "describe", "facts_of", "filter_by_length",
    "generate_conversation", "generate_conversations", "load", "load_conversations",
    "load_marked", "load_prompts", "transcript", "validate_file", "validate_prompts",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(
            ("Conversation", "Question", "RubricPrompt", "Session", "Turn", "transcript"),
            "lmcommon.data.types",
        ),
        **dict.fromkeys(("MarkedAnswer", "load_marked"), "lmcommon.data.qa_feedback"),
        **dict.fromkeys(
            ("Fact", "facts_of", "generate_conversation", "generate_conversations"),
            "lmcommon.data.generated",
        ),
        **dict.fromkeys(
            ("DATASETS", "load", "load_conversations", "load_prompts"), "lmcommon.data.registry"
        ),
        **dict.fromkeys(("LengthFilter", "filter_by_length"), "lmcommon.data.lengths"),
        **dict.fromkeys(("validate_file", "validate_prompts"), "lmcommon.data.validate"),
        "ValidationReport": "lmcommon.data.report",
        "describe": "lmcommon.data.summary",
    },
)
