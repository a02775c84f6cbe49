"""Rows of rewards out of what verl's workers report, and what is measured on them.

In: verl's rewards [B, T] with the score on one token, and the extra info of each response with its
token part. Out: packed rows (`rtt.train.verl.codec`), and figures for verl's log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rtt.train.verl.codec import pack_rows, unpack_rows
from rtt.train.verl.estimator import grouped_advantage

__all__ = ["TOKEN_KEY", "packed_rows", "row_metrics", "score_metrics"]

TOKEN_KEY = "rtt_token"
"""Where the extra info of a response holds its token part, a JSON list of numbers."""


def packed_rows(
    reward_BT: Tensor, mask_BT: Tensor, extra_fields: Sequence[Mapping[str, Any]]
) -> Tensor:
    """Packed rows [B, T] (float64).

    Rows that verl fills a batch up with have no tokens of the policy; they stay empty, whatever
    they were copied from.

    Raises:
        ValueError: A response has no token part, or one of another length.
    """
    token_BT = torch.zeros(mask_BT.shape, dtype=torch.float64)
    for row, own_T in enumerate(mask_BT.bool()):
        if not bool(own_T.any()):
            continue
        told = extra_fields[row].get("reward_extra_info", {}).get(TOKEN_KEY)
        if told is None:
            raise ValueError(
                f"row {row}: expected its token part under {TOKEN_KEY!r}, got none; is "
                "reward.reward_manager.name=rtt set?"
            )
        token = json.loads(told)
        length = int(own_T.nonzero()[-1]) + 1
        if len(token) != length:
            raise ValueError(f"row {row}: expected {length} token parts; got {len(token)}")
        token_BT[row, :length] = torch.tensor(token, dtype=torch.float64)
    return pack_rows(reward_BT.double().sum(dim=1), token_BT, mask_BT)


def row_metrics(reward_BT: Tensor, mask_BT: Tensor, uid: Sequence[str]) -> dict[str, float]:
    """Unscored responses, the size of both parts of the advantage, and groups without one of them.

    Args:
        reward_BT: Packed rows.
        mask_BT: 1 on the tokens that the policy wrote.
        uid: The prompt of each row.
    """
    score_B, token_BT = unpack_rows(reward_BT)
    own_B = mask_BT.bool().any(dim=1)
    response_B = grouped_advantage(score_B, uid)
    moved_B = (token_BT.abs() > 1e-9).any(dim=1)
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(uid):
        if own_B[row]:
            groups.setdefault(name, []).append(row)
    silent = [
        (not bool((response_B[rows] != 0).any()), not bool(moved_B[rows].any()))
        for rows in groups.values()
    ]
    count, tokens = max(len(silent), 1), mask_BT.sum().clamp(min=1)
    response = ((response_B.abs().unsqueeze(1) * mask_BT).sum() / tokens).item()
    token = (token_BT.abs().sum() / tokens).item()
    return {
        "rtt/unscored": float((score_B.isnan() & own_B).sum()),
        "rtt/response_advantage_abs": response,
        "rtt/token_advantage_abs": token,
        "rtt/token_over_response": token / response if response else 0.0,
        "rtt/groups_without_response_signal": sum(one for one, _ in silent) / count,
        "rtt/groups_without_token_signal": sum(one for _, one in silent) / count,
        "rtt/groups_without_signal": sum(one and other for one, other in silent) / count,
    }


def score_metrics(reward_BT: Tensor) -> dict[str, float]:
    """Figures of scores and rewards, by verl's names, over the scored responses alone.

    verl takes the mean of all rows, which one unscored response turns into NaN. Nothing is told
    where no response was scored.
    """
    score_B, _ = unpack_rows(reward_BT)
    scored = score_B[~score_B.isnan()]
    if not len(scored):
        return {}
    told = {"mean": scored.mean(), "max": scored.max(), "min": scored.min()}
    return {
        f"critic/{name}/{key}": value.item()
        for name in ("score", "rewards")
        for key, value in told.items()
    }
