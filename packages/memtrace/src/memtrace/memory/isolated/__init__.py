"""Memory systems in processes and environments of their own.

In: the configuration of a system whose package is not (or must not be) in this process. Out: a
factory of memories that look like any other: the parent's model, embedder, replies and
interventions decide, the worker only computes, and its operations land in the parent's trace.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.memory.isolated.environments import ENVIRONMENTS, Environment, environment
    from memtrace.memory.isolated.factory import isolated_factory
    from memtrace.memory.isolated.interpreters import Interpreter, find_interpreter
    from memtrace.memory.isolated.preparing import Prepared, prepare, prepared, remove

__all__ = [
    "ENVIRONMENTS", "Environment", "Interpreter", "Prepared", "environment", "find_interpreter",
    "isolated_factory", "prepare", "prepared", "remove",
]  # fmt: skip

_HOMES = {
    "environments": ("ENVIRONMENTS", "Environment", "environment"),
    "factory": ("isolated_factory",),
    "interpreters": ("Interpreter", "find_interpreter"),
    "preparing": ("Prepared", "prepare", "prepared", "remove"),
}
__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"memtrace.memory.isolated.{home}" for home, names in _HOMES.items() for name in names},
)
