"""Hand-made batches of which every figure can be counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.train.advantage import Credit
from rtt.train.metrics import relevance_metrics, reward_metrics, signal_metrics, verdict_metrics
from rtt.train.scoring import ScoreTensors
from rtt.types import Rollout, ScoredGroup, ScoredRollout

NAN = float("nan")


def scores(
    relevance: list[list[list[float]]],
    *,
    mask: list[list[float]] | None = None,
    active: list[list[float]] | None = None,
    eos: list[list[float]] | None = None,
) -> ScoreTensors:
    relevance_BRT = torch.tensor(relevance)
    rows, criteria, width = relevance_BRT.shape
    return ScoreTensors(
        verdict_BR=torch.ones(rows, criteria),
        criterion_mask_BR=torch.ones(rows, criteria) if active is None else torch.tensor(active),
        relevance_BRT=relevance_BRT,
        mask_BT=torch.ones(rows, width) if mask is None else torch.tensor(mask),
        eos_BT=None if eos is None else torch.tensor(eos),
    )


def test_groups_without_signal_are_counted_apart_and_together() -> None:
    response = torch.tensor([0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.5, -0.5])
    token = torch.zeros(8, 2)
    token[4] = torch.tensor([1.0, -1.0])
    token[6] = torch.tensor([1.0, -1.0])
    told = signal_metrics(response, token, scores([[[0.0, 1.0]]] * 8), 2)
    assert told["groups_without_response_signal"] == 0.5  # groups 0 and 2
    assert told["groups_without_token_signal"] == 0.5  # groups 0 and 1
    assert told["groups_without_signal"] == 0.25  # group 0


def test_sizes_are_means_over_response_tokens() -> None:
    told = signal_metrics(
        torch.tensor([2.0, -1.0]),
        torch.tensor([[0.5, -0.5, 0.0], [1.0, 0.0, 0.0]]),
        scores([[[0.0] * 3]] * 2, mask=[[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]),
        2,
    )
    assert told["response_advantage_abs"] == pytest.approx((2 * 3 + 1) / 4)
    assert told["token_advantage_abs"] == pytest.approx(2 / 4)
    assert told["token_over_response"] == pytest.approx(2 / 7)
    assert told["token_advantage_max"] == 1.0
    assert told["token_row_sum_max"] == 1.0
    assert told["token_clipped"] == 0.0


def test_the_share_clipped_counts_tokens_at_the_limit() -> None:
    token = torch.tensor([[1.0, -1.0, 0.3, 0.2]])
    told = signal_metrics(torch.zeros(1), token, scores([[[0.0] * 4]]), 1, limit=1.0)
    assert told["token_clipped"] == 0.5


def test_a_configured_clip_is_reported() -> None:
    batch = scores([[[0.0] * 9 + [1.0]]])
    _, free = Credit().advantages(batch, 1)
    _, tight = Credit(clip=1.0).advantages(batch, 1)
    assert free["token_clipped"] == 0.0
    assert tight["token_clipped"] == pytest.approx(0.1)


def test_the_end_token_is_watched() -> None:
    told = signal_metrics(
        torch.tensor([1.0, -1.0]),
        torch.tensor([[0.5, -0.5], [0.2, -0.2]]),
        scores([[[0.0, 1.0]]] * 2, eos=[[0.0, 1.0], [0.0, 0.0]]),
        2,
    )
    assert told["eos_advantage"] == pytest.approx(0.5)
    assert told["eos_token_advantage"] == pytest.approx(-0.5)


def test_lengths_and_truncation() -> None:
    mask = [[1.0] * count + [0.0] * (20 - count) for count in (20, 1)]
    eos = [[0.0] * 20, [1.0] + [0.0] * 19]
    batch = scores([[[0.0] * 20]] * 2, mask=mask, eos=eos)
    told = reward_metrics(torch.tensor([1.0, NAN]), batch)
    assert told["length"] == 10.5
    assert told["length_p95"] == pytest.approx(1 + 0.95 * 19)
    assert told["truncated"] == 0.5
    assert told["unscored"] == 1.0


def test_the_histogram_counts_active_relevances_of_response_tokens() -> None:
    batch = scores(
        [[[0.0, 0.05, 0.95, 1.0], [0.5] * 4], [[0.31, 9.0, 9.0, 9.0], [0.0] * 4]],
        mask=[[1.0] * 4, [1.0, 0.0, 0.0, 0.0]],
        active=[[1.0, 0.0], [1.0, 0.0]],
    )
    told = relevance_metrics(batch)
    bins = [told[f"relevance_bin_{i}"] for i in range(10)]
    assert bins == pytest.approx([0.4, 0, 0, 0.2, 0, 0, 0, 0, 0, 0.4])
    assert told["relevance_mean"] == pytest.approx((0.0 + 0.05 + 0.95 + 1.0 + 0.31) / 5)


def test_active_pairs_are_scored_and_not_constant() -> None:
    batch = scores(
        [[[0.0, 1.0], [1.0, 1.0]], [[0.0, 0.5], [0.2, 0.3]]],
        mask=[[1.0, 1.0], [1.0, 0.0]],
        active=[[1.0, 1.0], [1.0, 0.0]],
    )
    assert relevance_metrics(batch)["relevance_active"] == pytest.approx(1 / 3)


def test_verdicts_are_counted_by_who_decided() -> None:
    criteria = tuple(
        Criterion(id=str(i), text="", constraint_id=name)
        for i, name in enumerate(("words:start", None, "code:python", None))
    )
    verdicts = (
        Verdict(satisfied=True, source="program"), Verdict(satisfied=False),
        Verdict(satisfied=True), Verdict.unscored("down"),
    )  # fmt: skip
    rollout = Rollout(prompt_id="p", tokens=(1,), logprobs=(0.0,), text="a", offsets=((0, 1),))
    sample = ScoredRollout(rollout=rollout, verdicts=verdicts, relevance=((0.0,),) * 4)
    prompt = RubricPrompt(id="p", prompt="", rubric=Rubric(criteria))
    told = verdict_metrics([ScoredGroup(prompt=prompt, samples=(sample, sample))])
    assert told == {
        "verdicts_program": 2, "verdicts_judge": 4, "verdicts_fallback": 2, "verdicts_unscored": 2,
    }  # fmt: skip


def test_a_shorter_rubric_has_no_unscored_criteria() -> None:
    ragged = replace(
        scores([[[0.0]] * 3] * 2, active=[[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
        criteria_B=torch.tensor([3.0, 1.0]),
    )
    told = reward_metrics(torch.tensor([1.0, 1.0]), ragged)
    assert told["unscored_criteria"] == 1.0  # the third of the first row


def test_an_empty_batch_is_measured_without_nan() -> None:
    empty = scores([[[]]] * 2, mask=[[]] * 2, eos=[[]] * 2)
    _, told = Credit(scheme="none").advantages(empty, 2)
    assert all(value == value for value in told.values()), told


def test_the_keys_are_the_same_at_every_step() -> None:
    full = scores([[[0.0, 1.0]]] * 2, eos=[[0.0, 1.0]] * 2)
    none = scores([[[0.0, 1.0]]] * 2, active=[[0.0]] * 2, eos=[[0.0, 0.0]] * 2)
    assert Credit().advantages(full, 2)[1].keys() == Credit().advantages(none, 2)[1].keys()
