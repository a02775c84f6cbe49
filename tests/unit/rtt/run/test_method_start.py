"""What a training run starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from rtt.policy import TinyPolicy
from rtt.policy.tiny import Policy
from rtt.run.method import Job, blank_policy, make_base
from rtt.tasks import WordsTask
from rtt.train import Credit, TrainSettings, WarmStart
from rtt.train.scoring import Scorer


@dataclass
class Other:
    """Settings of a policy that comes with weights of its own."""

    def build(self, words: Sequence[str] = (), *, seed: int = 0) -> Policy:
        return TinyPolicy(hidden=16, layers=1, heads=2).build(words, seed=seed)


def job(policy: TinyPolicy | Other, folder: Path) -> Job:
    return Job(
        seed=3, task=WordsTask(), policy=policy, credit=Credit(), scorer=Scorer(),
        warm_start=WarmStart(steps=2, check_prompts=4, batch=4), train=TrainSettings(),
        folder=folder,
    )  # fmt: skip


def moved(job: Job) -> bool:
    before, after = blank_policy(job).model, make_base(job).model
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    return any(not torch.equal(one, other) for one, other in pairs)


def test_a_tiny_policy_gets_a_warm_start(tmp_path: Path) -> None:
    assert moved(job(TinyPolicy(hidden=16, layers=1, heads=2), tmp_path))


def test_a_policy_with_weights_of_its_own_starts_as_it_is(tmp_path: Path) -> None:
    assert not moved(job(Other(), tmp_path))
