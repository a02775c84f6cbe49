"""Which releases of `mem0ai` can be traced, and how they are told apart.

Two lines share one import name: *classic* (1.x: facts are extracted, then a second call decides to
add, update or delete) and *additive* (2.x: one call, only additions). What is wrapped of each is
listed here, and checked before anything is wrapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any, Literal

from lmcommon.errors import UserError

__all__ = ["RELEASES", "LineName", "Release", "checked_release", "installed_line"]

LineName = Literal["classic", "additive"]


@dataclass(frozen=True, slots=True)
class Release:
    """What is wrapped of one line.

    Example: `RELEASES["classic"].since` is `(1, 0, 5)`.
    """

    line: LineName
    since: tuple[int, ...]
    before: tuple[int, ...]
    limit: str
    """What the store's `search` calls the number of hits."""
    names: Mapping[str, tuple[str, ...]]
    """Wrapped names, by the attribute of the memory they belong to; `""` is the memory itself."""
    module_names: tuple[str, ...]
    """Names of `mem0.memory.main` that are used or replaced."""


_PUBLIC = ("add", "search", "get", "get_all", "update", "delete", "delete_all", "reset")
_INNER = ("_add_to_vector_store", "_search_vector_store", "_get_all_from_vector_store",
          "_create_memory", "_update_memory", "_delete_memory")  # fmt: skip
_STORE = ("insert", "search", "get", "update", "delete", "list")
_MODULE = ("concurrent", "datetime", "uuid", "json", "extract_json", "remove_code_blocks")

RELEASES: Mapping[LineName, Release] = MappingProxyType({
    "classic": Release(
        line="classic", since=(1, 0, 5), before=(1, 1), limit="limit",
        names={
            "": (*_PUBLIC, *_INNER, "config"), "llm": ("generate_response",),
            "embedding_model": ("embed",), "vector_store": _STORE, "db": ("add_history",),
        },
        module_names=(*_MODULE, "get_update_memory_messages"),
    ),
    "additive": Release(
        line="additive", since=(2, 2), before=(2, 3), limit="top_k",
        names={
            "": (*_PUBLIC, *_INNER, "config", "custom_instructions"),
            "llm": ("generate_response",), "embedding_model": ("embed", "embed_batch"),
            "vector_store": (*_STORE, "keyword_search"),
            "db": ("add_history", "batch_add_history", "get_last_messages", "save_messages"),
        },
        module_names=(
            *_MODULE, "ADDITIVE_EXTRACTION_PROMPT", "extract_entities", "extract_entities_batch",
            "lemmatize_for_bm25",
        ),
    ),
})  # fmt: skip


def installed_line() -> LineName | None:
    """The line of the installed `mem0ai`; None without one that is supported. Imports nothing."""
    try:
        numbers = _numbers(version("mem0ai"))
    except PackageNotFoundError:
        return None
    found = [one.line for one in RELEASES.values() if one.since <= numbers < one.before]
    return found[0] if found else None


def checked_release(memory: Any, main: Any) -> Release:
    """The release a memory object belongs to, with all that is wrapped known to be there.

    Args:
        memory: A `mem0.Memory`.
        main: The module `mem0.memory.main`.

    Raises:
        UserError: For a version that is not supported, or a name that is missing.
    """
    line = installed_line()
    if line is None:
        supported = "; ".join(
            f"{one.line} {_dotted(one.since)} up to, not including, {_dotted(one.before)}"
            for one in RELEASES.values()
        )
        raise UserError(
            f"mem0ai: expected a version that can be traced ({supported}); got "
            f"{version('mem0ai')}; install one of these"
        )
    release = RELEASES[line]
    missing = [f"mem0.memory.main.{name}" for name in release.module_names
               if not hasattr(main, name)]  # fmt: skip
    for part, names in release.names.items():
        owner = getattr(memory, part, None) if part else memory
        missing += [
            ".".join(filter(None, ("Memory", part, name)))
            for name in names if not hasattr(owner, name)
        ]  # fmt: skip
    if missing:
        raise UserError(
            f"mem0ai {version('mem0ai')} ({line} line): expected {', '.join(missing)}, which this "
            "object lacks; trace an unchanged mem0.Memory, or install another release"
        )
    return release


def _numbers(text: str) -> tuple[int, ...]:
    parts = []
    for part in text.split(".")[:3]:
        digits = "".join(char for char in part if char.isdigit())
        parts.append(int(digits or 0))
    return tuple(parts)


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
