"""The prompts of EverOS as named templates, and back into the form its code fills.

EverOS writes `{{` for a brace and `{name}` for a placeholder; its prompt for atomic facts writes
`{{NAME}}` for a placeholder and plain braces. Ours has placeholders `{name}` and needs no
escapes, so that a wording can be edited without breaking the code behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lmcommon.prompt import Prompt
from memtrace.memory.everos.package import module

__all__ = ["NAMES", "defaults", "filled_by_everos"]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a prompt is in the package."""

    module: str
    constant: str
    fields: tuple[str, ...]


_USER = "everalgo.user_memory.prompts.en"
_SOURCES: Mapping[str, _Source] = {
    "boundary": _Source(
        "everalgo.boundary.prompts.en.chat", "BATCH_BOUNDARY_DETECT_PROMPT_EN", ("messages",)
    ),
    "episode": _Source(
        f"{_USER}.episode", "EPISODE_GENERATION_PROMPT",
        ("conversation_start_time", "conversation", "custom_instructions"),
    ),
    "atomic_facts": _Source(
        f"{_USER}.atomic_fact_from_text", "ATOMIC_FACT_FROM_TEXT_PROMPT_EN",
        ("EPISODE_TEXT", "TIME"),
    ),
    "profile": _Source(
        f"{_USER}.profile", "PROFILE_INITIAL_EXTRACTION_PROMPT",
        ("target_user", "conversation_text"),
    ),
    "profile_update": _Source(
        f"{_USER}.profile", "PROFILE_UPDATE_PROMPT",
        ("target_user", "current_profile", "conversations"),
    ),
    "sufficiency": _Source(
        "everalgo.rank.prompts.en.sufficiency", "SUFFICIENCY_CHECK_PROMPT_EN",
        ("query", "retrieved_docs"),
    ),
    "multi_query": _Source(
        "everalgo.rank.prompts.en.multi_query", "MULTI_QUERY_PROMPT_EN",
        ("original_query", "retrieved_docs", "missing_info", "key_info"),
    ),
}  # fmt: skip
NAMES = tuple(_SOURCES)
"""The prompts of the engine itself; `qa` comes on top."""

_DOUBLED = frozenset({"atomic_facts"})
"""Prompts whose placeholders have double braces."""


def defaults() -> dict[str, Prompt]:
    """The package's own wordings."""
    made = {}
    for name, source in _SOURCES.items():
        text = getattr(module(source.module), source.constant)
        made[name] = Prompt(name, _plain(name, text, source.fields), frozenset(source.fields))
    return made


def filled_by_everos(prompt: Prompt) -> str:
    """A template in the form that EverOS's code fills."""
    if prompt.name in _DOUBLED:
        return _placed(prompt.text, prompt.fields, lambda field: "{{" + field + "}}", str)
    return _placed(
        prompt.text, prompt.fields, lambda field: "{" + field + "}",
        lambda text: text.replace("{", "{{").replace("}", "}}"),
    )  # fmt: skip


def _plain(name: str, text: str, fields: Iterable[str]) -> str:
    if name in _DOUBLED:
        for field in fields:
            text = text.replace("{{" + field + "}}", "{" + field + "}")
        return text
    return text.replace("{{", "{").replace("}}", "}")


def _placed(
    text: str, fields: Iterable[str], place: Callable[[str], str], other: Callable[[str], str]
) -> str:
    pattern = re.compile(r"\{(" + "|".join(sorted(map(re.escape, fields))) + r")\}")
    pieces = pattern.split(text)
    return "".join(
        place(piece) if number % 2 else other(piece) for number, piece in enumerate(pieces)
    )
