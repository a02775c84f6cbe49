"""Which system a memory of a trace was, written so that a replay can build it again.

In: a configuration and the scope it was built for. Out: `system <scope>` in the trace's metadata:
the configuration with the names of its classes, the system's parameters and versions. Reading
turns it back into a configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from lmcommon.errors import UserError
from memtrace.graph.recording import scope as recording

if TYPE_CHECKING:
    from lmcommon.llm.base import ChatModel
    from memtrace.memory.base import MemorySystem
    from memtrace.memory.config import MemoryConfig

__all__ = ["LLM", "PREFIX", "announced", "config_from", "described", "fits"]

PREFIX = "system "
"""What the metadata keys of systems start with; the scope follows."""

LLM = "llm"
"""The metadata key of the model's configuration."""

_CLASS = "class"


def announced(
    config: MemoryConfig, model: ChatModel, make: Callable[[str], MemorySystem]
) -> Callable[[str], MemorySystem]:
    """The factory, telling the recording (if any) what it built, and for which model."""

    def build(scope: str) -> MemorySystem:
        system = config.check_prompts(make(scope))
        here = recording.current_scope()
        if here is not None:
            # As they were read: a file (`@file`) may be another one when the trace is replayed.
            prompts = {name: system.prompts[name].text for name in config.prompts}
            here[0].annotate(f"{PREFIX}{system.scope.name}", {
                "name": system.name, "config": {**described(config), "prompts": prompts},
                "parameters": dict(system.parameters), "versions": dict(system.versions),
                "model": {"name": model.name, "identity": dict(model.identity)},
            })  # fmt: skip
        return system

    # Whether its memories run in other processes: the recording must then take several.
    vars(build)["needs_processes"] = getattr(make, "needs_processes", False)
    return build


def described(config: Any) -> Any:
    """A configuration as JSON, its classes by name; of a stand-in, what it stands for."""
    config = getattr(config, "original", config)
    if is_dataclass(config) and not isinstance(config, type):
        values = {field.name: described(getattr(config, field.name)) for field in fields(config)}
        return {_CLASS: type(config).__name__, **values}
    if isinstance(config, Mapping):
        return {str(key): described(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [described(value) for value in config]
    return config


def config_from(row: Any) -> Any:
    """The configuration that `described` wrote.

    Raises:
        UserError: For a class this version does not know.
    """
    if isinstance(row, Mapping):
        values = {key: config_from(value) for key, value in row.items() if key != _CLASS}
        if _CLASS not in row:
            return values
        found = _classes().get(row[_CLASS])
        if found is None:
            raise UserError(
                f"the trace was made with {row[_CLASS]!r}, which this version does not know; "
                "replay it with the version that made it, or give systems={scope: factory}"
            )
        return _made(found, values)
    return [config_from(value) for value in row] if isinstance(row, list) else row


def _made(schema: type[Any], values: Mapping[str, Any]) -> Any:
    """A configuration, unless it was written for another version of its class."""
    kinds = {field.name: str(field.type) for field in fields(schema)}
    for key, value in values.items():
        if key not in kinds or not fits(value, kinds[key]):
            raise UserError(
                f"the trace was made with a {schema.__name__} that has {key}={value!r}, which this "
                "version does not take; replay it with the version that made it, or give "
                "systems={scope: factory}"
            )
    return schema(**values)


def fits(value: Any, kind: str) -> bool:
    """Whether a value is of the sort that a field of a configuration says, as far as is known.

    Args:
        value: JSON.
        kind: The annotation, such as `int` or `str | None`.
    """
    sorts = [_SORTS.get(one.partition("[")[0]) for one in kind.split(" | ")]
    if isinstance(value, bool):
        return bool in sorts or None in sorts
    return any(sort is None or isinstance(value, sort) for sort in sorts)


_SORTS: Mapping[str, Any] = {
    "int": int, "float": (int, float), "str": str, "bool": bool, "None": type(None), "dict": dict,
    "list": list,
}  # fmt: skip


def _classes() -> Mapping[str, type[Any]]:
    from lmcommon.embed.config import EMBED_SCHEMAS
    from lmcommon.llm.config import LLM_SCHEMAS, BudgetConfig, CacheConfig
    from memtrace.memory.config import MEMORY_SCHEMAS

    groups = (MEMORY_SCHEMAS.values(), EMBED_SCHEMAS.values(), LLM_SCHEMAS.values())
    return {one.__name__: one for group in groups for one in group} | {
        one.__name__: one for one in (BudgetConfig, CacheConfig)
    }
