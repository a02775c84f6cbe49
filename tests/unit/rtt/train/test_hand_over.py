"""Processes that share one server: none draws from it before all have handed their weights over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rtt.engine.base import Finished
from rtt.engine.copied import CopiedSampler
from rtt.policy import TinyPolicy
from rtt.tasks import WordsTask
from rtt.train import Credit, LocalTrainer, TrainSettings
from rtt.train.local.parallel import Alone

TASK = WordsTask()


class Heard(Alone):
    """Notes when it would wait for others."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def barrier(self) -> None:
        self.log.append("barrier")


class Told(CopiedSampler):
    """Notes what it is asked."""

    log: list[str]

    def update(self, *args: Any, **named: Any) -> None:
        self.log.append("update")
        super().update(*args, **named)

    def stream(self, *args: Any, **named: Any) -> Iterator[Finished]:
        self.log.append("stream")
        return super().stream(*args, **named)


def test_all_have_handed_over_before_one_draws() -> None:
    log: list[str] = []
    policy = TinyPolicy(hidden=32).build(TASK.tokens, seed=0)
    engine = Told(policy, TASK.max_tokens)
    engine.log = log
    trainer = LocalTrainer(
        policy=policy, task=TASK, credit=Credit(), seed=0, rollouts=engine, parallel=Heard(log),
        settings=TrainSettings(steps=1, prompts=2, samples=2, heldout=2),
    )  # fmt: skip
    trainer.take_step()
    trainer.evaluate()
    assert log == ["update", "barrier", "stream"] * 2
