"""`Credit`: the configured path, its options and its name."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.credit import intra_sample, response_advantage
from rtt.train.advantage import Credit
from rtt.train.schemes import OPTIONS, TOKEN_SCHEMES, Scheme
from rtt.train.scoring import ScoreTensors, score_tensors
from rtt.types import Rollout, ScoredGroup, ScoredRollout

SCHEMES = get_args(Scheme)


def batch(seed: int = 0, *, groups: int = 2, size: int = 4) -> ScoreTensors:
    generator = torch.Generator().manual_seed(seed)
    rows, criteria, width = groups * size, 3, 6
    mask = torch.ones(rows, width)
    mask[1, 4:] = 0
    eos = torch.zeros(rows, width)
    eos[1, 3] = 1
    return ScoreTensors(
        verdict_BR=torch.randint(0, 2, (rows, criteria), generator=generator).float(),
        criterion_mask_BR=torch.ones(rows, criteria),
        relevance_BRT=torch.rand(rows, criteria, width, generator=generator),
        mask_BT=mask,
        weight_BR=torch.tensor([[1.0, 2.0, 0.5]]).expand(rows, criteria),
        hard_BR=torch.tensor([[1.0, 1.0, 0.0]]).expand(rows, criteria),
        eos_BT=eos,
    )


def advantages(credit: Credit, scores: ScoreTensors, step: int | None = None) -> torch.Tensor:
    return credit.advantages(scores, 4, step=step)[0]


def plain(scores: ScoreTensors) -> torch.Tensor:
    return advantages(Credit(scheme="none"), scores)


@pytest.mark.parametrize("scheme", [*TOKEN_SCHEMES, "cort"])
def test_weight_zero_is_plain_grpo_bit_for_bit(scheme: str) -> None:
    scores = batch()
    assert torch.equal(advantages(Credit(scheme=scheme, weight=0.0), scores), plain(scores))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_unscored_row_carries_nothing(scheme: str) -> None:
    scores = batch()
    scores.criterion_mask_BR[2] = 0
    got = advantages(Credit(scheme=scheme), scores)
    assert not got[2].any()
    assert got.isfinite().all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_padding_carries_nothing(scheme: str) -> None:
    scores = batch()
    assert not (advantages(Credit(scheme=scheme), scores) * (1 - scores.mask_BT)).any()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_batch_without_any_verdict_is_all_zeros(scheme: str) -> None:
    scores = batch()
    scores.criterion_mask_BR[:] = 0
    assert not advantages(Credit(scheme=scheme), scores).any()


@pytest.mark.parametrize("scheme", sorted({"none", "gdpo", "two_channel"}))
def test_schemes_without_tokens_give_every_token_the_same(scheme: str) -> None:
    got = advantages(Credit(scheme=scheme), batch())
    assert torch.equal(got[0], got[0, 0].expand(6))


def test_every_option_changes_what_it_says_it_changes() -> None:
    settings: dict[str, Any] = {
        "threshold": 0.5, "binarise": True, "clip": 0.4, "exclude_eos": True, "warmup": 10,
        "criterion_weights": True, "floor": 0.3, "skip_constant": True, "spread": "sum",
        "batch_normalise": False, "soft_weight": 0.1,
    }  # fmt: skip
    scores = batch()
    scores.relevance_BRT[:, 2] = 0.7  # one criterion constant
    for scheme, options in OPTIONS.items():
        base = advantages(Credit(scheme=scheme), scores)
        for option in options:
            value = 0.5 if option == "threshold" else settings[option]
            extra = {"threshold": 0.4} if option == "binarise" else {}
            got = advantages(Credit(scheme=scheme, **{option: value}, **extra), scores, step=3)
            assert not torch.equal(got, base), f"{scheme}: {option} changed nothing"


def test_an_option_that_would_be_ignored_is_refused() -> None:
    with pytest.raises(UserError, match=r"credit\.floor: the scheme 'gdpo' has no use .* intra"):
        Credit(scheme="gdpo", floor=0.1)
    with pytest.raises(UserError, match=r"credit\.spread: the scheme 'intra'"):
        Credit(scheme="intra", spread="sum")
    with pytest.raises(UserError, match=r"credit\.clip: the scheme 'none'"):
        Credit(scheme="none", clip=3.0)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"clip": 0.0}, "credit.clip: expected a number above 0"),
        ({"eps": -1.0}, "credit.eps"),
        ({"floor": -0.1}, "credit.floor: expected 0 or more"),
        ({"warmup": -1}, "credit.warmup"),
        ({"threshold": float("nan")}, "credit.threshold"),
        ({"scheme": "cort", "weight": 2.0}, "credit.weight: expected 0 to below 2"),
        ({"spread": "even"}, "credit.spread: expected one of plain, mean, sum"),
    ],
)
def test_a_bad_setting_is_named(setting: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Credit(**setting)


def test_the_label_names_scheme_reward_and_what_is_set() -> None:
    assert Credit().label == "RTT-AON"
    assert Credit(scheme="none", reward="csr").label == "CSR"
    assert Credit(scheme="gdpo").label == "GDPO"
    assert Credit(scheme="baseline_intra", reward="csr").label == "baseline_intra CSR"
    assert Credit(scheme="cort", weight=1.0, warmup=9).label == "CoRT-AON, warmup 9"
    assert Credit(clip=3.0, exclude_eos=True).label == "RTT-AON, clip 3, exclude_eos"


def test_labels_of_all_schemes_differ() -> None:
    labels = [Credit(scheme=scheme).label for scheme in SCHEMES]
    assert len(set(labels)) == len(labels)


def test_the_weight_rises_over_the_warm_up() -> None:
    credit = Credit(weight=0.4, warmup=10)
    assert [credit.weight_at(step) for step in (0, 5, 10, 50)] == pytest.approx([0, 0.2, 0.4, 0.4])
    scores = batch()
    assert torch.equal(advantages(credit, scores, step=0), plain(scores))
    assert torch.equal(advantages(credit, scores, step=10), advantages(Credit(weight=0.4), scores))


def test_a_warm_up_without_a_step_is_an_error_not_a_guess() -> None:
    with pytest.raises(ValueError, match="step: expected the step of the warm-up of 10"):
        advantages(Credit(warmup=10), batch())


def test_excluding_the_end_keeps_token_credit_off_it_and_the_rest_zero_sum() -> None:
    scores = batch()
    got = advantages(Credit(exclude_eos=True), scores) - plain(scores)
    assert got[1, 3] == 0
    assert got[1, :3].abs().min() > 0
    assert got.sum(dim=1).abs().max() < 1e-5


def test_a_clipped_credit_still_sums_to_zero() -> None:
    scores = batch()
    got = advantages(Credit(clip=0.4), scores) - plain(scores)
    assert got.sum(dim=1).abs().max() < 1e-5
    assert got.abs().max() < 0.5 * (0.4 + 0.4)


def test_the_weighted_reward_reads_the_criteria() -> None:
    scores = batch()
    _, metrics = Credit(scheme="none", reward="weighted").advantages(scores, 4)
    expected = (scores.verdict_BR * scores.weight_BR).sum(1) / 3.5  # type: ignore[operator]
    assert metrics["reward"] == pytest.approx(expected.mean().item())


@pytest.mark.parametrize(
    ("credit", "name"),
    [(Credit(scheme="two_channel"), "hard_BR"), (Credit(exclude_eos=True), "eos_BT")],
)
def test_what_a_batch_does_not_know_is_named(credit: Credit, name: str) -> None:
    full = batch()
    bare = ScoreTensors(
        verdict_BR=full.verdict_BR, criterion_mask_BR=full.criterion_mask_BR,
        relevance_BRT=full.relevance_BRT, mask_BT=full.mask_BT,
    )  # fmt: skip
    with pytest.raises(ValueError, match=name):
        credit.advantages(bare, 4)


def scored(*verdicts: Verdict, weights: tuple[float, ...], reason: str = "stop") -> ScoredGroup:
    criteria = tuple(Criterion(id=str(i), text="", weight=w) for i, w in enumerate(weights))
    rollout = Rollout(
        prompt_id="p", tokens=(5, 6, 2), logprobs=(0.0,) * 3, text="ab",
        offsets=((0, 1), (1, 2), (2, 2)), finish_reason=reason,  # type: ignore[arg-type]
    )  # fmt: skip
    sample = ScoredRollout(
        rollout=rollout, verdicts=verdicts, relevance=((0.0, 1.0, 0.0),) * len(verdicts)
    )
    prompt = RubricPrompt(id="p", prompt="", rubric=Rubric(criteria))
    return ScoredGroup(prompt=prompt, samples=(sample,))


def test_a_criterion_of_negative_weight_is_met_when_it_does_not_hold() -> None:
    group = scored(
        Verdict(satisfied=True), Verdict(satisfied=False), Verdict(satisfied=True),
        weights=(2.0, -3.0, -1.0),
    )  # fmt: skip
    scores = score_tensors([group])
    assert scores.verdict_BR.tolist() == [[1.0, 1.0, 0.0]]
    assert scores.weight_BR is not None
    assert scores.weight_BR.tolist() == [[2.0, 3.0, 1.0]]
    _, metrics = Credit(scheme="none", reward="weighted").advantages(scores, 1)
    assert metrics["reward"] == pytest.approx(5 / 6)


def test_hard_is_what_a_program_decided() -> None:
    group = scored(
        Verdict(satisfied=True, source="program"), Verdict(satisfied=True),
        Verdict.unscored("down"), weights=(1.0,) * 3,
    )  # fmt: skip
    assert score_tensors([group]).hard_BR.tolist() == [[1.0, 0.0, 0.0]]  # type: ignore[union-attr]


@pytest.mark.parametrize(("reason", "ends"), [("stop", [0.0, 0.0, 1.0]), ("length", [0.0] * 3)])
def test_the_end_is_the_token_that_ended_the_response(reason: str, ends: list[float]) -> None:
    group = scored(Verdict(satisfied=True), weights=(1.0,), reason=reason)
    assert score_tensors([group]).eos_BT.tolist() == [ends]  # type: ignore[union-attr]


def test_rtt_aon_is_the_paper_s_formula() -> None:
    scores = batch()
    reward = scores.verdict_BR.all(dim=1).float()
    credit = intra_sample(scores.relevance_BRT, 2 * scores.verdict_BR - 1, scores.mask_BT)
    expected = (response_advantage(reward, 4)[:, None] + 0.5 * credit) * scores.mask_BT
    torch.testing.assert_close(advantages(Credit(), scores), expected)
