"""The id of criteria whose check is source code, and the limits of such a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmcommon.errors import UserError

__all__ = ["CODE_ID", "SandboxLimits", "rule_source"]

CODE_ID = "code:python"
"""Constraint id of a criterion whose check is source code: kwargs `{"source": ...}`."""


def rule_source(kwargs: Mapping[str, Any]) -> str:
    """The source code in the arguments of a criterion with the id `CODE_ID`.

    Raises:
        UserError: There is none, or something else beside it.
    """
    source = kwargs.get("source")
    if not isinstance(source, str) or not source.strip() or kwargs.keys() != {"source"}:
        raise UserError(
            f"constraint {CODE_ID!r}: expected the argument 'source', Python code that defines "
            f"check_following(instruction, response); got {sorted(kwargs)}"
        )
    return source


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """What a rule may use. Example: `SandboxLimits(time_s=1.0)`."""

    time_s: float = 2.0
    """Wall-clock seconds of one check."""
    memory_mb: int = 512
    """Address space of its process, the interpreter's own part (about 50) included."""
    result_bytes: int = 4096
    """Longest answer that is read; whatever a rule prints goes nowhere."""

    def __post_init__(self) -> None:
        if not self.time_s > 0:
            raise ValueError(f"time_s: expected a number above 0, got {self.time_s!r}")
        if self.memory_mb < 128:
            raise ValueError(f"memory_mb: expected at least 128, got {self.memory_mb!r}")
        if self.result_bytes < 256:
            raise ValueError(f"result_bytes: expected at least 256, got {self.result_bytes!r}")
