"""Token level: relevances [B, R, T] and signed verdicts [B, R] to token credit [B, T].

The schemes differ in the pool over which token rewards are normalised (the paper's *group
partitioning problem*, section 3.2): one response, all responses of a prompt, or the mean over
criteria first. Common rules: axes move by name, never by reshape; the std is the population one
over the valid tokens; eps stands outside the root; a criterion that is off counts nowhere; a
constant pool and a masked token give exact zeros.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rtt.credit.arrays import ArrayLike, group_rows
from rtt.credit.inputs import mean_over_criteria, read_token_inputs, signed_relevance
from rtt.credit.response import criterion_advantage
from rtt.credit.standardise import standardise

__all__ = ["inter_sample", "intra_sample", "mean_then_group", "softmax_share", "token_reward"]


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
    return signed_relevance(read_token_inputs(relevance_BRT, signed_BR, None, criterion_mask_BR))


def intra_sample(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None = None,
    *,
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
    criterion_weight_BR: ArrayLike | None = None,
    floor: float = 0.0,
    skip_constant: bool = False,
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
        criterion_weight_BR: Weights of the mean over criteria, 0 or more; None: all 1.
        floor: A pool whose std is below it gives zeros (noise is not stretched to unit variance).
        skip_constant: Leave criteria without any credit out of the mean.

    Returns:
        credit_BT, zeros outside the mask and for a response without active criteria.

    Raises:
        ValueError: Shapes that disagree, a negative weight, or a NaN relevance that would count.
    """
    given = read_token_inputs(
        relevance_BRT, signed_BR, mask_BT, criterion_mask_BR, criterion_weight_BR
    )
    normed = standardise(
        signed_relevance(given), given.valid, (2,), eps=eps, correction=0, floor=floor
    )
    return mean_over_criteria(normed, given.weight, skip_constant=skip_constant)


def inter_sample(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None,
    group_size: int,
    *,
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
    criterion_weight_BR: ArrayLike | None = None,
    floor: float = 0.0,
    skip_constant: bool = False,
) -> Tensor:
    """Inter-sample token group normalisation (paper eq. 8, the ablation).

    For each criterion k the valid tokens of *all* samples of the prompt form one pool:
    `A_ikt = (r - mu_k)/(sigma_k + eps)`, then the mean over the active criteria. Long responses
    weigh more in mu_k and sigma_k (paper appendix D). Arguments and errors as in `intra_sample`;
    `group_size` divides B.
    """
    given = read_token_inputs(
        relevance_BRT, signed_BR, mask_BT, criterion_mask_BR, criterion_weight_BR
    )
    reward_PGRT = group_rows(signed_relevance(given), group_size)
    valid_PGRT = group_rows(given.valid, group_size)
    normed_PGRT = standardise(reward_PGRT, valid_PGRT, (1, 3), eps=eps, correction=0, floor=floor)
    return mean_over_criteria(normed_PGRT.flatten(0, 1), given.weight, skip_constant=skip_constant)


def mean_then_group(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None,
    group_size: int,
    *,
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
    criterion_weight_BR: ArrayLike | None = None,
    floor: float = 0.0,
) -> Tensor:
    """Mean over criteria first, then one pool a prompt (in the public code, not in the paper).

    `rbar_it = mean_k r_ikt` over active criteria; the pool is every valid token of every sample of
    the prompt that has an active criterion. Arguments and errors as in `inter_sample`.
    """
    given = read_token_inputs(
        relevance_BRT, signed_BR, mask_BT, criterion_mask_BR, criterion_weight_BR
    )
    mean_PGT = group_rows(mean_over_criteria(signed_relevance(given), given.weight), group_size)
    valid_PGT = group_rows(given.mask & given.active.any(dim=1, keepdim=True), group_size)
    return standardise(mean_PGT, valid_PGT, (1, 2), eps=eps, correction=0, floor=floor).flatten(
        0, 1
    )


def softmax_share(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None,
    group_size: int,
    *,
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
    criterion_weight_BR: ArrayLike | None = None,
) -> Tensor:
    """Each token's softmax share of the criteria's own group advantages (public code).

    `a_ik = (s_ik - mean_i s)/(unbiased std_i s + eps)` over the samples of the prompt in which
    criterion k is active; `share_ikt = softmax_k(p_ikt)` of the relevances themselves;
    `credit_it = sum_k share_ikt * a_ik`. A weight multiplies its criterion's a_ik, relative to
    the mean weight. Arguments and errors as in `inter_sample`.
    """
    given = read_token_inputs(
        relevance_BRT, signed_BR, mask_BT, criterion_mask_BR, criterion_weight_BR
    )
    advantage_BR = criterion_advantage(
        given.signed, group_size, eps=eps, criterion_mask_BR=given.active
    )
    scores = torch.where(given.valid, given.relevance, -torch.inf)
    top = scores.amax(dim=1, keepdim=True) if scores.shape[1] else scores.sum(dim=1, keepdim=True)
    share_BRT = torch.where(given.valid, (scores - top).exp(), 0.0)
    total = share_BRT.sum(dim=1, keepdim=True)
    share_BRT = share_BRT / torch.where(total > 0, total, 1.0)
    credit_BRT = share_BRT * advantage_BR.unsqueeze(2)
    count_B1 = given.active.sum(dim=1, keepdim=True)  # a weighted mean of n terms, times n: a sum
    return mean_over_criteria(credit_BRT, given.weight) * count_B1
