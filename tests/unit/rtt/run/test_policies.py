"""Which weights a policy is sampled with: those of a run, of a warm start, or its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lmcommon.errors import UserError
from lmcommon.extras import is_available
from lmcommon.testing.tiny_lm import make_tiny_lm
from rtt.engine.drawing import Sampling
from rtt.engine.weights import policy_weights
from rtt.policy.pretrained import LoraSettings, PretrainedPolicy
from rtt.policy.tiny import Policy, TinyPolicy
from rtt.run.policies import open_policy, weights_of
from rtt.tasks.words import WordsTask
from rtt.train.warm import WarmStart


@dataclass
class Settings:
    policy: Any
    checkpoint: str | None = None
    seed: int = 0
    sampler: Any = None
    sampling: Sampling = field(default_factory=Sampling)
    warm_start: WarmStart = field(default_factory=lambda: WarmStart(steps=2, check_prompts=2))


def numbers(policy: Policy) -> torch.Tensor:
    return torch.cat([one.flatten() for _, one in sorted(policy_weights(policy))])


@pytest.fixture
def pretrained(tmp_path: Path) -> PretrainedPolicy:
    make_tiny_lm(tmp_path / "lm")
    return PretrainedPolicy(path=str(tmp_path / "lm"))


def exported(folder: Path, policy: PretrainedPolicy) -> Policy:
    """A run of engine=trl that moved the weights, as `transformers` leaves it."""
    trained = policy.build()
    with torch.no_grad():
        for parameter in trained.model.parameters():
            parameter.add_(0.5)
    last = folder / "trl" / "checkpoint-3"
    trained.model.save_pretrained(last)
    trained.tokenizer.save_pretrained(last)
    (last / "trainer_state.json").write_text("{}", encoding="utf-8")
    (folder / "trl" / "checkpoint-9").mkdir()  # a kill left a part of one
    return trained


def test_a_pretrained_policy_is_not_trained_before_it_is_measured(
    pretrained: PretrainedPolicy,
) -> None:
    alone = open_policy(Settings(pretrained), None)
    beside_a_task = open_policy(Settings(pretrained), WordsTask())
    assert torch.equal(numbers(alone), numbers(beside_a_task))


def test_the_last_weights_of_a_run_of_trl_are_taken(
    pretrained: PretrainedPolicy, tmp_path: Path
) -> None:
    trained = exported(tmp_path / "run", pretrained)
    opened = open_policy(Settings(pretrained, str(tmp_path / "run")), None)
    assert torch.equal(numbers(opened), numbers(trained))
    assert weights_of(str(tmp_path / "run")) == tmp_path / "run/trl/checkpoint-3"


@pytest.mark.skipif(not is_available("peft"), reason="needs rtt-llm[trl]")
def test_adapters_of_a_run_of_trl_are_put_on_the_model_they_belong_to(
    pretrained: PretrainedPolicy, tmp_path: Path
) -> None:
    settings = replace(pretrained, lora=LoraSettings(rank=2))
    import peft

    whole = pretrained.load()
    model = peft.get_peft_model(whole.model, settings.adapters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.fill_(0.25)
    last = tmp_path / "run" / "trl" / "checkpoint-1"
    model.save_pretrained(last)
    whole.tokenizer.save_pretrained(last)
    (last / "trainer_state.json").write_text("{}", encoding="utf-8")
    opened = open_policy(Settings(settings, str(tmp_path / "run")), None)
    assert torch.allclose(numbers(opened), numbers(whole))
    assert not torch.allclose(numbers(opened), numbers(pretrained.load()))


def test_a_folder_without_a_checkpoint_and_a_policy_of_another_kind_are_refused(
    pretrained: PretrainedPolicy, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="expected a run folder of rtt-train with a checkpoint"):
        open_policy(Settings(pretrained, str(tmp_path)), None)
    exported(tmp_path / "run", pretrained)
    with pytest.raises(UserError, match="expected policy=pretrained for a run of engine=trl"):
        open_policy(Settings(TinyPolicy(), str(tmp_path / "run")), WordsTask())
