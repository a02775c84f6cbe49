"""Policies: the model that is trained, and its log-probabilities."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.policy.asking import asked
    from rtt.policy.fused import FusedLoss, fused_policy_loss, fused_token_loss
    from rtt.policy.logprobs import response_logprobs, token_logprobs
    from rtt.policy.pretrained import LoraSettings, PretrainedPolicy
    from rtt.policy.softmax import HeadForm
    from rtt.policy.tiny import Policy, TinyPolicy

__all__ = [
    "FusedLoss", "HeadForm", "LoraSettings", "Policy", "PretrainedPolicy", "TinyPolicy", "asked",
    "fused_policy_loss", "fused_token_loss", "response_logprobs", "token_logprobs",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "asked": "rtt.policy.asking",
        "Policy": "rtt.policy.tiny",
        "LoraSettings": "rtt.policy.pretrained",
        "PretrainedPolicy": "rtt.policy.pretrained",
        "TinyPolicy": "rtt.policy.tiny",
        "response_logprobs": "rtt.policy.logprobs",
        "token_logprobs": "rtt.policy.logprobs",
        "HeadForm": "rtt.policy.softmax",
        "FusedLoss": "rtt.policy.fused",
        "fused_policy_loss": "rtt.policy.fused",
        "fused_token_loss": "rtt.policy.fused",
    },
)
