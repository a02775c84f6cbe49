"""Engines: what turns prompts into rollouts with the log-probabilities they were sampled with."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.engine.drawing import Sampling
    from rtt.engine.sampler import Sampler
    from rtt.engine.text import text_with_offsets

__all__ = ["Sampler", "Sampling", "text_with_offsets"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Sampler": "rtt.engine.sampler",
        "Sampling": "rtt.engine.drawing",
        "text_with_offsets": "rtt.engine.text",
    },
)
