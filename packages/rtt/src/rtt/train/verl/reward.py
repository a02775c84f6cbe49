"""The reward manager `rtt` of verl: verdicts, relevance and token credit of each response.

In: responses as verl's reward workers hand them over. Out: the score, and the token part beside it.
On verl's streaming path (the default) the token part travels as JSON in the extra info, and
`rtt.train.verl.trainer` packs the rows; where verl scores a whole batch, `assemble_rm_scores` does.
"""

from __future__ import annotations

import atexit
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lmcommon.errors import UserError
from rtt.train.trl.dataset import RUBRIC_COLUMN
from rtt.train.verl.codec import pack_rows
from rtt.train.verl.gathering import Gathering
from rtt.train.verl.installed import verl_module
from rtt.train.verl.recipe import RECIPE_KEY, Recipe
from rtt.train.verl.rows import TOKEN_KEY
from rtt.train.verl.scoring import Response, ResponseReward, ResponseScorer

__all__ = ["CarriedScore", "RubricRewardManager"]

_base: Any = verl_module("verl.experimental.reward_loop.reward_manager.base")


class CarriedScore(float):
    """A score that brings the token part [T] along; to verl it is a number like any other.

    Example:
        `CarriedScore(1.0, (0.5, -0.5))`
    """

    token: tuple[float, ...]

    def __new__(cls, score: float, token: tuple[float, ...] = ()) -> CarriedScore:
        """A score with the token part of each token."""
        made = super().__new__(cls, score)
        made.token = token
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return (CarriedScore, (float(self), self.token))


class RubricRewardManager(_base.RewardManagerBase):  # type: ignore[misc]
    """Scores responses against their rubrics; built once in each reward worker.

    Args:
        config: verl's whole configuration; `reward.reward_kwargs.rtt_recipe` names the settings.
        tokenizer: The policy's.
        compute_score: verl's reward function; not used.
    """

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any = None, **_: Any) -> None:
        super().__init__(config, tokenizer, compute_score)
        recipe = Recipe.read(_recipe_path(config))
        opened = ExitStack()
        atexit.register(opened.close)  # verl ends its workers without a word
        scorer = opened.enter_context(recipe.scorer())
        self._gathering: Gathering[Response, ResponseReward] = Gathering(
            ResponseScorer(tokenizer, scorer, recipe.credit)
        )

    async def run_single(self, data: Any) -> dict[str, Any]:
        """Score the (last) response of `data`.

        Returns:
            `reward_score`: a `CarriedScore`, NaN where unscored; `reward_extra_info`: figures, and
            the token part under `TOKEN_KEY`.

        Raises:
            UserError: The row has no rubric.
        """
        told = await self._gathering.ask(_response(data[-1:][0]))
        return {
            "reward_score": CarriedScore(told.score, told.token),
            "reward_extra_info": {**told.figures, TOKEN_KEY: json.dumps(told.token)},
        }

    @classmethod
    def assemble_rm_scores(cls, data: Any, scores: list[CarriedScore]) -> Tensor:
        """Rows of rewards [B, T] of a batch, as `rtt.train.verl.codec` packs them."""
        width = data.batch["responses"].size(1)
        mask_BT = data.batch["attention_mask"][:, -width:].bool()
        token_BT = torch.zeros(mask_BT.shape, dtype=torch.float64)
        for row, score in enumerate(scores):
            token_BT[row, : len(score.token)] = torch.tensor(score.token, dtype=torch.float64)
        score_B = torch.tensor([float(score) for score in scores], dtype=torch.float64)
        device = data.batch["responses"].device
        return pack_rows(score_B.to(device), token_BT.to(device), mask_BT)


def _response(item: Any) -> Response:
    ids_T = item.batch["responses"]
    length = int(item.batch["attention_mask"][-len(ids_T) :].sum()) if len(ids_T) else 0
    rubric = (item.non_tensor_batch.get("extra_info") or {}).get(RUBRIC_COLUMN)
    if rubric is None:
        raise UserError(
            f"extra_info: expected {RUBRIC_COLUMN!r} with the rubric of the prompt; got none; "
            "train on the Parquet files that rtt-train engine=verl writes, and leave "
            "reward.reward_model.enable at false (that path of verl drops the column)"
        )
    return Response(
        tokens=tuple(ids_T[:length].tolist()),
        rubric_prompt=str(rubric),
        step=max(int(item.non_tensor_batch.get("global_steps", 1)) - 1, 0),  # verl counts from 1
    )


def _recipe_path(config: Any) -> Path:
    path = (config.reward.get("reward_kwargs") or {}).get(RECIPE_KEY)
    if not path:
        raise UserError(
            f"reward.reward_kwargs.{RECIPE_KEY}: expected the path of scoring.json, got nothing; "
            "take the overrides that rtt-train engine=verl writes"
        )
    return Path(path)
