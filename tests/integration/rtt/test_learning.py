"""The policy learns: a short run on one core raises reward and held-out rate well above chance."""

import pytest

from rtt.policy import TinyPolicy
from rtt.tasks import WordsTask
from rtt.train import Credit, LocalTrainer, TrainSettings, WarmStart


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["none", "intra"])
def test_sixty_steps_raise_the_satisfied_rate(scheme: str) -> None:
    task = WordsTask()
    policy = TinyPolicy().build(task.tokens, seed=0)
    WarmStart().run(policy, task, seed=0)
    trainer = LocalTrainer(
        policy=policy,
        task=task,
        credit=Credit(scheme=scheme, reward="csr"),
        settings=TrainSettings(steps=60),
        seed=0,
    )
    before = trainer.evaluate(samples=4)
    rewards = [row["reward"] for row in trainer.steps()]
    after = trainer.evaluate(samples=4)
    assert before.all_satisfied <= 0.05, before.all_satisfied
    assert sum(rewards[-10:]) / 10 > sum(rewards[:10]) / 10 + 0.1, rewards
    assert after.satisfied_rate > before.satisfied_rate + 0.1, (before, after)
    assert after.interval()[0] > before.interval()[1], (before.interval(), after.interval())
