"""The advantage estimator `rtt` of verl: group-normalised scores plus the token part of each row.

In: rows of rewards as `rtt.train.verl.codec` packs them, and the uid of each row. Out: per-token
advantages (paper eq. 7), equal to those of `rtt.train.advantage.Credit` on the same responses.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lmcommon.errors import UserError
from rtt.credit.response import response_advantage
from rtt.train.verl.codec import unpack_rows

__all__ = ["grouped_advantage", "rtt_estimator"]


def grouped_advantage(score_B: Tensor, uid: Sequence[Hashable]) -> Tensor:
    """Response advantage [B] within the rows of one uid, in any order and of any number.

    Unscored rows (NaN) are left out of their group, and get 0.
    """
    places: dict[Hashable, list[int]] = {}
    for place, name in enumerate(uid):
        places.setdefault(name, []).append(place)
    size = max(map(len, places.values()), default=1)
    # Shorter groups are filled up with unscored rows, which no mean and no deviation counts.
    padded_PG = score_B.new_full((len(places), size), torch.nan)
    for row, members in enumerate(places.values()):
        padded_PG[row, : len(members)] = score_B[members]
    advantage_PG = response_advantage(padded_PG.flatten(0, 1), size).unflatten(0, (-1, size))
    advantage_B = torch.zeros_like(score_B)
    for row, members in enumerate(places.values()):
        advantage_B[members] = advantage_PG[row, : len(members)]
    return advantage_B


def rtt_estimator(
    token_level_rewards: Tensor,
    response_mask: Tensor,
    index: Sequence[Hashable] | None = None,
    config: Mapping[str, Any] | None = None,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Per-token advantages [B, T] (float32), twice: as advantages and as returns.

    Args:
        token_level_rewards: Packed rows [B, T].
        response_mask: 1 on the tokens that are trained on, [B, T].
        index: The uid of each row [B].
        config: verl's `algorithm` section.

    Raises:
        UserError: verl is set to change the rewards or the normalisation, or knows no groups.
        ValueError: The rows are not packed ones.
    """
    _refuse_changes(config or {})
    if index is None:
        raise UserError("uid: expected the prompt of each row with the estimator rtt; got none")
    score_B, token_BT = unpack_rows(token_level_rewards)
    advantage_BT = grouped_advantage(score_B, list(index)).unsqueeze(1) + token_BT
    advantage_BT = torch.where(response_mask.bool(), advantage_BT, 0.0).float()
    return advantage_BT, advantage_BT


def _refuse_changes(config: Mapping[str, Any]) -> None:
    if config.get("use_kl_in_reward", False):
        raise UserError(
            "algorithm.use_kl_in_reward: expected false with the estimator rtt, whose rows carry "
            "token credit; got true; take actor_rollout_ref.actor.use_kl_loss=true instead"
        )
    if not config.get("norm_adv_by_std_in_grpo", True):
        raise UserError(
            "algorithm.norm_adv_by_std_in_grpo: expected true with the estimator rtt, whose "
            "response part is normalised as in the paper; got false"
        )
