"""Prompt faults: a model that does what its prompts say, and pipelines with faulty prompts."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.faultbench.prompting.faulty import PROMPT_FAULTS, PromptFault
    from memtrace.faultbench.prompting.histories import conversations
    from memtrace.faultbench.prompting.model import prompted_model
    from memtrace.faultbench.prompting.reflecting.model import reflection_model

__all__ = [
    "PROMPT_FAULTS", "PromptFault", "conversations", "prompted_model", "reflection_model",
]  # fmt: skip

_HOMES = {
    "faulty": ("PROMPT_FAULTS", "PromptFault"),
    "histories": ("conversations",),
    "model": ("prompted_model",),
    "reflecting.model": ("reflection_model",),
}
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        name: f"memtrace.faultbench.prompting.{home}"
        for home, names in _HOMES.items()
        for name in names
    },
)
