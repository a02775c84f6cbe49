"""The simulated model: reads the prompts of every pipeline and answers from their text alone."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.faultbench.simulated.model import simulated_model

__all__ = ["simulated_model"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"simulated_model": "memtrace.faultbench.simulated.model"}
)
