"""Prompts into a user's own live Mem0 object, where its line reads them.

Classic (1.x): `extraction` and `update` are settings of `memory.config`, read at each call.
Additive (2.x): `instructions` is `memory.custom_instructions`; the extraction prompt is part of the
package's code and no setting of an object.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from lmcommon.errors import UserError
from memtrace.memory.mem0.defaults import default_prompts
from memtrace.memory.mem0.releases import installed_line

__all__ = ["set_prompts"]

_OURS = "qa"
"""Asked by whoever answers from the memories, which is not Mem0."""

_PLACES = {
    "classic": {"extraction": "config.custom_fact_extraction_prompt",
                "update": "config.custom_update_memory_prompt"},
    "additive": {"instructions": "custom_instructions"},
}  # fmt: skip


def set_prompts(memory: Any, prompts: Mapping[str, str]) -> None:
    """Set the prompts of a `mem0.Memory` or `mem0.AsyncMemory`.

    Args:
        memory: The object.
        prompts: Texts by name: `extraction`, `update` (classic), `instructions` (additive). `qa` is
            left out, and a text that is the package's own needs no place. `{date}` in the
            extraction prompt becomes today's date, as the package does when it is imported.

    Raises:
        UserError: For another object or release, or a prompt this line has no setting for.
    """
    main = import_module("mem0.memory.main")
    line = installed_line()
    if line is None or not isinstance(memory, (main.Memory, main.AsyncMemory)):
        raise UserError(
            "apply_prompts: expected a mem0.Memory or mem0.AsyncMemory of mem0ai 1.0.x or 2.2.x; "
            f"got a {type(memory).__name__}; a MemoryClient's prompts are set on its server"
        )
    places, defaults = _PLACES[line], default_prompts(line)
    wanted = {name: text for name, text in prompts.items() if name != _OURS}
    for name, text in wanted.items():
        is_default = name in defaults and text == defaults[name].text
        if name not in places and not is_default:
            raise UserError(
                f"apply_prompts: expected some of {', '.join(places)}, which a {line} Mem0 object "
                f"can be given; got {name!r}; optimise with components=[{','.join(places)}]"
            )
    for name, place in places.items():
        if name in wanted:
            owner, _, attribute = place.rpartition(".")
            target = memory.config if owner else memory
            setattr(target, attribute, _literal(wanted[name]))


def _literal(text: str) -> str | None:
    """What is sent: today's date filled in; nothing where there is no text."""
    return text.replace("{date}", datetime.now().strftime("%Y-%m-%d")) or None
