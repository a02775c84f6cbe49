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

__all__ = ["LLM", "PREFIX", "announced", "config_from", "described"]

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
            here[0].annotate(f"{PREFIX}{system.scope.name}", {
                "name": system.name, "config": described(config),
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
        return found(**values)
    return [config_from(value) for value in row] if isinstance(row, list) else row


def _classes() -> Mapping[str, type[Any]]:
    from lmcommon.embed.config import EMBED_SCHEMAS
    from lmcommon.llm.config import LLM_SCHEMAS, BudgetConfig, CacheConfig
    from memtrace.memory.config import MEMORY_SCHEMAS

    groups = (MEMORY_SCHEMAS.values(), EMBED_SCHEMAS.values(), LLM_SCHEMAS.values())
    return {one.__name__: one for group in groups for one in group} | {
        one.__name__: one for one in (BudgetConfig, CacheConfig)
    }
