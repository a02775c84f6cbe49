"""A sampler on a copy of the policy follows it, with adapters too."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from rtt.engine.copied import CopiedSampler
from rtt.engine.sampler import Sampler
from rtt.engine.weights import merge_into_base, policy_weights
from rtt.policy.tiny import Policy, TinyPolicy
from rtt.tasks import WordsTask
from rtt.types import Group

TASK = WordsTask()


def adapted() -> Policy:
    """A tiny policy with LoRA adapters that do something already."""
    peft = pytest.importorskip("peft")
    policy = TinyPolicy(hidden=32).build(TASK.tokens, seed=0)
    settings = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    peft.get_peft_model(policy.model, settings)
    move(policy, seed=1)
    return policy


def move(policy: Policy, *, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in policy.model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))


def drawn(engine: Sampler | CopiedSampler) -> list[tuple[int, ...]]:
    prompts = list(islice(TASK.prompts("train", 5), 3))
    groups: list[Group] = engine.sample(prompts, samples=3, seed=0)
    return [rollout.tokens for group in groups for rollout in group.rollouts]


def test_a_copy_begins_with_the_adapters_added() -> None:
    policy = adapted()
    assert drawn(CopiedSampler(policy, 12)) == drawn(Sampler(policy, 12))


def test_a_copy_stands_still_until_it_is_told_and_then_follows_adapters() -> None:
    policy = adapted()
    copied, before = CopiedSampler(policy, 12), drawn(Sampler(policy, 12))
    move(policy, seed=2)
    assert drawn(copied) == before
    copied.update(policy_weights(policy), version=1)
    after = drawn(copied)
    assert after == drawn(Sampler(policy, 12))
    assert after != before


def test_merging_leaves_parameters_that_the_policy_computes_with() -> None:
    policy = adapted()
    before = {name: tensor.clone() for name, tensor in policy_weights(policy)}
    own = merge_into_base(policy)
    assert own.keys() == before.keys()
    for name, tensor in policy_weights(policy):
        assert torch.equal(tensor, before[name]), name
        own[name].fill_(1.0)
    for name, tensor in policy_weights(policy):
        assert bool((tensor == 1).all()), name
