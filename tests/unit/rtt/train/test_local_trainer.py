"""The loop on a very small policy: steps, resume, unscored samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.policy import Policy, TinyPolicy
from rtt.run.method import Job, keep_rows, run_job, steps_to
from rtt.tasks import WordsTask
from rtt.train import Credit, LocalTrainer, TrainSettings, UpdateSettings, WarmStart
from rtt.train.bootstrap import mean_interval
from rtt.train.local.packing import train_rows
from rtt.train.local.update import update
from rtt.train.scoring import score_tensors
from rtt.types import Rollout, ScoredGroup, ScoredRollout

TASK = WordsTask()
SMALL = TrainSettings(
    steps=4, prompts=4, samples=4, eval_every=2, heldout=8, checkpoint_every=2
)  # fmt: skip


def trainer(credit: Credit | None = None, settings: TrainSettings = SMALL) -> LocalTrainer:
    return LocalTrainer(
        policy=TinyPolicy(hidden=32).build(TASK.tokens, seed=0),
        task=TASK, credit=credit or Credit(), settings=settings, seed=7,
    )  # fmt: skip


def timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.endswith("_s")}


def test_a_step_reports_what_the_docs_promise() -> None:
    row = trainer().take_step()
    expected = {
        "step", "reward", "all_satisfied", "satisfied_rate", "by_kind", "unscored", "length",
        "token_over_response", "groups_without_response_signal", "groups_without_token_signal",
        "groups_without_signal", "token_row_sum_max", "loss", "grad_norm", "entropy",
        "clip_fraction_high", "clip_fraction_low", "approx_kl", "tokens_per_s", "optimiser_steps",
        "clipped_positive_relevant", "clipped_positive_irrelevant", "clipped_negative_relevant",
        "clipped_negative_irrelevant", "packed_fraction", "padded_fraction", "rows_trained",
        "rows_left_out",
        "rollout_s", "verdict_s", "relevance_s", "credit_s", "update_s",
    }  # fmt: skip
    assert expected <= row.keys()
    assert row["token_row_sum_max"] < 1e-4


def test_the_first_minibatch_is_on_policy() -> None:
    one = TrainSettings(
        steps=1, prompts=4, samples=4, heldout=8, update=UpdateSettings(minibatches=1)
    )
    row = trainer(settings=one).take_step()
    assert abs(row["approx_kl"]) < 1e-6
    assert row["clip_fraction_high"] == row["clip_fraction_low"] == 0


@pytest.mark.parametrize("scheme", ["none", "intra", "inter", "mean_then_group", "softmax_share"])
@pytest.mark.parametrize("reward", ["aon", "csr", "csr_signed"])
def test_every_scheme_takes_a_step(scheme: str, reward: str) -> None:
    subject = trainer(Credit(scheme=scheme, reward=reward))
    row = subject.take_step()
    assert row["step"] == 1
    assert all(torch.isfinite(p).all() for p in subject.policy.model.parameters())


def test_weight_zero_trains_exactly_as_plain_grpo() -> None:
    plain = trainer(Credit(scheme="none", reward="csr"))
    zero = trainer(Credit(scheme="intra", reward="csr", weight=0.0))
    for subject in (plain, zero):
        subject.take_step()
        subject.take_step()
    pairs = zip(plain.policy.model.parameters(), zero.policy.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_run_resumed_from_a_checkpoint_has_the_metrics_of_an_uninterrupted_one(
    tmp_path: Path,
) -> None:
    whole: list[dict[str, Any]] = []
    list(trainer().run(record=lambda row: whole.append(dict(row))))
    first = trainer()
    first.take_step()
    first.take_step()
    first.save(tmp_path / "checkpoint.pt")
    second = trainer()
    second.load(tmp_path / "checkpoint.pt")
    rest: list[dict[str, Any]] = []
    list(second.run(record=lambda row: rest.append(dict(row))))
    assert [timeless(row) for row in rest] == [timeless(row) for row in whole[3:]]


def test_a_job_whose_later_rows_were_lost_in_a_kill_ends_the_same(tmp_path: Path) -> None:
    """Kill after step 3 with a checkpoint at step 2: step 3 is taken again, once in the file."""

    class KilledError(Exception):
        pass

    def job(folder: Path) -> Job:
        return Job(
            seed=3, task=TASK, policy=TinyPolicy(hidden=32),
            warm_start=WarmStart(steps=3, check_every=2, check_prompts=4, batch=4),
            credit=Credit(), train=SMALL, folder=folder,
        )  # fmt: skip

    def dying(steps: Any, *_: object) -> Any:
        for step in steps:
            if step == 3:
                raise KilledError
            yield step

    whole = run_job(job(tmp_path / "whole"))
    with pytest.raises(KilledError):
        run_job(job(tmp_path / "killed"), progress=dying)
    resumed = run_job(job(tmp_path / "killed"))
    assert resumed.per_prompt == whole.per_prompt
    rows = [
        [timeless(row) for row in _rows(tmp_path / name / "metrics.jsonl")]
        for name in ("whole", "killed")
    ]
    assert [row["step"] for row in rows[0]] == [0, 1, 2, 3, 4]
    assert rows[0] == rows[1]
    assert run_job(job(tmp_path / "whole")) == whole


def _rows(path: Path) -> list[dict[str, Any]]:
    import json

    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_after_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    from lmcommon.runlog import Run

    run = Run(tmp_path)
    for step in range(5):
        run.metrics({"step": step})
    keep_rows(run, 2)
    assert [row["step"] for row in run.read("metrics")] == [0, 1, 2]


def test_a_checkpoint_of_another_policy_is_refused(tmp_path: Path) -> None:
    trainer().save(tmp_path / "checkpoint.pt")
    other = LocalTrainer(
        policy=TinyPolicy(hidden=64).build(TASK.tokens, seed=0),
        task=TASK, credit=Credit(), settings=SMALL, seed=7,
    )  # fmt: skip
    with pytest.raises(UserError, match="expected a checkpoint of this policy"):
        other.load(tmp_path / "checkpoint.pt")


@pytest.fixture
def judged() -> list[ScoredGroup]:
    """A group of two: one sample scored on one criterion, one not scored at all."""
    criteria = (Criterion(id="a", text="polite"), Criterion(id="b", text="short"))
    prompt = RubricPrompt(id="p", prompt="start amber :", rubric=Rubric(criteria))
    failed = Verdict.unscored("judge down")
    rollout = Rollout(
        prompt_id="p", tokens=(5, 6), logprobs=(-1.0, -1.0), text="birch coral",
        offsets=((0, 5), (5, 11)),
    )  # fmt: skip
    samples = tuple(
        ScoredRollout(rollout=rollout, verdicts=verdicts, relevance=((1.0, 0.0), (0.0, 1.0)))
        for verdicts in ((Verdict(satisfied=True), failed), (failed, failed))
    )
    return [ScoredGroup(prompt=prompt, samples=samples)]


def test_unscored_verdicts_are_masked_and_counted(judged: list[ScoredGroup]) -> None:
    scores = score_tensors(judged)
    assert scores.criterion_mask_BR.tolist() == [[1, 0], [0, 0]]
    advantage, metrics = Credit().advantages(scores, 2)
    assert not advantage[1].any()
    assert advantage[0].tolist() == pytest.approx([0.5, -0.5], abs=1e-5)
    assert metrics["unscored"] == 1
    assert metrics["unscored_criteria"] == 3
    assert metrics["reward"] == 1.0


def test_a_batch_without_any_verdict_leaves_the_policy_alone(judged: list[ScoredGroup]) -> None:
    policy: Policy = TinyPolicy(hidden=32).build(TASK.tokens, seed=0)
    optimiser = torch.optim.AdamW(policy.model.parameters())
    before = [p.clone() for p in policy.model.parameters()]
    nothing = [ScoredGroup(prompt=judged[0].prompt, samples=(judged[0].samples[1],) * 2)]
    advantage, _ = Credit().advantages(score_tensors(nothing), 2)
    rows = train_rows(policy, nothing, advantage, advantage > 0)
    measured = update(policy, optimiser, rows, UpdateSettings())
    assert measured == {"optimiser_steps": 0.0}
    pairs = zip(before, policy.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Credit(scheme="intro"), "credit.scheme: expected one of none, intra"),
        (lambda: Credit(reward="all"), "credit.reward: expected one of aon, csr"),
        (lambda: TrainSettings(prompts=0), "train.prompts"),
        (lambda: UpdateSettings(aggregation="mean"), "train.update.aggregation"),
        (lambda: WarmStart(batch=0), "warm_start.batch"),
    ],
)
def test_bad_settings_name_the_key(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


def test_steps_to_is_the_first_crossing() -> None:
    points = [(0, 0.0), (20, 0.3), (40, 0.1)]
    assert steps_to(points, 0.2) == 20
    assert steps_to(points, 0.5) is None


def test_the_bootstrap_interval_holds_the_mean_and_is_repeatable() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0] * 10
    low, high = mean_interval(values, seed=3)
    assert low < 0.6 < high
    assert (low, high) == mean_interval(values, seed=3)
