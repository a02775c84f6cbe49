"""`rtt-discriminator`: labelled rows in, a measured and exported discriminator out."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from lmcommon.extras import is_available
from lmcommon.llm.checkpoints import last_checkpoint
from rtt.discriminator import LabelledResponse, TokenDiscriminator, write_examples
from rtt.run.discriminator import main

from .verb_support import figures, run, start

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]
KINDS = ["rules.kinds=[keywords:existence,punctuation:no_comma,startend:end_checker]"]
SMALL = [
    *KINDS, "rules.rows=150", "rules.longest=2", "backbone.hidden=32", "backbone.layers=1",
    "backbone.pieces=300", "training.steps=12", "training.save_every=4", "training.eval_every=6",
    "training.batch=8", "draws=20",
]  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rtt"])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def metrics(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_trained_on_rule_made_rows_measured_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([*SMALL, "hydra.run.dir=r"]) == 0
    got = told(capsys)
    assert (got["steps"], got["resumed_from"]) == (12, 0)
    assert got["floor"] in ("ones", "keywords")
    assert got["kinds"] == 2
    assert got["held_out_kinds"] == 1, "startend:end_checker is held out by the hash of its name"
    model = TokenDiscriminator.load(got["discriminator"])
    assert model.temperature == pytest.approx(got["temperature"], abs=1e-3)
    assert model.model.config.rtt["kinds"] == ["keywords:existence", "punctuation:no_comma"]
    report = (tmp_path / "r" / "report.md").read_text(encoding="utf-8")
    assert "### Kinds held out of training" in report
    assert "| keywords:existence |" in report
    assert "<svg" in (tmp_path / "r" / "figures.html").read_text(encoding="utf-8")
    rows = metrics(tmp_path / "r")
    assert [row["step"] for row in rows if "f1" in row] == [6, 12]


def test_measured_again_a_discriminator_has_the_same_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([*SMALL, "hydra.run.dir=r"]) == 0
    first = told(capsys)
    before = (tmp_path / "r" / "discriminator" / "model.safetensors").read_bytes()
    words = [*SMALL, "train=false", "folder=r/discriminator", "hydra.run.dir=again"]
    assert main.run(words) == 0
    again = told(capsys)
    same = ("f1", "f1_interval", "held_out_f1", "calibration_error", "iou", "temperature")
    assert {key: again[key] for key in same} == {key: first[key] for key in same}
    assert again["steps"] is None
    assert (tmp_path / "r" / "discriminator" / "model.safetensors").read_bytes() == before


def test_rows_of_a_folder_with_floors_on_a_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        LabelledResponse(
            criterion="Say dune.", response=f"dune and word{n}", spans=((0, 4),),
            kind="person:error", prompt_id=str(n), source="people",
        )
        for n in range(40)
    ]  # fmt: skip
    (tmp_path / "data").mkdir()
    for name, part in (("train", rows[:20]), ("validation", rows[20:25]), ("test", rows[25:])):
        write_examples(tmp_path / "data" / f"{name}.jsonl", part)
    words = ["labels=data", "floors=[ones,keywords,embedding]", "embed=hash", "floor_rows=5"]
    assert main.run([*SMALL, *words, "hydra.run.dir=r"]) == 0
    got = told(capsys)
    assert (got["floor"], got["floor_f1"], got["train_rows"]) == ("keywords", 1.0, 20)
    report = (tmp_path / "r" / "report.md").read_text(encoding="utf-8")
    assert "labels by people" in report
    assert "On a sample (rows: embedding 5):" in report


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train=false"], "folder: expected a trained discriminator"),
        (["folder=x"], "folder: expected nothing with train=true"),
        (["labels=nowhere"], "labels: expected a folder with train.jsonl"),
        (["floors=[best]"], "floors: expected some of ones, zeros"),
        (["floors=[embedding]"], "embedding needs embed"),
        (["rules.rows=0"], "rules.rows"),
        (["train=false", "folder=nowhere"], "expected a folder"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    code = main.run([*SMALL, *words])
    captured = capsys.readouterr()
    assert code == 2, captured.out
    assert expected in captured.err
    assert len(captured.err.splitlines()) == 1, captured.err


@pytest.mark.slow
def test_killed_and_resumed_the_checkpoint_is_the_same(tmp_path: Path) -> None:
    words = [*SMALL, "training.steps=60", "training.save_every=10"]
    whole = run("discriminator", *words, "hydra.run.dir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    victim = start("discriminator", *words, "hydra.run.dir=killed", cwd=tmp_path)
    while last_checkpoint(tmp_path / "killed" / "checkpoints") is None and victim.poll() is None:
        time.sleep(0.01)
    victim.kill()
    victim.wait()
    resumed = run("discriminator", "resume=killed", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert figures(resumed)["resumed_from"] >= 10
    weights = [
        tmp_path / name / "discriminator" / "model.safetensors" for name in ("whole", "killed")
    ]
    one, other = map(load_file, weights)
    assert all((one[key] == other[key]).all() for key in one)
    assert metrics(tmp_path / "whole") == metrics(tmp_path / "killed")


@pytest.mark.slow
def test_two_processes_train_the_same_discriminator_together(tmp_path: Path) -> None:
    alone = run("discriminator", *SMALL, "training.batch=16", "hydra.run.dir=alone", cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    both = run("discriminator", *SMALL, "hydra.run.dir=both", cwd=tmp_path, processes=2)
    assert both.returncode == 0, both.stderr
    assert figures(both)["steps"] == figures(alone)["steps"] == 12
    assert last_checkpoint(tmp_path / "both" / "checkpoints") is not None
    assert (tmp_path / "both" / "discriminator" / "README.md").exists()
