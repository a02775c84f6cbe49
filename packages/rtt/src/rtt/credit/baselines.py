"""A baseline across samples for every criterion: what all samples do alike earns no credit.

The paper's intra-sample credit has no such baseline: a rule that every sample already satisfies
keeps pushing its span at every step. Here the signed verdict `s_ik` is replaced by its advantage
over the other samples of the prompt, `a_ik = (s_ik - mean_i s) / (unbiased std_i s + eps)`, taken
over the samples in which criterion k is active; zero when all of them agree.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from rtt.credit.arrays import ArrayLike, read_floats, read_mask
from rtt.credit.inputs import TokenInputs, mean_over_criteria, read_token_inputs, read_weights
from rtt.credit.response import criterion_advantage
from rtt.credit.standardise import standardise

__all__ = ["Spread", "baseline_intra", "baseline_times_relevance", "gdpo"]

Spread = Literal["plain", "mean", "sum"]


def baseline_intra(
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
    """Intra-sample credit with a cross-sample baseline.

    Intra-sample normalisation of `s * p` is `s` times the standardised relevance
    `z_ikt = (p_ikt - mean_t p)/(population std_t p + eps)`; here it is `a_ik * z_ikt`, averaged
    over the active criteria. Each response's credit still sums to zero. Arguments and errors as
    in `rtt.credit.inter_sample`; `floor` is that of the relevance's std.
    """
    given = read_token_inputs(
        relevance_BRT, signed_BR, mask_BT, criterion_mask_BR, criterion_weight_BR
    )
    shape_BRT = standardise(given.relevance, given.valid, (2,), eps=eps, correction=0, floor=floor)
    credit_BRT = _advantage(given, group_size, eps).unsqueeze(2) * shape_BRT
    return mean_over_criteria(credit_BRT, given.weight, skip_constant=skip_constant)


def baseline_times_relevance(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None,
    group_size: int,
    *,
    spread: Spread = "plain",
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
    criterion_weight_BR: ArrayLike | None = None,
    skip_constant: bool = False,
) -> Tensor:
    """Each criterion's group advantage, laid on the tokens that decide it: mean_k `a_ik * q_ikt`.

    Not zero-sum: irrelevant tokens get nothing instead of the opposite sign.

    Args:
        relevance_BRT: Relevance of each token for each criterion, 0 or more.
        signed_BR: +1 satisfied, -1 violated.
        mask_BT: 1 on response tokens; None: all.
        group_size: G; divides B.
        spread: What q is. "plain": the relevance p; more relevant tokens, more credit. "mean":
            p divided by its mean over the response's tokens, so that a criterion's credit
            averages a_ik however few its tokens are. "sum": p divided by its sum, so that a
            criterion's credit adds up to a_ik however long the response is.
        eps: Of the group advantage.
        criterion_mask_BR: 1 where a criterion counts; None: everywhere.
        criterion_weight_BR: Weights of the mean over criteria, 0 or more; None: all 1.
        skip_constant: Leave criteria without any credit out of the mean.

    Returns:
        credit_BT, zeros outside the mask and where nothing is relevant.

    Raises:
        ValueError: As `rtt.credit.intra_sample`, or an unknown spread.
    """
    if spread not in get_args(Spread):
        raise ValueError(f"spread: expected one of {', '.join(get_args(Spread))}; got {spread!r}")
    given = read_token_inputs(
        relevance_BRT, signed_BR, mask_BT, criterion_mask_BR, criterion_weight_BR
    )
    share_BRT = torch.where(given.valid, given.relevance, 0.0)
    if spread != "plain":
        total_BR1 = share_BRT.sum(dim=2, keepdim=True)
        count_BR1 = given.valid.sum(dim=2, keepdim=True) if spread == "mean" else 1.0
        share_BRT = share_BRT * count_BR1 / torch.where(total_BR1 > 0, total_BR1, 1.0)
    credit_BRT = _advantage(given, group_size, eps).unsqueeze(2) * share_BRT
    return mean_over_criteria(credit_BRT, given.weight, skip_constant=skip_constant)


def gdpo(
    signed_BR: ArrayLike,
    group_size: int,
    *,
    eps: float = 1e-6,
    batch_normalise: bool = True,
    criterion_mask_BR: ArrayLike | None = None,
    criterion_weight_BR: ArrayLike | None = None,
) -> Tensor:
    """Group advantage of every criterion by itself, then their sum (GDPO, arXiv 2601.05242).

    A response-level control without tokens: `A_i = sum_k w_k a_ik`, then standardised over all
    rows given (population std), which keeps its size the same whatever the number of criteria.
    Normalising each criterion before summing keeps apart what a summed reward merges.

    Args:
        signed_BR: +1 satisfied, -1 violated; NaN counts as off.
        group_size: G; divides B.
        eps: Added to every std.
        batch_normalise: Whether to standardise over the batch; False: the mean over criteria
            (then a row depends on its own group alone).
        criterion_mask_BR: 1 where a criterion counts; None: everywhere.
        criterion_weight_BR: Weights, 0 or more; None: all 1.

    Returns:
        advantage_B; zeros for a row without active criteria.

    Raises:
        ValueError: Shapes that disagree, or a negative weight.
    """
    (signed,) = read_floats(signed_BR=signed_BR)
    advantage = criterion_advantage(
        signed, group_size, eps=eps, criterion_mask_BR=criterion_mask_BR
    )
    active = read_mask("criterion_mask_BR", criterion_mask_BR, signed) & ~signed.isnan()
    weight = read_weights(criterion_weight_BR, advantage, active)
    if not batch_normalise:
        return mean_over_criteria(advantage.unsqueeze(2), weight).squeeze(1)
    total_B = (advantage * weight).sum(dim=1)
    return standardise(total_B, active.any(dim=1), (0,), eps=eps, correction=0)


def _advantage(given: TokenInputs, group_size: int, eps: float) -> Tensor:
    return criterion_advantage(given.signed, group_size, eps=eps, criterion_mask_BR=given.active)
