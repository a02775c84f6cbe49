"""The reward manager inside verl's own worker, and what verl's agent loop makes of it."""

from __future__ import annotations

import asyncio
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("verl", reason="needs verl: nox -s verl")

from omegaconf import OmegaConf
from verl import DataProto
from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics, AgentLoopOutput
from verl.experimental.reward_loop.reward_loop import RewardLoopWorker
from verl.trainer.ppo.reward import resolve_reward_manager_cls

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.testing.tiny_lm import tiny_tokenizer
from rtt.train.advantage import Credit
from rtt.train.scoring import Scorer
from rtt.train.verl.codec import unpack_rows
from rtt.train.verl.dataset import verl_row
from rtt.train.verl.recipe import RECIPE_KEY, Recipe
from rtt.train.verl.reward import CarriedScore, RubricRewardManager
from rtt.train.verl.rows import TOKEN_KEY
from rtt.train.verl.scoring import Response, ResponseReward, ResponseScorer

pytestmark = [pytest.mark.verl, pytest.mark.filterwarnings("ignore")]

PROMPT = RubricPrompt(
    id="p1", prompt="Say it.", source="test",
    rubric=Rubric((
        Criterion(id="a", text="No comma.", constraint_id="punctuation:no_comma"),
        Criterion(id="b", text="Has the word yes.", constraint_id="keywords:existence",
                  kwargs={"keywords": ["yes"]}),
    )),
)  # fmt: skip
JUDGED = RubricPrompt(
    id="p2", prompt="Be kind.", source="test", rubric=Rubric((Criterion(id="k", text="Kind."),))
)
TEXTS = ("oh yes, my", "no", "yes it is so", "no, no")
CREDIT = Credit(reward="csr")


def config(folder: Path, **reward: Any) -> Any:
    """The part of verl's configuration that its reward workers read."""
    (folder / "model").mkdir(exist_ok=True)
    tiny_tokenizer().save_pretrained(folder / "model")
    recipe = folder / "scoring.json"
    Recipe(credit=CREDIT).write(recipe)
    return OmegaConf.create(
        {
            "actor_rollout_ref": {
                "model": {"path": str(folder / "model"), "tokenizer_path": None},
            },
            "reward": {
                "custom_reward_function": {"path": None, "name": "compute_score"},
                "reward_manager": {"source": "register", "name": "rtt"},
                "reward_model": {"enable": False},
                "sandbox_fusion": {"url": None},
                "reward_kwargs": {RECIPE_KEY: str(recipe)},
                **reward,
            },
        }
    )


def data(*texts: str, prompt: RubricPrompt = PROMPT, **more: Any) -> Any:
    """Responses as verl's agent loop hands them on: prompts and responses padded on the right."""
    ids = [torch.tensor(tiny_tokenizer()(text)["input_ids"]) for text in texts]
    responses = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    prompts = torch.ones(len(texts), 3, dtype=torch.int64)
    own = torch.nn.utils.rnn.pad_sequence([torch.ones_like(one) for one in ids], batch_first=True)
    row = {**verl_row(prompt, 0), "global_steps": 1, **more}
    return DataProto.from_dict(
        tensors={
            "prompts": prompts, "responses": responses,
            "attention_mask": torch.cat([torch.ones_like(prompts), own], dim=1),
        },
        non_tensors={
            key: np.array([row[key]] * len(texts), dtype=object)
            for key in ("data_source", "reward_model", "extra_info", "global_steps")
        },
    )  # fmt: skip


def by_hand(*texts: str) -> list[ResponseReward]:
    tokenizer = tiny_tokenizer()
    told = json.dumps(verl_row(PROMPT, 0)["extra_info"]["rubric_prompt"])
    work = ResponseScorer(tokenizer, Scorer(), CREDIT)
    return work(
        [Response(tokens=tuple(tokenizer(t)["input_ids"]), rubric_prompt=json.loads(told))
         for t in texts]
    )  # fmt: skip


def scored(folder: Path, batch: Any) -> list[dict[str, Any]]:
    """What verl's worker tells of a batch, scored all at once."""
    worker = RewardLoopWorker(config(folder))
    told: list[dict[str, Any]] = worker.loop.run_until_complete(worker.compute_score_batch(batch))
    return told


