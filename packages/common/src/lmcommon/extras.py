"""Optional dependencies: import one, or say which extra brings it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from lmcommon.errors import MissingExtraError

__all__ = ["is_available", "require"]


def require(module: str, *, extra: str) -> ModuleType:
    """Import `module`, or raise `MissingExtraError` naming `extra` (such as `lmcommon[hf]`).

    Only the absence of `module` itself is turned into our error: an import that fails further
    down (a broken installation) keeps its own traceback.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(module, extra) from error


def is_available(module: str) -> bool:
    """Whether `module` could be imported, without importing it."""
    return find_spec(module) is not None
