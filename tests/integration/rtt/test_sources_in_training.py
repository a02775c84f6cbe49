"""What a job names is what it trains with: relevance sources, and a judge that fails."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from lmcommon.errors import UserError
from lmcommon.judge.base import JudgeItem
from lmcommon.judge.types import Verdict
from rtt.discriminator import TinyDiscriminator
from rtt.policy import TinyPolicy
from rtt.relevance import ContrastSource, DiscriminatorSource, RandomSource, UniformSource
from rtt.relevance.config import RelevanceSettings
from rtt.run.method import Job, run_job
from rtt.tasks import WordsTask
from rtt.train import Credit, LocalTrainer, TrainSettings, WarmStart
from rtt.train.scoring import Scorer
from rtt.verdicts import JudgedVerdicts, WatchedVerdicts

TASK = WordsTask()
SMALL = TrainSettings(steps=2, prompts=4, samples=4, eval_every=2, heldout=4, record_every=1)
SLOW_START = Credit(scheme="cort", weight=1.0, warmup=1)


def rows(
    folder: Path, relevance: RelevanceSettings | None, credit: Credit | None = None
) -> list[dict[str, Any]]:
    """Metrics of the steps of a job."""
    run_job(
        Job(
            seed=3, task=TASK, policy=TinyPolicy(hidden=32), credit=credit or Credit(),
            warm_start=WarmStart(steps=3, check_every=2, check_prompts=4, batch=4), train=SMALL,
            folder=folder, relevance=relevance,
        )
    )  # fmt: skip
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines][1:]


def test_spans_are_the_default_and_random_relevance_is_random(tmp_path: Path) -> None:
    spans, drawn = rows(tmp_path / "a", None), rows(tmp_path / "b", RandomSource(seed=1))
    inner = [f"relevance_bin_{i}" for i in range(1, 9)]
    assert all(spans[0][name] == 0 for name in inner), "spans are zeros and ones"
    assert all(drawn[0][name] > 0.05 for name in inner), "a draw falls anywhere"


def test_uniform_relevance_trains_like_no_token_credit(tmp_path: Path) -> None:
    uniform = rows(tmp_path / "a", UniformSource(), Credit(reward="csr"))
    plain = rows(tmp_path / "b", None, Credit(scheme="none", reward="csr"))
    assert [row["loss"] for row in uniform] == [row["loss"] for row in plain]
    assert [row["grad_norm"] for row in uniform] == [row["grad_norm"] for row in plain]


def test_policy_contrast_scores_with_the_policy_of_the_run(tmp_path: Path) -> None:
    told = rows(tmp_path, ContrastSource(whole=True), SLOW_START)
    assert told[0]["token_weight"] == 0
    assert told[0]["token_advantage_abs"] == 0
    assert told[1]["token_weight"] == 1
    assert 0.2 < told[1]["relevance_mean"] < 0.8
    assert told[1]["token_row_sum_max"] < 1e-4
    assert all(value == value for row in told for value in row.values())


def test_a_saved_discriminator_gives_the_relevances(tmp_path: Path) -> None:
    texts = [c.text for row, _ in zip(TASK.prompts("train", 1), range(50), strict=False)
             for c in row.rubric.criteria]  # fmt: skip
    TinyDiscriminator(hidden=32).build([*texts, *TASK.words], seed=1).save(tmp_path / "model")
    told = rows(tmp_path / "run", DiscriminatorSource(folder=str(tmp_path / "model")))
    assert told[0]["relevance_active"] > 0.9
    assert 0 < told[0]["relevance_mean"] < 1


class Down:
    """A judge that cannot be reached."""

    identity: Mapping[str, Any] = {"kind": "down"}

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        return [Verdict.unscored("no route to the judge") for _ in items]


def trainer(**watch: Any) -> LocalTrainer:
    source = WatchedVerdicts(source=JudgedVerdicts(Down()), **watch)
    return LocalTrainer(
        policy=TinyPolicy(hidden=32).build(TASK.tokens, seed=0), task=TASK, credit=Credit(),
        settings=SMALL, seed=7, scorer=Scorer(verdicts=source),
    )  # fmt: skip


def test_with_the_judge_down_a_step_leaves_the_policy_alone_and_counts() -> None:
    subject = trainer(patience=9)
    before = [weight.clone() for weight in subject.policy.model.parameters()]
    row = subject.take_step()
    after = subject.policy.model.parameters()
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert row["unscored"] == 16
    assert row["verdicts_unscored"] == 48
    assert row["verdicts_program"] == row["verdicts_judge"] == 0


def test_with_the_judge_down_for_long_the_run_stops() -> None:
    subject = trainer(patience=2)
    subject.take_step()
    with pytest.raises(UserError, match="no route to the judge"):
        subject.take_step()
