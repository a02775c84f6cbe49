"""engine=verl writes what a cluster needs, refuses what it cannot do, and can start verl itself."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lmcommon.errors import UserError
from lmcommon.runlog import Run
from rtt.policy.pretrained import LoraSettings, PretrainedPolicy
from rtt.policy.tiny import TinyPolicy
from rtt.relevance.config import ContrastSource, RandomSource
from rtt.run.overrides import override
from rtt.run.train_verl import train_with_verl
from rtt.run.verl_engine import VerlEngine
from rtt.tasks import WordsTask
from rtt.train.advantage import Credit
from rtt.train.verl.dataset import read_prompts
from rtt.train.verl.recipe import Recipe

pytest.importorskip("datasets", reason="writes Parquet: rtt-llm[trl]")
SMALL = VerlEngine(steps=2, prompts=8, samples=2, heldout=3)


@dataclass
class Config:
    """What the verb composes."""

    seed: int = 3
    task: Any = field(default_factory=WordsTask)
    policy: Any = field(default_factory=lambda: PretrainedPolicy(path="some/model"))
    credit: Credit = field(default_factory=lambda: Credit(reward="csr"))
    engine: VerlEngine = field(default_factory=lambda: SMALL)
    relevance: Any = None
    verdicts: Any = None
    judge_llm: Any = None


def values(folder: Path) -> dict[str, str]:
    lines = (folder / "verl" / "overrides.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_run_folder_holds_prompts_settings_and_commands(tmp_path: Path) -> None:
    config = Config(relevance=RandomSource(seed=4))
    figures = train_with_verl(config, Run(tmp_path))
    below = tmp_path / "verl"
    train = read_prompts(below / "train.parquet")
    assert len(train) == figures["train_prompts"] == 16
    assert len(read_prompts(below / "heldout.parquet")) == figures["heldout_prompts"] == 3
    read = Recipe.read(below / "scoring.json")
    assert (read.credit, read.relevance) == (config.credit, config.relevance)
    told = values(tmp_path)
    assert told["data.train_files"] == str(below / "train.parquet")
    assert told["trainer.v1.trainer_mode"] == "rtt_sync"
    assert not figures["started"]
    script = (below / "start.sh").read_text(encoding="utf-8").replace("\\\n", "")
    words = shlex.split(script.split("exec ")[1])
    assert words[:3] == ["python", "-m", "verl.trainer.main_ppo"]
    assert words[3:] == [f"{key}={value}" for key, value in told.items()]


def test_the_same_seed_gives_the_same_prompts_in_the_same_order(tmp_path: Path) -> None:
    seen = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train_with_verl(Config(seed=seed), Run(tmp_path / name))
        seen.append([one.id for one in read_prompts(tmp_path / name / "verl" / "train.parquet")])
    assert seen[0] == seen[1] != seen[2]


def test_without_held_out_prompts_nothing_is_evaluated(tmp_path: Path) -> None:
    train_with_verl(Config(engine=replace(SMALL, heldout=0)), Run(tmp_path))
    told = values(tmp_path)
    assert (told["trainer.test_freq"], told["trainer.val_before_train"]) == ("-1", "false")
    assert not (tmp_path / "verl" / "heldout.parquet").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"policy": TinyPolicy()}, "policy=pretrained"),
        ({"policy": PretrainedPolicy(path="bundled:smollm2")}, "policy.path"),
        ({"policy": PretrainedPolicy(path="some/model", chat=False)}, "policy.chat"),
        ({"credit": Credit(scheme="inter")}, "credit=inter"),
        ({"relevance": ContrastSource()}, "policy_contrast"),
        ({"policy": PretrainedPolicy(path="some/model", lora=LoraSettings(rank=8)),
          "engine": replace(SMALL, strategy="megatron")}, "megatron"),
        ({"policy": PretrainedPolicy(path="some/model", lora=LoraSettings(rank=8, dropout=0.1))},
         "lora.dropout: expected 0 with engine=verl"),
    ],
)  # fmt: skip
def test_what_verl_cannot_do_is_refused_before_anything_is_written(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        train_with_verl(Config(**changed), Run(tmp_path))
    assert not list(tmp_path.glob("verl/*"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"strategy": "ddp"}, "engine.strategy: expected one of fsdp, fsdp2, megatron; got 'ddp'"),
        ({"mode": "rtt_sync"}, "engine.mode"),
        ({"samples": 1}, "compared with each other"),
        ({"prompts": 7}, "multiple of engine.minibatches"),
        ({"tensor_parallel": 3}, "divides the 8 of a node"),
        ({"tensor_parallel": 16, "nodes": 2}, "divides the 8 of a node"),
        ({"prompts": 6}, "the 24 rows of a minibatch"),
        ({"steps": 0}, "engine.steps"),
        ({"heldout": -1}, "engine.heldout"),
    ],
)
def test_settings_that_do_not_fit_name_the_key(changed: dict[str, Any], said: str) -> None:
    if changed == {"prompts": 6}:
        changed = {**changed, "gpus": 16}
    with pytest.raises(UserError, match=said):
        VerlEngine(**changed)


def test_options_replace_what_the_engine_says_and_add_the_rest(tmp_path: Path) -> None:
    options = {"algorithm.adv_estimator": "grpo", "trainer.logger": ["console", "wandb"],
               "+a.b": {"c": None}, "reward.reward_kwargs.rtt_recipe": "/other.json"}  # fmt: skip
    train_with_verl(Config(engine=replace(SMALL, options=options)), Run(tmp_path))
    told = values(tmp_path)
    assert told["algorithm.adv_estimator"] == "grpo"
    assert told["trainer.logger"] == "[console,wandb]"
    assert told["+a.b"] == "{c:null}"
    assert told["+reward.reward_kwargs.rtt_recipe"] == "/other.json"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "k=true"), (None, "k=null"), (1e-6, "k=1e-06"), (-1, "k=-1"),
        ("token-mean", "k=token-mean"), ("/a/b.parquet", "k=/a/b.parquet"),
        ("null", 'k="null"'), ("7", 'k="7"'), ("a b", 'k="a b"'),
        ('say "x"', r'k="say \"x\""'), (["a", 1, [0.5]], "k=[a,1,[0.5]]"), ("", 'k=""'),
    ],
)  # fmt: skip
def test_values_are_said_in_hydras_grammar(value: Any, said: str) -> None:
    assert override("k", value) == said


def started(tmp_path: Path, script: str) -> Config:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)
    return Config(engine=replace(SMALL, launch=True, python=str(python)))


def test_verl_is_started_with_the_overrides_that_are_written(tmp_path: Path) -> None:
    config = started(tmp_path, 'printf "%s\\n" "$@"')
    figures = train_with_verl(config, Run(tmp_path / "run"))
    told = (tmp_path / "run/verl/verl.log").read_text(encoding="utf-8").splitlines()
    written = (tmp_path / "run/verl/overrides.txt").read_text(encoding="utf-8").splitlines()
    assert told == ["-m", "verl.trainer.main_ppo", *written]
    assert figures["started"]


def test_a_failed_start_says_why_and_where_to_look(tmp_path: Path) -> None:
    config = started(tmp_path, "echo no GPU here >&2; exit 3")
    with pytest.raises(UserError, match=r"ended with 3, its last line being 'no GPU here'"):
        train_with_verl(config, Run(tmp_path / "run"))


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = Config(engine=replace(SMALL, launch=True, python=str(tmp_path / "nowhere")))
    with pytest.raises(UserError, match=r"engine.python: .*nowhere"):
        train_with_verl(config, Run(tmp_path / "run"))


def test_the_report_shows_the_settings(tmp_path: Path) -> None:
    train_with_verl(Config(), Run(tmp_path))
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "RTT-CSR with verl" in report
    assert "algorithm.adv_estimator=rtt" in report
    assert json.loads((tmp_path / "verl/scoring.json").read_text(encoding="utf-8"))["credit"]
