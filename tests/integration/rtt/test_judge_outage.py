"""A judge that cannot be reached for a while: waited for, or masked and counted, never a zero."""

from __future__ import annotations

import json
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.extras import is_available
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.llm.config import OpenAIConfig
from lmcommon.testing.stub_server import StubServer
from rtt.policy import TinyPolicy
from rtt.run.method import Job, run_job
from rtt.tasks import WordsTask
from rtt.tasks.base import Split
from rtt.train import Credit, LocalTrainer, TrainSettings, WarmStart
from rtt.train.scoring import Scorer
from rtt.verdicts import HybridVerdicts

STEPS, ROWS = 3, 16
SETTINGS = TrainSettings(
    steps=STEPS, prompts=4, samples=4, eval_every=9, heldout=2, checkpoint_every=1
)
CREDIT = Credit(reward="csr")


class JudgedWords(WordsTask):
    """Three criteria that a program checks, and one that only a judge can decide."""

    def prompts(self, split: Split, seed: int) -> Iterator[RubricPrompt]:
        for row in super().prompts(split, seed):
            soft = Criterion(id="soft", text="The list of words sounds calm.")
            yield replace(row, rubric=Rubric((*row.rubric.criteria, soft)))


TASK = JudgedWords()


def opinion(body: Mapping[str, Any]) -> str:
    """A reply that depends on what is judged and on nothing else."""
    told = zlib.crc32(body["messages"][-1]["content"].encode())
    return json.dumps({"reason": "so it sounds", "satisfied": told % 3 > 0})


@contextmanager
def judged(server: StubServer, *, attempts: int, **watch: Any) -> Iterator[Scorer]:
    settings = OpenAIConfig(
        model=server.model, base_url=server.base_url, api_key_env=None, attempts=attempts
    )
    with closing(settings.build()) as model:
        yield Scorer(verdicts=HybridVerdicts(**watch).build(model))


def fail_after(server: StubServer, requests: int, outage_s: float | None) -> threading.Thread:
    """Once so many requests came, go down for a while; None: until somebody brings it up."""

    def watch() -> None:
        while len(server.received) < requests:
            time.sleep(0.002)
        server.take_down()
        if outage_s is not None:
            time.sleep(outage_s)
            server.bring_up()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def local_rows(scorer: Scorer, folder: Path) -> list[dict[str, Any]]:
    trainer = LocalTrainer(
        policy=TinyPolicy(hidden=32).build(TASK.tokens, seed=0), task=TASK, credit=CREDIT,
        settings=SETTINGS, seed=7, scorer=scorer,
    )  # fmt: skip
    return [trainer.take_step() for _ in range(STEPS)]


def trl_rows(scorer: Scorer, folder: Path) -> list[dict[str, Any]]:
    sys.path.insert(0, str(Path(__file__).parents[2] / "contract"))
    from trl_support import rtt_trainer, words_policy

    stream = TASK.prompts("train", 5)
    trainer = rtt_trainer(
        folder, policy=words_policy(), prompts=[next(stream) for _ in range(12)], scorer=scorer,
        changed={"max_steps": STEPS, "per_device_train_batch_size": ROWS},
    )  # fmt: skip
    trainer.train()
    rows = [row for row in trainer.state.log_history if "loss" in row]
    return [{key.removeprefix("rtt/"): value for key, value in row.items()} for row in rows]


ENGINES = {"local": local_rows, "trl": trl_rows}
SAME = ("loss", "grad_norm", "reward", "satisfied_rate", "unscored_criteria")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("outage_s", [2.0, pytest.param(30.0, marks=pytest.mark.slow)])
def test_an_outage_that_is_waited_for_changes_nothing(
    tmp_path: Path, outage_s: float, engine: str
) -> None:
    if engine == "trl" and not is_available("trl"):
        pytest.skip("needs rtt-llm[trl]")
    with StubServer(opinion) as server, judged(server, attempts=14) as scorer:
        calm = ENGINES[engine](scorer, tmp_path / "calm")
        calls = len(server.received)
    with StubServer(opinion) as server, judged(server, attempts=14) as scorer:
        outage = fail_after(server, calls // 2, outage_s)
        rows = ENGINES[engine](scorer, tmp_path / "rough")
        outage.join()
    assert [row["unscored_criteria"] for row in rows] == [0] * STEPS
    for row, expected in zip(rows, calm, strict=True):
        assert {key: row[key] for key in SAME} == {key: expected[key] for key in SAME}
    assert sum(row["verdict_s"] for row in rows) > outage_s / 2, "it was down while it was asked"


def test_what_is_not_waited_for_is_masked_and_counted_and_training_goes_on() -> None:
    with StubServer(opinion) as server, judged(server, attempts=1) as scorer:
        trainer = LocalTrainer(
            policy=TinyPolicy(hidden=32).build(TASK.tokens, seed=0), task=TASK, credit=CREDIT,
            settings=SETTINGS, seed=7, scorer=scorer,
        )  # fmt: skip
        rows = [trainer.take_step()]
        server.take_down()
        rows.append(trainer.take_step())
        server.bring_up()
        rows.append(trainer.take_step())
    assert [row["verdicts_judge"] for row in rows] == [ROWS, 0, ROWS]
    assert [row["verdicts_unscored"] for row in rows] == [0, ROWS, 0]
    assert [row["unscored"] for row in rows] == [0, 0, 0], "what programs check still counts"
    assert all(torch.isfinite(torch.tensor([row["loss"], row["grad_norm"]])).all() for row in rows)
    assert rows[1]["grad_norm"] > 0


def test_a_masked_criterion_leaves_no_trace_in_the_update() -> None:
    """The step without the judge is the step of a rubric without the judged criterion."""
    steps = []
    for task in (TASK, WordsTask()):
        with StubServer(opinion) as server, judged(server, attempts=1, patience=9) as scorer:
            server.take_down()
            trainer = LocalTrainer(
                policy=TinyPolicy(hidden=32).build(TASK.tokens, seed=0), task=task, credit=CREDIT,
                settings=SETTINGS, seed=7, scorer=scorer,
            )  # fmt: skip
            steps.append((trainer.take_step(), trainer.policy.model))
    (with_soft, one), (without, other) = steps
    assert with_soft["loss"] == pytest.approx(without["loss"], abs=1e-6)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


def test_a_run_that_an_outage_stopped_goes_on_with_the_same_numbers(tmp_path: Path) -> None:
    def job(name: str, scorer: Scorer) -> Job:
        return Job(
            seed=3, task=TASK, policy=TinyPolicy(hidden=32), credit=CREDIT, scorer=scorer,
            warm_start=WarmStart(steps=2, check_every=2, check_prompts=4, batch=4),
            train=SETTINGS, folder=tmp_path / name,
        )  # fmt: skip

    def metrics(name: str) -> list[dict[str, Any]]:
        text = (tmp_path / name / "metrics.jsonl").read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text.splitlines()]
        return [{key: row[key] for key in SAME} for row in rows if "loss" in row]

    strict = {"max_unscored": 0.0, "patience": 1}
    with StubServer(opinion) as server, judged(server, attempts=1, **strict) as scorer:
        run_job(job("whole", scorer))
        calls = len(server.received)
    with StubServer(opinion) as server, judged(server, attempts=1, **strict) as scorer:
        outage = fail_after(server, calls // 2, None)
        with pytest.raises(UserError, match=r"unscored.*connection.*resume"):
            run_job(job("cut", scorer))
        outage.join()
        assert len(metrics("cut")) < STEPS
        server.bring_up()
        run_job(job("cut", scorer))
    assert metrics("cut") == metrics("whole")
