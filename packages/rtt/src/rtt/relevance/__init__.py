"""Relevance: how much each token decides a criterion, one source behind one protocol.

In: a criterion, its verdict and the rollout. Out: one number in [0, 1] a token.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.relevance.discriminator import DiscriminatorRelevance, DiscriminatorSource
    from rtt.relevance.offsets import spans_to_tokens
    from rtt.relevance.sources import (
        RandomRelevance,
        RelevanceItem,
        RelevanceSource,
        SpanRelevance,
        UniformRelevance,
    )

__all__ = [
    "DiscriminatorRelevance", "DiscriminatorSource", "RandomRelevance", "RelevanceItem",
    "RelevanceSource", "SpanRelevance", "UniformRelevance", "spans_to_tokens",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "DiscriminatorRelevance": "rtt.relevance.discriminator",
        "DiscriminatorSource": "rtt.relevance.discriminator",
        "spans_to_tokens": "rtt.relevance.offsets",
        **dict.fromkeys(
            (
                "RandomRelevance",
                "RelevanceItem",
                "RelevanceSource",
                "SpanRelevance",
                "UniformRelevance",
            ),
            "rtt.relevance.sources",
        ),
    },
)
