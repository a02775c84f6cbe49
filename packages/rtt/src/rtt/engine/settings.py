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

__all__ = ["SAMPLER_SCHEMAS", "AutoRolloutsSettings", "TransformersRolloutsSettings"]


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
    """vLLM in this process on a GPU, where it is installed; else `transformers`."""

    def build(
        self, policy: Policy, *, max_tokens: int, sampling: Sampling, row_budget: int, seed: int
    ) -> RolloutEngine:
        """The engine that suits this machine; see `RolloutSettings.build`."""
        chosen: RolloutSettings = TransformersRolloutsSettings()
        if torch.cuda.is_available() and is_available("vllm"):
            chosen = VllmRolloutsSettings()
        return chosen.build(
            policy, max_tokens=max_tokens, sampling=sampling, row_budget=row_budget, seed=seed
        )


SAMPLER_SCHEMAS: Mapping[str, type] = MappingProxyType(
    {
        "auto": AutoRolloutsSettings,
        "transformers": TransformersRolloutsSettings,
        "vllm": VllmRolloutsSettings,
        "vllm_server": VllmServerRolloutsSettings,
    }
)
