"""Policies: the model that is trained, its log-probabilities, and where it starts from."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.policy.logprobs import response_logprobs
    from rtt.policy.tiny import Policy, TinyPolicy
    from rtt.policy.warm import WarmStart

__all__ = ["Policy", "TinyPolicy", "WarmStart", "response_logprobs"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Policy": "rtt.policy.tiny",
        "TinyPolicy": "rtt.policy.tiny",
        "WarmStart": "rtt.policy.warm",
        "response_logprobs": "rtt.policy.logprobs",
    },
)
