"""Relevance: how much each token decides a criterion, many sources behind one protocol.

In: a criterion, its verdict and the rollout. Out: one number in [0, 1] a token.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.relevance.config import (
        RELEVANCE_SCHEMAS,
        ContrastSource,
        DiscriminatorServerSource,
        DiscriminatorSource,
        RandomSource,
        SpanSource,
        UniformSource,
    )
    from rtt.relevance.contrast import PolicyContrast, PolicyScorer, drop_criteria
    from rtt.relevance.discriminator import DiscriminatorRelevance
    from rtt.relevance.offsets import chars_to_relevance, spans_to_tokens
    from rtt.relevance.policy_scores import PolicyScores
    from rtt.relevance.sources import (
        RandomRelevance,
        RelevanceItem,
        RelevanceSource,
        SpanRelevance,
        UniformRelevance,
    )

__all__ = [
    "RELEVANCE_SCHEMAS", "ContrastSource", "DiscriminatorRelevance", "DiscriminatorServerSource",
    "DiscriminatorSource", "PolicyContrast", "PolicyScorer", "PolicyScores", "RandomRelevance",
    "RandomSource", "RelevanceItem", "RelevanceSource", "SpanRelevance", "SpanSource",
    "UniformRelevance", "UniformSource", "chars_to_relevance", "drop_criteria", "spans_to_tokens",
]  # fmt: skip

_ROOMS = {
    "config": (
        "RELEVANCE_SCHEMAS", "ContrastSource", "DiscriminatorServerSource", "DiscriminatorSource",
        "RandomSource", "SpanSource", "UniformSource",
    ),
    "contrast": ("PolicyContrast", "PolicyScorer", "drop_criteria"),
    "discriminator": ("DiscriminatorRelevance",),
    "offsets": ("chars_to_relevance", "spans_to_tokens"),
    "policy_scores": ("PolicyScores",),
    "sources": (
        "RandomRelevance", "RelevanceItem", "RelevanceSource", "SpanRelevance", "UniformRelevance",
    ),
}  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__, {name: f"rtt.relevance.{room}" for room, names in _ROOMS.items() for name in names}
)
