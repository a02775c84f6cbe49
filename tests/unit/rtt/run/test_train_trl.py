"""rtt-train with TRL: one run in one folder, resumed, with what it reports."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from lmcommon.errors import UserError
from lmcommon.runlog import Run
from lmcommon.testing.tiny_lm import make_tiny_lm
from rtt.discriminator import TinyDiscriminator
from rtt.policy import LoraSettings, PretrainedPolicy, TinyPolicy
from rtt.records import read_rollouts
from rtt.relevance import ContrastSource, DiscriminatorSource
from rtt.run.train import TrainConfig
from rtt.run.train_trl import train_with_trl
from rtt.run.trl_engine import TrlEngine
from rtt.tasks import WordsTask
from rtt.train import Credit

pytest.importorskip("trl")  # the extra rtt-llm[trl]

SMALL: dict[str, Any] = {
    "steps": 4, "prompts": 2, "samples": 4, "minibatches": 2, "learning_rate": 1e-3,
    "eval_every": 2, "heldout": 3, "checkpoint_every": 2,
}  # fmt: skip


def config(**changed: Any) -> TrainConfig:
    return TrainConfig(
        **{
            "seed": 1, "task": WordsTask(), "policy": TinyPolicy(hidden=32),
            "credit": Credit(reward="csr"), "engine": TrlEngine(**SMALL), **changed,
        }
    )  # fmt: skip


def timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in row.items() if not key.endswith("_s") and "time" not in key}


def test_a_run_writes_metrics_rollouts_and_figures(tmp_path: Path) -> None:
    run = Run(tmp_path, seed=1)
    figures = train_with_trl(config(), run)
    rows = run.read("metrics")
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4]
    assert [("heldout_all_satisfied" in row) for row in rows] == [True, False, True, False, True]
    assert {"reward", "by_kind/words:include", "update_s", "approx_kl"} <= rows[1].keys()
    assert "reward" not in rows[2], "the second minibatch goes on with the same rollouts"
    assert {record.step for record in read_rollouts(tmp_path / "rollouts.jsonl")} == {1, 3}
    assert figures["steps"] == 4
    assert figures["method"] == "RTT-CSR"
    assert 0 <= figures["all_satisfied"] <= 1
    assert figures["step_s"] > 0
    assert "RTT-CSR with TRL" in (tmp_path / "report.md").read_text()


def test_a_run_that_goes_on_has_the_same_metrics(tmp_path: Path) -> None:
    whole, cut = Run(tmp_path / "whole"), Run(tmp_path / "cut")
    train_with_trl(config(), whole)
    train_with_trl(config(engine=TrlEngine(**{**SMALL, "steps": 3})), cut)
    train_with_trl(config(), cut)
    expected, rows = ([timeless(row) for row in run.read("metrics")] for run in (whole, cut))
    # The short run evaluated at its own end.
    assert [{k: v for k, v in row.items() if row["step"] != 3 or "heldout" not in k}
            for row in rows] == expected  # fmt: skip


ONE: dict[str, Any] = {**SMALL, "steps": 1, "minibatches": 1}


def test_a_saved_discriminator_weighs_the_tokens(tmp_path: Path) -> None:
    task = WordsTask()
    texts = [criterion.text for prompt in islice(task.prompts("train", 1), 50)
             for criterion in prompt.rubric.criteria]  # fmt: skip
    TinyDiscriminator(hidden=32).build([*texts, *task.words], seed=1).save(tmp_path / "model")
    source = DiscriminatorSource(folder=str(tmp_path / "model"))
    told = first_credit(tmp_path / "run", source)
    assert len({value for relevance in told for value in relevance}) > 2, "spans know 0 and 1 alone"


def test_the_policy_of_the_run_weighs_its_own_tokens(tmp_path: Path) -> None:
    told = first_credit(tmp_path, ContrastSource(whole=True))
    assert any(0 < value < 1 for relevance in told for value in relevance)


def first_credit(folder: Path, relevance: Any) -> list[tuple[float, ...]]:
    """Relevances of all criteria of the first step's responses; its figures are numbers."""
    run = Run(folder)
    train_with_trl(config(relevance=relevance, engine=TrlEngine(**ONE)), run)
    row = run.read("metrics")[1]
    assert math.isfinite(row["loss"]), row
    assert row["unscored"] == 0, row
    records = read_rollouts(folder / "rollouts.jsonl")
    return [relevance for record in records for relevance in record.scored.relevance]


def test_adapters_are_put_on_by_trl(tmp_path: Path) -> None:
    folder = make_tiny_lm(tmp_path / "lm")
    policy = PretrainedPolicy(path=str(folder), lora=LoraSettings(rank=2, modules=["q_proj"]))
    figures = train_with_trl(
        config(policy=policy, engine=TrlEngine(**ONE)),
        Run(tmp_path / "run"),
    )
    saved = list((tmp_path / "run" / "trl").glob("checkpoint-*/adapter_model.safetensors"))
    assert len(saved) == 1
    assert math.isfinite(figures["late_reward"])


@pytest.mark.parametrize(("changed", "expected"), [
    ({"rows_at_once": 3}, r"engine: expected prompts .* = 8 to be a multiple of .*2 \* 1 \* 3"),
    ({"options": {"los_type": "grpo"}}, r"engine\.options: expected fields of .*\['los_type'\]"),
    ({"samples": 1, "prompts": 8}, r"num_generations: expected at least 2"),
])  # fmt: skip
def test_settings_that_do_not_fit_are_refused(
    tmp_path: Path, changed: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        train_with_trl(config(engine=TrlEngine(**{**SMALL, **changed})), Run(tmp_path))


def test_sizes_are_checked_where_they_are_set() -> None:
    with pytest.raises(UserError, match=r"engine\.prompts: expected a whole number above 0; got 0"):
        TrlEngine(prompts=0)


def test_without_held_out_prompts_nothing_is_evaluated(tmp_path: Path) -> None:
    figures = train_with_trl(config(engine=TrlEngine(**{**ONE, "heldout": 0})), Run(tmp_path))
    assert figures["all_satisfied"] is None
    assert not [key for row in Run(tmp_path).read("metrics") for key in row if "heldout" in key]
