"""Credit: from verdicts and relevances to a per-token advantage. Pure functions of tensors.

Shapes: `G` samples a prompt, `R` criteria, `T` response tokens, `B = P*G` rows with the samples
of one prompt next to each other. Tensors or rectangular nested lists come in (ragged data is
padded and masked); a float64 tensor among the inputs gives float64, everything else float32.

The path of one batch::

    reward_B    = aggregate(verdict_BR, "aon")                     # paper eq. 2-3
    advantage_B = response_advantage(reward_B, group_size=8)
    credit_BT   = intra_sample(relevance_BRT, signed_BR, mask_BT)  # paper section 4.2.2
    advantage_BT = combine(advantage_B, credit_BT, mask_BT)        # paper eq. 7
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.credit.baselines import baseline_intra, baseline_times_relevance, gdpo
    from rtt.credit.controls import contrast_weights, reweigh, two_channel
    from rtt.credit.limits import clip_credit, ramp, threshold_relevance
    from rtt.credit.mixing import combine
    from rtt.credit.response import aggregate, criterion_advantage, response_advantage
    from rtt.credit.tokens import (
        inter_sample,
        intra_sample,
        mean_then_group,
        softmax_share,
        token_reward,
    )

__all__ = [
    "aggregate", "baseline_intra", "baseline_times_relevance", "clip_credit", "combine",
    "contrast_weights", "criterion_advantage", "gdpo", "inter_sample", "intra_sample",
    "mean_then_group", "ramp", "response_advantage", "reweigh", "softmax_share",
    "threshold_relevance", "token_reward", "two_channel",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "aggregate": "rtt.credit.response",
        "criterion_advantage": "rtt.credit.response",
        "baseline_intra": "rtt.credit.baselines",
        "baseline_times_relevance": "rtt.credit.baselines",
        "gdpo": "rtt.credit.baselines",
        "contrast_weights": "rtt.credit.controls",
        "reweigh": "rtt.credit.controls",
        "two_channel": "rtt.credit.controls",
        "clip_credit": "rtt.credit.limits",
        "ramp": "rtt.credit.limits",
        "threshold_relevance": "rtt.credit.limits",
        "response_advantage": "rtt.credit.response",
        "token_reward": "rtt.credit.tokens",
        "intra_sample": "rtt.credit.tokens",
        "inter_sample": "rtt.credit.tokens",
        "mean_then_group": "rtt.credit.tokens",
        "softmax_share": "rtt.credit.tokens",
        "combine": "rtt.credit.mixing",
    },
)
