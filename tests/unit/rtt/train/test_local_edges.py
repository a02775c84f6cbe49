"""What can go wrong in the local engine, and what it says or counts then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Rubric, Verdict
from rtt.policy import TinyPolicy
from rtt.tasks import SketchingTask, Split, Task, WordsTask
from rtt.train import Credit, LocalEngine, LocalTrainer, TrainSettings, UpdateSettings
from rtt.train.clock import Clock
from rtt.train.local.checkpoint import find_checkpoint
from rtt.train.local.packing import TrainRow
from rtt.train.local.update import update
from rtt.train.scoring import Scorer

WORDS = WordsTask()
SMALL = TrainSettings(steps=4, prompts=4, samples=4, heldout=4, eval_every=2)


@dataclass(frozen=True)
class Listed:
    """A task of given prompts."""

    rows: tuple[RubricPrompt, ...]
    max_tokens: int = 8

    def prompts(self, split: Split, seed: int) -> Iterator[RubricPrompt]:
        return iter(self.rows)


class Down:
    """A judge that cannot be reached."""

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        return [
            tuple(Verdict.unscored("judge down") for _ in prompt.rubric.criteria)
            for prompt, _ in items
        ]


def some_prompts(count: int) -> tuple[RubricPrompt, ...]:
    stream = WORDS.prompts("train", 0)
    return tuple(next(stream) for _ in range(count))


def trainer(**changes: Any) -> LocalTrainer:
    return LocalTrainer(
        **{
            "policy": TinyPolicy(hidden=32).build(WORDS.tokens, seed=0),
            "task": WORDS,
            "credit": Credit(),
            "settings": SMALL,
            "seed": 7,
            **changes,
        }
    )


def weights(subject: LocalTrainer) -> list[torch.Tensor]:
    return [one.clone() for one in subject.policy.model.parameters()]


def same(before: list[torch.Tensor], after: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_judge_that_is_down_leaves_the_policy_alone_and_is_counted() -> None:
    subject = trainer(scorer=Scorer(verdicts=Down()))
    before = weights(subject)
    row = subject.take_step()
    assert row["unscored"] == 16
    assert row["optimiser_steps"] == 0
    assert "loss" not in row
    assert same(before, weights(subject))
    assert subject.evaluate().unscored == 4 * 3


def test_prompts_with_an_empty_rubric_are_unscored_beside_those_with_one() -> None:
    rows = some_prompts(4)
    rows = (replace(rows[0], rubric=Rubric(())), *rows[1:])
    row = trainer(task=Listed(rows)).take_step()
    assert row["unscored"] == 4
    assert row["optimiser_steps"] == 2


def test_one_sample_a_prompt_still_has_token_credit() -> None:
    row = trainer(settings=replace(SMALL, samples=1)).take_step()
    assert row["groups_without_response_signal"] == 1
    assert row["optimiser_steps"] > 0


def test_one_sample_a_prompt_without_token_credit_is_refused() -> None:
    with pytest.raises(UserError, match=r"train\.samples: expected 2 or more"):
        trainer(settings=replace(SMALL, samples=1), credit=Credit(scheme="none"))


def test_a_prompt_that_does_not_fit_is_named() -> None:
    long = replace(some_prompts(1)[0], id="long", prompt=" ".join(["amber"] * 60))
    with pytest.raises(UserError, match=r"prompt 'long': expected at most 56 tokens .* got 61"):
        trainer(task=Listed((long,))).take_step()


def test_a_task_without_prompts_is_refused() -> None:
    with pytest.raises(UserError, match="expected training prompts; got none"):
        trainer(task=Listed(())).take_step()


def test_a_finite_task_gives_what_it_has() -> None:
    subject = trainer(task=Listed(some_prompts(3)))
    assert subject.take_step()["length"] > 0
    assert len(subject.evaluate().per_prompt) == 3


def test_a_gradient_that_is_not_finite_moves_nothing() -> None:
    subject = trainer()
    before = weights(subject)
    row = TrainRow(
        prompt=(1, 5), response=(6, 7), logprobs=(-1.0, -1.0),
        advantage_T=torch.tensor([1.0, torch.inf]), relevant_T=torch.tensor([True, False]),
    )  # fmt: skip
    measured = update(subject.policy, subject.optimiser, [[row]], UpdateSettings())
    assert measured["optimiser_steps"] == 0
    assert not torch.isfinite(torch.tensor(measured["grad_norm"]))
    assert same(before, weights(subject))


def test_the_step_decides_the_draws_and_the_weight_of_a_warm_up() -> None:
    subject = trainer(credit=Credit(warmup=4))
    assert [subject.take_step()["token_weight"] for _ in range(3)] == pytest.approx(
        [Credit(warmup=4).weight_at(step) for step in range(3)]
    )


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match=r"checkpoint.pt: expected a checkpoint of this policy"):
        trainer().load(path)


def test_an_absent_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.pt: expected a checkpoint"):
        trainer().load(tmp_path / "nowhere.pt")


def test_a_kill_while_writing_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    subject = trainer()
    path = tmp_path / "checkpoint.pt"
    subject.save(path)
    (tmp_path / ".checkpoint.pt.part").write_bytes(b"half of the next one")
    (tmp_path / ".checkpoint-00000003.part").mkdir()
    assert find_checkpoint(path) == path
    again = trainer()
    again.load(path)
    assert again.step == 0
    assert same(weights(subject), weights(again))


def test_nothing_saved_is_nothing_found(tmp_path: Path) -> None:
    assert find_checkpoint(tmp_path / "checkpoint.pt") is None


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: LocalEngine(parallel="dp"), "engine.parallel: expected one of ddp, fsdp2"),
        (lambda: LocalEngine(device="tpu"), "engine.device: expected cpu or cuda"),
        (lambda: TrainSettings(record_every=-1), "train.record_every"),
        (lambda: TrainSettings(row_budget=0), "train.row_budget"),
        (lambda: UpdateSettings(token_budget=0), "train.update.token_budget"),
        (lambda: UpdateSettings(dual_clip=1.0), "train.update.dual_clip"),
        (lambda: UpdateSettings(clip_low=1.5), "clip_low in"),
    ],
)
def test_bad_settings_name_the_key(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


@pytest.mark.parametrize(
    ("every", "written"), [(None, [2, 4]), (0, []), (1, [1, 2, 3, 4]), (3, [3])]
)
def test_responses_are_recorded_on_schedule(every: int | None, written: list[int]) -> None:
    settings = replace(SMALL, record_every=every)
    assert [step for step in range(1, 5) if settings.records(step)] == written


def test_sampler_and_trainer_agree_in_bfloat16() -> None:
    subject = trainer(settings=replace(SMALL, update=UpdateSettings(minibatches=1)))
    subject.policy.is_mixed = True
    row = subject.take_step()
    assert row["optimiser_steps"] == 1
    assert 1e-9 < row["approx_kl"] < 1e-3  # rounding, not another distribution
    assert all(one.dtype == torch.float32 for one in subject.policy.model.parameters())


def test_the_words_task_is_what_trainers_ask_for() -> None:
    assert isinstance(WORDS, Task)
    assert isinstance(WORDS, SketchingTask)
    assert not isinstance(Listed(()), SketchingTask)


def test_laps_of_one_name_add_up() -> None:
    clock = Clock()
    clock.lap("a")
    clock.lap("b")
    once = clock.seconds["a_s"]
    clock.lap("a")
    assert clock.seconds.keys() == {"a_s", "b_s"}
    assert clock.seconds["a_s"] > once
    assert clock.total_s == pytest.approx(sum(clock.seconds.values()))
