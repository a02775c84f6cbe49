"""Training through `transformers`: the same loss however it is cut, the same after a kill."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from lmcommon.errors import UserError
from lmcommon.llm.checkpoints import last_checkpoint
from lmcommon.testing.tiny_lm import make_tiny_lm
from rtt.discriminator import (
    LabelledResponse,
    TinyDiscriminator,
    TokenDiscriminator,
    TrainSettings,
    train,
)
from rtt.discriminator.settings import Adapters

WORDS = ["amber", "birch", "coral", "dune", "ember", "fjord", "grove", "heath"]
SMALL = {"batch": 8, "eval_every": 0, "save_every": 1000}


def examples(count: int, seed: int = 0) -> list[LabelledResponse]:
    """The criterion names a word; where it occurs is relevant."""
    random, rows = Random(seed), []
    for number in range(count):
        words = [random.choice(WORDS) for _ in range(random.randint(3, 8))]
        wanted, response = random.choice(WORDS), " ".join(words)
        starts = [len(" ".join([*words[:n], ""])) for n in range(len(words))]
        spans = tuple(
            (start, start + len(word))
            for start, word in zip(starts, words, strict=True)
            if word == wanted
        )
        rows.append(
            LabelledResponse(
                criterion=f'The word "{wanted}" occurs.', response=response, spans=spans,
                kind="keywords:existence", satisfied=bool(spans), prompt_id=str(number),
            )
        )  # fmt: skip
    return rows


def tiny(**options: object) -> TokenDiscriminator:
    texts = [f"{one.criterion} {one.response}" for one in examples(50)]
    return TinyDiscriminator(hidden=32, **options).build(texts, seed=1)  # type: ignore[arg-type]


def weights(model: TokenDiscriminator) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in model.model.state_dict().items()}


def settings(**options: object) -> TrainSettings:
    return TrainSettings(**{**SMALL, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "shape",
    [{}, {"bidirectional": True}, {"bidirectional": True, "reads_matches": True}],
    ids=["causal", "bidirectional", "matches"],
)
def test_every_backbone_learns_a_rule(tmp_path: Path, shape: dict[str, bool]) -> None:
    texts = [f"{one.criterion} {one.response}" for one in examples(50)]
    model = TinyDiscriminator(hidden=64, **shape).build(texts, seed=1)  # type: ignore[arg-type]
    rows: list[object] = []
    done = train(
        model, examples(400), settings(steps=180, batch=16, learning_rate=2e-3, eval_every=60),
        tmp_path, validation=examples(60, seed=1), log=rows.append,
    )  # fmt: skip
    assert done.steps == 180
    assert done.best_f1 is not None
    assert done.best_f1 > 0.7, [row for row in rows if "f1" in row]


def test_one_step_over_all_rows_does_not_depend_on_how_it_is_cut(tmp_path: Path) -> None:
    """Tokens are pooled over the step; a mean of means would weigh short rows more."""
    whole, parts = tiny(), tiny()
    train(whole, examples(16), settings(steps=1, batch=16), tmp_path / "a")
    train(parts, examples(16), settings(steps=1, batch=4, accumulation=4), tmp_path / "b")
    after = weights(parts)
    for key, value in weights(whole).items():
        torch.testing.assert_close(value, after[key], atol=1e-5, rtol=1e-4, msg=key)


def test_the_weight_of_relevant_tokens_raises_what_is_told(tmp_path: Path) -> None:
    told = []
    for weight in (1.0, None):
        model = tiny()
        chosen = settings(steps=20, positive_weight=weight)
        done = train(model, examples(60), chosen, tmp_path / str(weight))
        told.append(sum(float(one.mean()) for one in model.relevances([("c", "amber dune")])))
        assert (done.positive_weight > 2) == (weight is None)
    assert told[1] > told[0]


def test_what_is_best_on_validation_rows_can_be_kept(tmp_path: Path) -> None:
    model, rows = tiny(), []
    done = train(
        model, examples(100), settings(steps=6, eval_every=2, save_every=2, keep_best=True),
        tmp_path, validation=examples(20, seed=1), log=rows.append,
    )  # fmt: skip
    assert [row["step"] for row in rows if "f1" in row] == [2, 4, 6]
    assert done.best_f1 == max(row["f1"] for row in rows if "f1" in row)


def test_validation_rows_without_a_relevant_word_give_no_f1_rather_than_zero(
    tmp_path: Path,
) -> None:
    rows: list[Any] = []
    done = train(
        tiny(), examples(20), settings(steps=2, eval_every=1, save_every=1, keep_best=True),
        tmp_path, validation=[replace(one, spans=()) for one in examples(5)], log=rows.append,
    )  # fmt: skip
    assert [math.isnan(row["f1"]) for row in rows if "f1" in row] == [True, True]
    assert done.best_f1 is None


def test_adapters_are_merged_into_an_ordinary_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    model = TokenDiscriminator.start(make_tiny_lm(tmp_path / "lm", architecture="llama"), seed=1)
    before = weights(model)
    train(model, examples(30), settings(steps=3, lora=Adapters(rank=2)), tmp_path / "run")
    after = weights(model)
    assert before.keys() == after.keys()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert any("q_proj" in key for key in changed)
    assert any("score" in key for key in changed)
    assert not any("mlp" in key or "embed" in key for key in changed)


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least one labelled token"):
        train(tiny(), [], settings(steps=1), tmp_path)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch": 0}, "training.batch"),
        ({"learning_rate": 0.0}, "training.learning_rate"),
        ({"warmup": 2.0}, "training.warmup"),
        ({"precision": "fp8"}, "training.precision: expected one of fp32, bf16, fp16"),
        ({"keep_best": True, "eval_every": 30, "save_every": 40}, "a multiple of eval_every"),
        ({"workers": -1}, "0 or more"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        TrainSettings(**wrong)  # type: ignore[arg-type]


def test_steps_by_epochs_count_processes_and_accumulation() -> None:
    assert settings(epochs=2, batch=4, accumulation=2).steps_for(100) == 25
    assert settings(epochs=2, batch=4, accumulation=2).steps_for(100, processes=2) == 13
    assert settings(steps=7).steps_for(100) == 7


def _victim(folder: str) -> None:
    train(tiny(), examples(60), settings(steps=60, save_every=10), folder)


@pytest.mark.slow
def test_killed_and_resumed_the_weights_are_the_same(tmp_path: Path) -> None:
    undisturbed = tiny()
    train(undisturbed, examples(60), settings(steps=60, save_every=10), tmp_path / "whole")
    here = "tests.unit.rtt.discriminator.test_trainer"
    command = f"import {here} as t; t._victim({str(tmp_path / 'killed')!r})"
    root = Path(__file__).resolve().parents[4]
    paths = os.pathsep.join([str(root), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", command],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while last_checkpoint(tmp_path / "killed") is None and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = tiny()
    done = train(resumed, examples(60), settings(steps=60, save_every=10), tmp_path / "killed")
    assert 10 <= done.resumed_from < 60, done
    after = weights(resumed)
    for key, value in weights(undisturbed).items():
        assert torch.equal(value, after[key]), key
