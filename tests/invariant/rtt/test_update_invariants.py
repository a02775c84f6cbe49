"""The update does not depend on how its tokens are cut into micro-batches."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch

from rtt.engine import Sampler
from rtt.loss import Aggregation, policy_loss
from rtt.policy import TinyPolicy, response_logprobs
from rtt.policy.tiny import Policy
from rtt.tasks import WordsTask
from rtt.train import UpdateSettings
from rtt.train.local.packing import TrainRow
from rtt.train.local.update import update

TASK = WordsTask()
GROUPS, SAMPLES = 4, 4


def policy() -> Policy:
    return TinyPolicy(hidden=32).build(TASK.tokens, seed=0)


def rows() -> list[list[TrainRow]]:
    """Sampled rows with advantages and log-probabilities some way off the policy's own."""
    stream = TASK.prompts("train", 0)
    subject = policy()
    groups = Sampler(subject, 30).sample(
        [next(stream) for _ in range(GROUPS)], samples=SAMPLES, seed=0
    )
    generator = torch.Generator().manual_seed(0)

    def noise(length: int) -> torch.Tensor:
        return torch.randn(length, generator=generator)

    return [
        [
            TrainRow(
                prompt=tuple(subject.ask(group.prompt.prompt)),
                response=rollout.tokens,
                logprobs=tuple(
                    (torch.tensor(rollout.logprobs) + 0.3 * noise(len(rollout.tokens))).tolist()
                ),
                advantage_T=noise(len(rollout.tokens)),
                relevant_T=noise(len(rollout.tokens)) > 0,
            )
            for rollout in group.rollouts
        ]
        for group in groups
    ]


def step(groups: list[list[TrainRow]], settings: UpdateSettings) -> tuple[dict[str, float], Policy]:
    subject = policy()
    optimiser = torch.optim.SGD(subject.model.parameters(), lr=0.1)
    return update(subject, optimiser, groups, settings), subject


def same_weights(first: Policy, second: Policy) -> None:
    for ours, theirs in zip(first.model.parameters(), second.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("aggregation", get_args(Aggregation))
@pytest.mark.parametrize("importance", ["token", "sequence"])
@pytest.mark.parametrize("bonus", [0.0, 0.01])
def test_the_token_budget_changes_no_result(
    aggregation: str, importance: str, bonus: float
) -> None:
    groups = rows()
    settings = UpdateSettings(
        aggregation=aggregation, importance=importance, entropy_bonus=bonus, grad_clip=1e9
    )
    whole, expected = step(groups, replace(settings, token_budget=100_000))
    for budget in (64, 256):
        parts, subject = step(groups, replace(settings, token_budget=budget))
        for key in ("loss", "grad_norm", "entropy", "approx_kl", "clip_fraction_low"):
            assert parts[key] == pytest.approx(whole[key], rel=1e-5, abs=1e-7), (key, budget)
        same_weights(subject, expected)


@pytest.mark.parametrize("aggregation", get_args(Aggregation))
@pytest.mark.parametrize("importance", ["token", "sequence"])
def test_packed_equals_padded(aggregation: str, importance: str) -> None:
    """One optimiser step against the padded batch and `rtt.loss.policy_loss`."""
    groups = rows()
    settings = UpdateSettings(
        aggregation=aggregation, importance=importance, minibatches=1, grad_clip=1e9, dual_clip=3.0
    )
    measured, subject = step(groups, settings)
    padded = policy()
    flat = [row for group in groups for row in group]
    wide = max(len(row.prompt) for row in flat)
    width = max(len(row.response) for row in flat)

    def right(values: object, row: TrainRow) -> list[float]:
        return [*values, *[0] * (width - len(row.response))]  # type: ignore[misc]

    mask = torch.tensor([right([1] * len(row.response), row) for row in flat])
    logprob, _ = response_logprobs(
        padded.model,
        torch.tensor([[*[0] * (wide - len(row.prompt)), *row.prompt] for row in flat]),
        torch.tensor([[*[0] * (wide - len(row.prompt)), *[1] * len(row.prompt)] for row in flat]),
        torch.tensor([right(row.response, row) for row in flat]),
        mask,
    )
    loss = policy_loss(
        logprob,
        torch.tensor([right(row.logprobs, row) for row in flat]),
        torch.tensor([right(row.advantage_T.tolist(), row) for row in flat]),
        mask,
        clip_low=0.2, clip_high=0.27, dual_clip=3.0,
        aggregation=aggregation, importance=importance,
    )  # type: ignore[arg-type]  # fmt: skip
    loss.backward()
    torch.optim.SGD(padded.model.parameters(), lr=0.1).step()
    assert measured["loss"] == pytest.approx(loss.item(), rel=1e-5, abs=1e-7)
    same_weights(subject, padded)


def test_rows_without_advantage_are_not_computed_and_change_nothing() -> None:
    groups = rows()
    silent = [
        [replace(row, advantage_T=torch.zeros_like(row.advantage_T)) for row in groups[0]],
        *groups[1:],
    ]
    settings = UpdateSettings(minibatches=1, grad_clip=1e9)
    left_out, first = step(silent, settings)
    # An advantage of 1e-30 keeps the rows in and adds nothing that float32 could see.
    faint = [
        [replace(row, advantage_T=torch.full_like(row.advantage_T, 1e-30)) for row in silent[0]],
        *groups[1:],
    ]
    kept, second = step(faint, settings)
    assert left_out["rows_left_out"] == SAMPLES
    assert kept["rows_left_out"] == 0
    assert left_out["loss"] == pytest.approx(kept["loss"], rel=1e-6)
    same_weights(first, second)


def test_a_minibatch_without_any_advantage_takes_no_step() -> None:
    groups = rows()
    silent = [
        [replace(row, advantage_T=torch.zeros_like(row.advantage_T)) for row in group]
        for group in groups[:2]
    ]
    measured, _ = step([*silent, *groups[2:]], UpdateSettings(minibatches=2))
    assert measured["optimiser_steps"] == 1
