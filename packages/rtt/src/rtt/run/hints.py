"""What need not be wrong in a run and mostly is, said before it starts."""

from __future__ import annotations

from typing import Any

from rtt.relevance.config import DiscriminatorServerSource, DiscriminatorSource
from rtt.train.advantage import Credit

__all__ = ["noise_hint"]

_NORMALISED = ("intra", "baseline_intra")
"""Schemes that divide relevances by their spread over a response."""


def noise_hint(relevance: Any, credit: Credit) -> str | None:
    """What to say where a discriminator's noise would be stretched to full strength.

    On a response without a relevant token it tells about 1e-5 everywhere, not exact zeros; divided
    by its spread that becomes credit like any other (measured: docs/experiments.md).

    Args:
        relevance: Settings of the relevance source.
        credit: How it becomes credit.
    """
    learned = isinstance(relevance, DiscriminatorSource | DiscriminatorServerSource)
    guarded = credit.floor > 0 or credit.threshold > 0
    if not learned or guarded or credit.scheme not in _NORMALISED:
        return None
    return (
        "credit.floor is 0: where a response has no relevant token, a discriminator's noise earns "
        "credit at full strength; credit.floor=0.05 ends that"
    )
