"""Token level: relevances [B, R, T] and signed verdicts [B, R] to token credit [B, T].

The schemes differ in the pool over which token rewards are normalised (the paper's *group
partitioning problem*, section 3.2): one response, all responses of a prompt, or the mean over
criteria first. Common rules: axes move by name, never by reshape; the std is the population one
over the valid tokens; eps stands outside the root; a criterion that is off counts nowhere; a
constant pool and a masked token give exact zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rtt.credit.arrays import ArrayLike, check_shapes, group_rows, read_floats, read_mask
from rtt.credit.standardise import standardise

__all__ = ["inter_sample", "intra_sample", "mean_then_group", "softmax_share", "token_reward"]


class _Inputs(NamedTuple):
    relevance: Tensor  # [B, R, T]
    signed: Tensor  # [B, R]
    valid: Tensor  # [B, R, T] bool: a response token under an active criterion
    active: Tensor  # [B, R] bool
    mask: Tensor  # [B, T] bool


def token_reward(
    relevance_BRT: ArrayLike, signed_BR: ArrayLike, *, criterion_mask_BR: ArrayLike | None = None
) -> Tensor:
    """Token reward r = signed verdict * relevance (paper section 4.2.2).

    Args:
        relevance_BRT: How much token t decides criterion k, usually in [0, 1].
        signed_BR: +1 satisfied, -1 violated; NaN counts as off.
        criterion_mask_BR: 1 where a criterion counts; others give zeros.

    Returns:
        reward_BRT.

    Raises:
        ValueError: Shapes that disagree, or a NaN relevance under an active criterion.
    """
    return _token_reward(_read(relevance_BRT, signed_BR, None, criterion_mask_BR))


def intra_sample(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None = None,
    *,
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
) -> Tensor:
    """Intra-sample token group normalisation: the paper's method (section 4.2.2).

    For each response i and criterion k, over the T_i valid tokens of that response:
    `mu_ik = mean_t r`, `sigma_ik = population std_t r`, `A_ikt = (r - mu_ik)/(sigma_ik + eps)`;
    the credit is the mean of A over the active criteria (constant ones count with zeros). The
    credit of a response sums to zero: it moves credit between tokens, it adds none.

    Args:
        relevance_BRT: Relevance of each token for each criterion.
        signed_BR: +1 satisfied, -1 violated.
        mask_BT: 1 on response tokens; None: all.
        eps: Added to the std.
        criterion_mask_BR: 1 where a criterion counts; None: everywhere.

    Returns:
        credit_BT, zeros outside the mask and for a response without active criteria.

    Raises:
        ValueError: Shapes that disagree, or a NaN relevance that would count.
    """
    given = _read(relevance_BRT, signed_BR, mask_BT, criterion_mask_BR)
    normed = standardise(_token_reward(given), given.valid, (2,), eps=eps, correction=0)
    return _mean_over_criteria(normed, given.active)


def inter_sample(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None,
    group_size: int,
    *,
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
) -> Tensor:
    """Inter-sample token group normalisation (paper eq. 8, the ablation).

    For each criterion k the valid tokens of *all* samples of the prompt form one pool:
    `A_ikt = (r - mu_k)/(sigma_k + eps)`, then the mean over the active criteria. Long responses
    weigh more in mu_k and sigma_k (paper appendix D). Arguments and errors as in `intra_sample`;
    `group_size` divides B.
    """
    given = _read(relevance_BRT, signed_BR, mask_BT, criterion_mask_BR)
    reward_PGRT = group_rows(_token_reward(given), group_size)
    valid_PGRT = group_rows(given.valid, group_size)
    normed_PGRT = standardise(reward_PGRT, valid_PGRT, (1, 3), eps=eps, correction=0)
    return _mean_over_criteria(normed_PGRT.flatten(0, 1), given.active)


def mean_then_group(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None,
    group_size: int,
    *,
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
) -> Tensor:
    """Mean over criteria first, then one pool a prompt (in the public code, not in the paper).

    `rbar_it = mean_k r_ikt` over active criteria; the pool is every valid token of every sample of
    the prompt that has an active criterion. Arguments and errors as in `inter_sample`.
    """
    given = _read(relevance_BRT, signed_BR, mask_BT, criterion_mask_BR)
    mean_PGT = group_rows(_mean_over_criteria(_token_reward(given), given.active), group_size)
    valid_PGT = group_rows(given.mask & given.active.any(dim=1, keepdim=True), group_size)
    return standardise(mean_PGT, valid_PGT, (1, 2), eps=eps, correction=0).flatten(0, 1)


def softmax_share(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None,
    group_size: int,
    *,
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
) -> Tensor:
    """Each token's softmax share of the criteria's own group advantages (public code).

    `a_ik = (s_ik - mean_i s)/(unbiased std_i s + eps)` over the samples of the prompt in which
    criterion k is active; `share_ikt = softmax_k(p_ikt)` of the relevances themselves;
    `credit_it = sum_k share_ikt * a_ik`. Arguments and errors as in `inter_sample`.
    """
    given = _read(relevance_BRT, signed_BR, mask_BT, criterion_mask_BR)
    signed_PGR = group_rows(given.signed, group_size)
    active_PGR = group_rows(given.active, group_size)
    advantage_PGR = standardise(signed_PGR, active_PGR, (1,), eps=eps, correction=1)
    scores = torch.where(given.valid, given.relevance, -torch.inf)
    top = scores.amax(dim=1, keepdim=True) if scores.shape[1] else scores.sum(dim=1, keepdim=True)
    weight = torch.where(given.valid, (scores - top).exp(), 0.0)
    total = weight.sum(dim=1, keepdim=True)
    share_BRT = weight / torch.where(total > 0, total, 1.0)
    return (share_BRT * advantage_PGR.flatten(0, 1).unsqueeze(2)).sum(dim=1)


def _read(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None,
    criterion_mask_BR: ArrayLike | None,
) -> _Inputs:
    relevance, signed = read_floats(relevance_BRT=relevance_BRT, signed_BR=signed_BR)
    check_shapes(relevance_BRT=relevance, signed_BR=signed)
    mask = read_mask(
        "mask_BT", mask_BT, relevance[:, 0] if relevance.shape[1] else relevance.sum(1)
    )
    active = read_mask("criterion_mask_BR", criterion_mask_BR, signed)
    check_shapes(relevance_BRT=relevance, signed_BR=signed, mask_BT=mask, criterion_mask_BR=active)
    active = active & ~signed.isnan()
    valid = mask.unsqueeze(1) & active.unsqueeze(2)
    if bool((relevance.isnan() & valid).any()):
        raise ValueError(
            "relevance_BRT: expected numbers wherever a criterion is active; got NaN "
            "(turn a criterion without relevances off in criterion_mask_BR)"
        )
    return _Inputs(relevance, signed, valid, active, mask)


def _token_reward(given: _Inputs) -> Tensor:
    product = given.signed.unsqueeze(2) * given.relevance
    return torch.where(given.valid, product, 0.0)


def _mean_over_criteria(value_BRT: Tensor, active_BR: Tensor) -> Tensor:
    return value_BRT.sum(dim=1) / active_BR.sum(dim=1, keepdim=True).clamp(min=1)
