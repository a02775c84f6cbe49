"""Several processes that a launcher has started (torchrun, accelerate): share values, gather items.

A process alone gets its own back.
"""

from __future__ import annotations

from typing import Any

from lmcommon.extras import require

__all__ = ["gather_objects", "same_everywhere"]

_EXTRA = "lmcommon[hf]"


def gather_objects(items: list[Any]) -> list[Any]:
    """The items of all processes, in the order of their ranks; a process alone gets its own."""
    gathered: list[Any] = require("accelerate.utils", extra=_EXTRA).gather_object(items)
    return gathered


def same_everywhere(value: Any, *, use_cpu: bool) -> Any:
    """A value of the first process, on all; joins the processes that a launcher has started."""
    require("accelerate", extra=_EXTRA).PartialState(cpu=use_cpu)
    values = [value]
    require("accelerate.utils", extra=_EXTRA).broadcast_object_list(values)
    return values[0]
