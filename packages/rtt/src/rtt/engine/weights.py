"""The policy's weights as a plain checkpoint names them, for an engine that has its own copy.

In: a policy, with or without LoRA adapters. Out: whole tensors by name. Adapters are added to the
weights they sit on; the policy itself is not touched.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rtt.policy.tiny import Policy

__all__ = ["merge_into_base", "policy_weights"]

_BASE = ".base_layer."
_ADAPTER = ".lora_"


def policy_weights(policy: Policy) -> Iterator[tuple[str, Tensor]]:
    """Every weight once, under its name in the checkpoint; a tied head is left out.

    Args:
        policy: Its parameters must be whole, not the shards of one process.

    Yields:
        Name and tensor, detached; a tensor with adapters on it is a new one.
    """
    adapted = {
        f"{name}.base_layer.weight": module
        for name, module in policy.model.named_modules()
        if hasattr(module, "get_delta_weight")
    }
    for name, parameter in policy.model.named_parameters():
        if _ADAPTER in name:
            continue
        tensor = parameter.detach()
        if (module := adapted.get(name)) is not None:
            for adapter in module.active_adapters:
                tensor = tensor + module.get_delta_weight(adapter).detach().to(tensor)
        yield name.replace(_BASE, "."), tensor


@torch.no_grad()
def merge_into_base(policy: Policy) -> dict[str, Tensor]:
    """Add a policy's adapters to the weights they sit on, and set them to zero.

    Returns:
        Its weights by the names of `policy_weights`: the parameters themselves, so that what is
        written into them is what the policy computes with.
    """
    whole = dict(policy_weights(policy))
    own: dict[str, Tensor] = {}
    for name, parameter in policy.model.named_parameters():
        if _ADAPTER in name:
            parameter.zero_()
            continue
        plain = name.replace(_BASE, ".")
        own[plain] = parameter.detach()
        own[plain].copy_(whole[plain])
    return own
