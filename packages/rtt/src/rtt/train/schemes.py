"""The credit schemes by name: which function computes each, and which settings it takes.

A scheme is a pure function in `rtt.credit`; here it gets the name by which a configuration asks
for it. A setting that a scheme would ignore is listed nowhere beside it, and so refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from torch import Tensor

from rtt.credit.baselines import baseline_intra, baseline_times_relevance
from rtt.credit.tokens import inter_sample, intra_sample, mean_then_group, softmax_share

__all__ = ["ALL_OPTIONS", "OPTIONS", "TOKEN_SCHEMES", "Scheme"]

Scheme = Literal[
    "none", "intra", "inter", "mean_then_group", "softmax_share", "baseline_intra",
    "baseline_times_relevance", "gdpo", "two_channel", "cort",
]  # fmt: skip

TOKEN_SCHEMES: Mapping[str, Callable[..., Tensor]] = MappingProxyType(
    {
        "intra": intra_sample, "inter": inter_sample, "mean_then_group": mean_then_group,
        "softmax_share": softmax_share, "baseline_intra": baseline_intra,
        "baseline_times_relevance": baseline_times_relevance,
    }
)  # fmt: skip
_ANY_TOKENS = frozenset(
    {"threshold", "binarise", "clip", "exclude_eos", "warmup", "criterion_weights"}
)
OPTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "none": frozenset(),
        "intra": _ANY_TOKENS | {"floor", "skip_constant"},
        "inter": _ANY_TOKENS | {"floor", "skip_constant"},
        "mean_then_group": _ANY_TOKENS | {"floor"},
        "softmax_share": _ANY_TOKENS,
        "baseline_intra": _ANY_TOKENS | {"floor", "skip_constant"},
        "baseline_times_relevance": _ANY_TOKENS | {"skip_constant", "spread"},
        "gdpo": frozenset({"criterion_weights", "batch_normalise"}),
        "two_channel": frozenset({"soft_weight"}),
        "cort": frozenset({"threshold", "binarise", "warmup", "criterion_weights"}),
    }
)  # fmt: skip
"""What can be set beside each scheme, beyond reward, combine, weight and eps."""

ALL_OPTIONS: frozenset[str] = frozenset[str]().union(*OPTIONS.values())
"""Settings that not every scheme takes."""