def test_verls_worker_scores_responses_as_we_do(tmp_path: Path) -> None:
    told = scored(tmp_path, data(*TEXTS))
    expected = by_hand(*TEXTS)
    assert [one["reward_score"] for one in told] == [one.score for one in expected]
    for one, wanted in zip(told, expected, strict=True):
        assert tuple(json.loads(one["reward_extra_info"][TOKEN_KEY])) == wanted.token
        assert one["reward_extra_info"]["criteria"] == wanted.figures["criteria"]


def test_a_batch_becomes_packed_rows(tmp_path: Path) -> None:
    batch = data(*TEXTS)
    told = scored(tmp_path, batch)
    manager = resolve_reward_manager_cls(config(tmp_path))
    assert manager is RubricRewardManager
    rows = manager.assemble_rm_scores(batch, [one["reward_score"] for one in told])
    score_B, token_BT = unpack_rows(rows)
    for row, wanted in enumerate(by_hand(*TEXTS)):
        assert abs(score_B[row].item() - wanted.score) < 1e-9
        width = len(wanted.token)
        torch.testing.assert_close(
            token_BT[row, :width], torch.tensor(wanted.token, dtype=torch.float64),
            rtol=0, atol=1e-6,
        )  # fmt: skip
        assert not rows[row, width:].any()


def test_the_extra_info_stacks_as_verl_stacks_it(tmp_path: Path) -> None:
    told = [one["reward_extra_info"] for one in scored(tmp_path, data(*TEXTS))]
    columns = {key: np.array([one[key] for one in told]) for key in told[0]}
    assert {key: value.shape for key, value in columns.items()} == dict.fromkeys(columns, (4,))


def test_a_response_without_verdict_is_no_number(tmp_path: Path) -> None:
    batch = data("be kind", prompt=JUDGED)
    (told,) = scored(tmp_path, batch)
    assert math.isnan(told["reward_score"])
    rows = RubricRewardManager.assemble_rm_scores(batch, [told["reward_score"]])
    assert unpack_rows(rows)[0].isnan().all()


def test_a_row_without_rubric_says_what_to_train_on(tmp_path: Path) -> None:
    batch = data("no", extra_info={"index": 0})
    with pytest.raises(UserError, match=r"extra_info: expected 'rubric_prompt'.*engine=verl"):
        scored(tmp_path, batch)


def test_without_settings_the_worker_says_who_writes_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"reward\.reward_kwargs\.rtt_recipe: expected the path"):
        RewardLoopWorker(config(tmp_path, reward_kwargs={}))


@pytest.mark.parametrize("score", [0.5, math.nan])
def test_verls_agent_loop_takes_the_score_for_a_number(score: float) -> None:
    output = AgentLoopOutput(
        prompt_ids=[1], response_ids=[5, 6, 7], response_mask=[1, 1, 1],
        metrics=AgentLoopMetrics(),
    )  # fmt: skip
    output.reward_score = CarriedScore(score, (0.5, 0.0, -0.5))
    row = output.as_dict()["rm_scores"]
    assert row.tolist()[:2] == [0.0, 0.0]
    torch.testing.assert_close(row[-1], torch.tensor(score), equal_nan=True)


def test_a_score_keeps_its_tokens_between_processes() -> None:
    sent = pickle.loads(pickle.dumps(CarriedScore(0.5, (0.25, -0.25))))
    assert (sent, sent.token) == (0.5, (0.25, -0.25))


def test_one_question_at_a_time_and_many_get_the_same(tmp_path: Path) -> None:
    worker = RewardLoopWorker(config(tmp_path))
    batch = data(*TEXTS)

    async def one_by_one() -> list[Any]:
        return [await worker.compute_score(batch[i : i + 1]) for i in range(len(batch))]

    alone = worker.loop.run_until_complete(one_by_one())
    together = worker.loop.run_until_complete(worker.compute_score_batch(batch))
    assert alone == together
    assert asyncio.iscoroutinefunction(RubricRewardManager.run_single)
