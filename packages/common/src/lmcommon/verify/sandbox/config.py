"""Configuration of the sandbox: off by default."""

from __future__ import annotations

from dataclasses import dataclass

from lmcommon.errors import UserError
from lmcommon.verify.sandbox.rules import SandboxedRules
from lmcommon.verify.sandbox.types import SandboxLimits

__all__ = ["SandboxConfig"]


@dataclass(kw_only=True)
class SandboxConfig:
    """Whether, and how, rules that come as code in the data are run."""

    enabled: bool = False
    """Off: a criterion with such a rule is an error, or goes to a judge."""
    time_s: float = 2.0
    memory_mb: int = 512
    workers: int = 2
    require_filter: bool = True

    def build(self) -> SandboxedRules | None:
        """The pool; None when off.

        Raises:
            UserError: A limit makes no sense, or the system cannot do it.
        """
        if not self.enabled:
            return None
        try:
            limits = SandboxLimits(time_s=self.time_s, memory_mb=self.memory_mb)
            return SandboxedRules(limits, workers=self.workers, require_filter=self.require_filter)
        except ValueError as error:
            raise UserError(f"sandbox: {error}") from error
