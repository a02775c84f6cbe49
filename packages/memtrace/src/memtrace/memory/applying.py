"""Prompts into a system: a configuration of ours, or a memory object of the user's own.

In: a folder that memtrace-optimize wrote (or texts by name), and the target. Out: a configuration
with these prompts, or the object itself, changed from its next call on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from lmcommon.errors import UserError
from memtrace.memory.config import MemoryConfig
from memtrace.memory.prompt_files import load_prompts

__all__ = ["apply_prompts"]

Target = TypeVar("Target")

_LIVE: Mapping[str, str] = {"mem0": "memtrace.memory.mem0.prompting"}
"""Top-level package of an object's class to the module that sets its prompts (`set_prompts`)."""


def apply_prompts(target: Target, prompts: str | Path | Mapping[str, str]) -> Target:
    """Give a memory system other prompts.

    Args:
        target: A configuration such as `RagConfig(...)`, or a live `mem0.Memory` (its prompts are
            read at each call, so they hold from the next one on). The answering prompt `qa` is
            not Mem0's but your program's: take it from `load_prompts(folder)["qa"]`.
        prompts: A folder that memtrace-optimize wrote, or texts by prompt name.

    Returns:
        For a configuration a changed copy; for an object the object.

    Raises:
        UserError: The folder holds no prompts, the target is of another sort, or it has no place
            for a prompt.
    """
    texts = dict(prompts) if isinstance(prompts, Mapping) else load_prompts(prompts)
    if isinstance(target, MemoryConfig):
        return replace(target, prompts={**target.prompts, **texts})
    for base in type(target).__mro__:
        module = _LIVE.get(base.__module__.partition(".")[0])
        if module is not None:
            import_module(module).set_prompts(target, texts)
            return target
    kind = f"{type(target).__module__}.{type(target).__qualname__}"
    raise UserError(
        f"apply_prompts: expected a configuration of memtrace.memory or a live mem0.Memory; got a "
        f"{kind}; read the texts with memtrace.load_prompts(folder) and set them yourself"
    )
