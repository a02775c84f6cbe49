"""Policies: the model that is trained, and its log-probabilities."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.policy.logprobs import response_logprobs
    from rtt.policy.tiny import Policy, TinyPolicy

__all__ = ["Policy", "TinyPolicy", "response_logprobs"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Policy": "rtt.policy.tiny",
        "TinyPolicy": "rtt.policy.tiny",
        "response_logprobs": "rtt.policy.logprobs",
    },
)
