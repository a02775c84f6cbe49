"""Settings of the rollout engines, one class each: the group `sampler` of the verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from lmcommon.extras import is_available
from rtt.engine.base import RolloutEngine, RolloutSettings
from rtt.engine.copied import CopiedSampler
from rtt.engine.drawing import Sampling
from rtt.engine.sampler import Sampler
from rtt.engine.vllm import VllmRolloutsSettings
from rtt.engine.vllm_server import VllmServerRolloutsSettings
from rtt.policy.tiny import Policy

__all__ = ["SAMPLER_SCHEMAS", "AutoRolloutsSettings", "TransformersRolloutsSettings",
           "auto_takes_vllm"]  # fmt: skip


@dataclass(kw_only=True)
class TransformersRolloutsSettings:
    """The policy itself samples, by `transformers`; no second copy of the weights."""

    copy: bool = False
    """Sample from a copy of the weights, so that the next batch can be drawn during an update."""

    def build(
        self, policy: Policy, *, max_tokens: int, sampling: Sampling, row_budget: int, seed: int
    ) -> RolloutEngine:
        """The sampler of a policy; see `RolloutSettings.build`."""
        chosen = CopiedSampler if self.copy else Sampler
        return chosen(policy, max_tokens, sampling, row_budget=row_budget)


@dataclass(kw_only=True)
class AutoRolloutsSettings:
    """vLLM in this process, if this is the only one, on a GPU, where it is installed; else
    `transformers`.
    """

    def build(
        self, policy: Policy, *, max_tokens: int, sampling: Sampling, row_budget: int, seed: int
    ) -> RolloutEngine:
        """The engine that suits this machine; see `RolloutSettings.build`."""
        chosen: RolloutSettings = TransformersRolloutsSettings()
        if auto_takes_vllm(policy):
            chosen = VllmRolloutsSettings()
        return chosen.build(
            policy, max_tokens=max_tokens, sampling=sampling, row_budget=row_budget, seed=seed
        )


def auto_takes_vllm(
    policy: Policy,
    *,
    has_cuda: bool | None = None,
    has_vllm: bool | None = None,
    is_shared: bool | None = None,
) -> bool:
    """Whether `auto` is vLLM in this process.

    Args:
        policy: One that was never in a folder is tiny: vLLM would take longer to start than it
            saves, and has no kernels for such small heads.
        has_cuda: Whether there is a CUDA device; None: have a look.
        has_vllm: Whether vLLM is installed; None: have a look.
        is_shared: Whether several processes run together, which cannot have an engine each; None:
            have a look.
    """
    if is_shared is None:
        is_shared = torch.distributed.is_available() and torch.distributed.is_initialized()
    has_vllm = is_available("vllm") if has_vllm is None else has_vllm
    has_cuda = torch.cuda.is_available() if has_cuda is None else has_cuda
    return bool(policy.model.name_or_path) and has_cuda and has_vllm and not is_shared


SAMPLER_SCHEMAS: Mapping[str, type] = MappingProxyType(
    {
        "auto": AutoRolloutsSettings,
        "transformers": TransformersRolloutsSettings,
        "vllm": VllmRolloutsSettings,
        "vllm_server": VllmServerRolloutsSettings,
    }
)
