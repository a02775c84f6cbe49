"""The prompts of Mem0 as `Prompt`s: the package's own wording, with the date as a field.

Classic Mem0 writes the day of its import into the extraction prompt; here `{date}` stands there,
and is filled with the day of the session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module

from lmcommon.errors import UserError
from lmcommon.prompt import Prompt
from memtrace.memory.answering import default_prompt
from memtrace.memory.mem0.releases import LineName

__all__ = ["default_prompts", "literal_prompt"]

_TODAY = re.compile(r"(Today's date is )\d{4}-\d{2}-\d{2}")
_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def default_prompts(line: LineName) -> Mapping[str, Prompt]:
    """The prompts of a line, by name: `extraction`, `update` or `instructions`, and `qa`."""
    package = import_module("mem0.configs.prompts")
    if line == "additive":
        extraction = literal_prompt("extraction", package.ADDITIVE_EXTRACTION_PROMPT)
        return {"extraction": extraction, "instructions": Prompt("instructions", ""),
                "qa": default_prompt()}  # fmt: skip
    text, found = _TODAY.subn(r"\1{date}", package.USER_MEMORY_EXTRACTION_PROMPT)
    if found != 1:
        raise UserError(
            f"mem0ai: expected one date in its extraction prompt; found {found}; install a release "
            "that memtrace knows"
        )
    return {
        "extraction": literal_prompt("extraction", text),
        "update": literal_prompt("update", package.DEFAULT_UPDATE_MEMORY_PROMPT),
        "qa": default_prompt(),
    }


def literal_prompt(name: str, text: str) -> Prompt:
    """A text as a prompt, whatever braces it has."""
    return Prompt(name, text, frozenset(_FIELD.findall(text)))
