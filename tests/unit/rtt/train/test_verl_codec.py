"""One row carries score and token part exactly; what cannot be carried is refused with numbers."""

from __future__ import annotations

import math
from itertools import islice
from random import Random
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lmcommon.errors import UserError
from rtt.credit.response import response_advantage
from rtt.tasks import WordsTask
from rtt.train.advantage import Credit
from rtt.train.schemes import Scheme
from rtt.train.scoring import Scorer, score_tensors
from rtt.train.verl.codec import GRID, pack_rows, unpack_rows
from rtt.train.verl.estimator import grouped_advantage, rtt_estimator
from rtt.train.verl.scoring import SCHEMES
from rtt.types import Group, Rollout, ScoredGroup

WIDTH = 7


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Scores, some NaN; token parts that sum to zero up to float32 rounding; ragged masks."""
    rows = draw(st.integers(1, 5))
    scores = st.one_of(
        st.just(math.nan), st.sampled_from([0.0, 1.0, 1 / 3, 2 / 7, -1.0]),
        st.floats(-4, 4, width=32),
    )  # fmt: skip
    score_B = torch.tensor([draw(scores) for _ in range(rows)])
    length = [draw(st.integers(0, WIDTH)) for _ in range(rows)]
    mask_BT = (torch.arange(WIDTH) < torch.tensor(length).unsqueeze(1)).float()
    cells = st.sampled_from([0.0, 0.5, -0.5, 1.0, 1e-4, 0.3, -7.25])
    raw_BT = torch.tensor([[draw(cells) for _ in range(WIDTH)] for _ in range(rows)]) * mask_BT
    mean_B1 = raw_BT.sum(1, keepdim=True) / mask_BT.sum(1, keepdim=True).clamp(min=1)
    return score_B, (raw_BT - mean_B1) * mask_BT, mask_BT


@given(batches())
@settings(max_examples=300, deadline=None)
def test_a_row_gives_back_both_parts(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    score_B, token_BT, mask_BT = batch
    got_B, got_BT = unpack_rows(pack_rows(score_B, token_BT, mask_BT))
    carried_B = mask_BT.bool().any(1) & ~score_B.isnan()
    expected_B = torch.where(carried_B, score_B.double(), torch.nan)
    torch.testing.assert_close(got_B, expected_B, rtol=0, atol=GRID, equal_nan=True)
    expected_BT = torch.where(carried_B.unsqueeze(1), token_BT, 0.0).double()
    torch.testing.assert_close(got_BT, expected_BT, rtol=0, atol=2e-6)


@given(batches())
@settings(max_examples=200, deadline=None)
def test_a_token_part_sums_to_zero_exactly(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    _, token_BT = unpack_rows(pack_rows(*batch))
    assert token_BT.sum(1).abs().max() <= 1e-12 + GRID, token_BT.sum(1)


@given(batches(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_a_row_sums_to_its_score_in_any_order(
    batch: tuple[Tensor, Tensor, Tensor], random: Random
) -> None:
    score_B, token_BT, mask_BT = batch
    rows = pack_rows(score_B, token_BT, mask_BT).tolist()
    for score, row, own in zip(score_B.tolist(), rows, mask_BT.any(1).tolist(), strict=True):
        if not own:
            assert row == [0.0] * WIDTH
            continue
        random.shuffle(row)
        assert math.isnan(sum(row)) if math.isnan(score) else abs(sum(row) - score) <= GRID, row


def test_equal_scores_stay_equal_whatever_their_tokens_got() -> None:
    generator = torch.Generator().manual_seed(0)
    token_BT = torch.randn(64, 500, generator=generator)
    token_BT -= token_BT.mean(1, keepdim=True)
    rows = pack_rows(torch.full((64,), 1 / 3), token_BT, torch.ones(64, 500))
    score_B, _ = unpack_rows(rows)
    assert len(set(score_B.tolist())) == 1, score_B
    assert not grouped_advantage(score_B, [0] * 64).any()


def test_what_the_last_token_got_may_cancel_the_score() -> None:
    rows = pack_rows(torch.tensor([1.0]), torch.tensor([[0.5, 0.5, -1.0]]), torch.ones(1, 3))
    score_B, token_BT = unpack_rows(rows)
    assert score_B.tolist() == [1.0]
    torch.testing.assert_close(
        token_BT, torch.tensor([[0.5, 0.5, -1.0]]).double(), rtol=0, atol=GRID
    )


def test_a_score_of_zero_is_no_unscored_one() -> None:
    score_B, token_BT = unpack_rows(
        pack_rows(torch.tensor([0.0, math.nan]), torch.zeros(2, 3), torch.ones(2, 3))
    )
    assert score_B[0] == 0
    assert score_B[1].isnan()
    assert token_BT.abs().max() < GRID


def test_a_response_without_tokens_comes_back_unscored() -> None:
    rows = pack_rows(torch.tensor([1.0, 0.0]), torch.zeros(2, 3), torch.zeros(2, 3))
    assert unpack_rows(rows)[0].isnan().all()


def test_a_token_part_with_a_sum_is_refused_with_the_numbers() -> None:
    with pytest.raises(ValueError, match=r"row 1 sums to 0.75 \(sizes: 0.75\)"):
        pack_rows(
            torch.zeros(2), torch.tensor([[0.5, -0.5], [0.5, 0.25]]), torch.ones(2, 2)
        )  # fmt: skip


@pytest.mark.parametrize(("score", "token"), [(math.inf, 0.0), (0.0, math.nan), (0.0, math.inf)])
def test_what_no_row_can_hold_is_refused(score: float, token: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        pack_rows(torch.tensor([score]), torch.tensor([[token, -token]]), torch.ones(1, 2))


def test_narrow_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected float64.*got torch\.float32"):
        unpack_rows(torch.zeros(1, 2))


def scored_groups(prompts: int, samples: int) -> list[ScoredGroup]:
    random, task, groups = Random(1), WordsTask(), []
    for prompt in islice(task.prompts("train", 2), prompts):
        rollouts = []
        for _ in range(samples):
            words = random.choices(task.words, k=random.randint(1, 7))
            starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
            rollouts.append(
                Rollout(
                    prompt_id=prompt.id, tokens=tuple(range(len(words))),
                    logprobs=(math.nan,) * len(words), text=" ".join(words),
                    offsets=tuple((s, s + len(w)) for s, w in zip(starts, words, strict=True)),
                )
            )  # fmt: skip
        groups.append(Group(prompt=prompt, rollouts=tuple(rollouts)))
    return Scorer().score(groups)


@pytest.mark.parametrize(
    "credit",
    [
        Credit(), Credit(reward="csr"), Credit(scheme="none", reward="csr"),
        Credit(clip=1.0, skip_constant=True, reward="csr"), Credit(threshold=0.3, binarise=True),
        Credit(weight=2.0, reward="csr_signed", exclude_eos=True),
    ],
    ids=lambda credit: credit.label,
)  # fmt: skip
def test_the_estimator_equals_credit_on_the_same_responses(credit: Credit) -> None:
    scores = score_tensors(scored_groups(6, 4))
    expected_BT, _ = credit.advantages(scores, 4)
    # A worker sees one response: its group is itself, and only the token part is left.
    token_BT, _ = credit.advantages(scores, 1)
    rows = pack_rows(credit.rewards(scores), token_BT, scores.mask_BT)
    uids = [f"prompt {row // 4}" for row in range(24)]
    got_BT, returns_BT = rtt_estimator(rows, scores.mask_BT, uids)
    assert expected_BT.any()
    torch.testing.assert_close(got_BT, expected_BT, rtol=0, atol=1e-6)
    assert returns_BT is got_BT
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    mixed_BT, _ = rtt_estimator(rows[order], scores.mask_BT[order], [uids[i] for i in order])
    torch.testing.assert_close(mixed_BT, got_BT[order], rtol=0, atol=1e-6)


def test_an_unscored_row_gets_nothing_and_moves_no_other() -> None:
    score_B = torch.tensor([1.0, math.nan, 0.0, 0.0])
    token_BT = torch.tensor([[0.5, -0.5]]).repeat(4, 1)
    rows = pack_rows(score_B, token_BT, torch.ones(4, 2))
    advantage_BT, _ = rtt_estimator(rows, torch.ones(4, 2), ["a"] * 4)
    alone_B = response_advantage(score_B[[0, 2, 3]], 3)
    assert not advantage_BT[1].any()
    torch.testing.assert_close(advantage_BT[[0, 2, 3], 0], alone_B + 0.5, rtol=0, atol=1e-6)


def test_a_rejected_last_token_takes_no_score_along() -> None:
    mask_BT = torch.ones(2, 3)
    token_BT = torch.tensor([[0.5, -0.25, -0.25], [0.0, 0.0, 0.0]])
    rows = pack_rows(torch.tensor([1.0, 0.0]), token_BT, mask_BT)
    whole_BT, _ = rtt_estimator(rows, mask_BT, ["a", "a"])
    narrow_BT = mask_BT * torch.tensor([1.0, 1.0, 0.0])
    got_BT, _ = rtt_estimator(rows, narrow_BT, ["a", "a"])
    assert torch.equal(got_BT, whole_BT * narrow_BT)


def test_groups_may_differ_in_size() -> None:
    score_B = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0])
    got = grouped_advantage(score_B, ["a", "b", "a", "a", "b"])
    torch.testing.assert_close(got[[0, 2, 3]], response_advantage(score_B[[0, 2, 3]], 3))
    torch.testing.assert_close(got[[1, 4]], response_advantage(score_B[[1, 4]], 2))


@pytest.mark.parametrize("scheme", sorted(set(get_args(Scheme)) - set(SCHEMES)))
def test_which_schemes_sum_to_zero_within_a_response(scheme: str) -> None:
    """Those that are refused either do not, or need the whole group for it."""
    scores = score_tensors(scored_groups(6, 4))
    credit = Credit(scheme=scheme, reward="csr")
    response_B1 = credit.response(scores, 4).unsqueeze(1)
    total_BT, _ = credit.advantages(scores, 4)
    sum_B = ((total_BT - response_B1) * scores.mask_BT).sum(1)
    if scheme in ("baseline_intra", "cort"):  # zero-sum, but it depends on the other samples
        alone_BT, _ = credit.advantages(scores, 1)
        assert sum_B.abs().max() < 1e-5
        assert not alone_BT.any(), "alone, it earns nothing"
    elif scheme in ("gdpo", "two_channel"):  # no token part, and a response part of their own
        assert not sum_B.abs().max() > 1e-5
    else:
        assert sum_B.abs().max() > 0.01, sum_B


@pytest.mark.parametrize(
    ("config", "said"),
    [({"norm_adv_by_std_in_grpo": False}, "norm_adv_by_std_in_grpo"),
     ({"use_kl_in_reward": True}, "use_kl_in_reward")],
)  # fmt: skip
def test_settings_of_verl_that_would_be_ignored_are_refused(
    config: dict[str, bool], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        rtt_estimator(torch.zeros(1, 1).double(), torch.ones(1, 1), ["a"], config)


def test_rows_without_prompts_are_refused() -> None:
    with pytest.raises(UserError, match="uid"):
        rtt_estimator(torch.zeros(1, 1), torch.ones(1, 1))
