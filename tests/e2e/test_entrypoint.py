"""The entry-point machinery, through a small verb of its own in a subprocess."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

VERB = """
import os, signal
from dataclasses import dataclass, field
from typing import Any
from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError

@dataclass(frozen=True)
class Fruit:
    path: str | None = None
    weight_g: int = 10
    def __post_init__(self):
        if self.weight_g < 1:
            raise UserError(f"fruit.weight_g: expected >= 1, got {self.weight_g}; choose a weight")

@dataclass(kw_only=True)
class Config:
    fruit: Any = None
    seed: int = 0
    items: int = 3
    kill_at: int | None = None

def work(config, run: Run):
    if config.fruit.path is not None and not os.path.exists(config.fruit.path):
        raise UserError(f"fruit.path: no such file {config.fruit.path!r}; give a file")
    done = {row["item"] for row in run.read("items")}
    for item in run.progress(range(config.items), "items"):
        if item in done:
            continue
        run.append("items", {"item": item, "value": float("nan")})
        if config.kill_at == item and not done:
            os.kill(os.getpid(), signal.SIGKILL)
    run.console.print("a table")
    run.report("# report")
    return {"items": len(run.read("items")), "kept": len(done), "weight_g": config.fruit.weight_g}

main = entrypoint("toy/verb", Config, work, groups={"fruit": {"apple": Fruit, "pear": Fruit}})
if __name__ == "__main__":
    main()
"""


@pytest.fixture
def verb(tmp_path: Path, repo_root: Path) -> Path:
    conf = tmp_path / "conf"
    (conf / "toy").mkdir(parents=True)
    (conf / "fruit").mkdir()
    (conf / "base.yaml").write_text((repo_root / "conf/base.yaml").read_text())
    (conf / "toy/verb.yaml").write_text(
        "# @package _global_\ndefaults:\n  - /base\n  - /schema/root/toy_verb@_here_\n"
        "  - /fruit: apple\n  - _self_\n"
    )
    for name, weight in (("apple", 150), ("pear", 180)):
        (conf / f"fruit/{name}.yaml").write_text(
            f"defaults:\n  - /schema/fruit/{name}@_here_\nweight_g: {weight}\n"
        )
    script = tmp_path / "verb.py"
    script.write_text(VERB)
    return script


def call(verb: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    elsewhere = verb.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, str(verb), *arguments],
        cwd=elsewhere,
        env={**os.environ, "LMCOMMON_CONF": str(verb.parent / "conf")},
        capture_output=True,
        text=True,
        timeout=120,
    )


def runs(verb: Path) -> list[Path]:
    return sorted((verb.parent / "elsewhere").glob("runs/*/*"))


def test_a_run_prints_its_figures_as_the_last_line(verb: Path) -> None:
    done = call(verb, "fruit=pear", "items=2", "seed=7")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    summary = json.loads(lines[-1])
    assert lines[0] == "a table"
    assert summary["items"] == 2
    assert summary["weight_g"] == 180
    (folder,) = runs(verb)
    assert json.loads((folder / "summary.json").read_text()) == summary
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["seed"] == 7
    assert manifest["status"] == "finished"
    assert manifest["versions"]["lmcommon"]
    assert "weight_g: 180" in (folder / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frut=pear"], "frut"),
        (["fruit=plum"], "pear"),
        (["fruit.wait_g=3"], "wait_g"),
        (["items=many"], "items"),
        (["fruit.weight_g=0"], "expected >= 1, got 0"),
        (["fruit.path=nowhere.json"], "no such file 'nowhere.json'"),
        (["resume=nowhere"], "expected a run folder"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    verb: Path, arguments: list[str], said: str
) -> None:
    done = call(verb, *arguments)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert said in done.stderr
    assert runs(verb) == [], "nothing half-written"


def test_a_killed_run_resumes_with_what_it_had(verb: Path) -> None:
    killed = call(verb, "items=6", "kill_at=3", "fruit=pear")
    assert killed.returncode == -9
    (folder,) = runs(verb)
    with (folder / "items.jsonl").open("a") as file:
        file.write('{"item": 4, "val')  # what a kill in the middle of a write leaves
    resumed = call(verb, f"resume={os.path.relpath(folder, verb.parent / 'elsewhere')}")
    assert resumed.returncode == 0, resumed.stderr
    summary = json.loads(resumed.stdout.strip().splitlines()[-1])
    assert summary["items"] == 6
    assert summary["kept"] == 4
    assert summary["weight_g"] == 180, "the overrides of the first run come back"
    assert runs(verb) == [folder]
    assert json.loads((folder / "manifest.json").read_text())["attempts"] == 2


def test_a_run_is_not_resumed_under_another_configuration(verb: Path) -> None:
    call(verb, "items=2")
    (folder,) = runs(verb)
    done = call(verb, f"resume={folder}", "items=5")
    assert done.returncode == 2
    assert "items changed" in done.stderr
    assert (folder / "summary.json").exists(), "the first run's records stay"


@pytest.mark.parametrize("arguments", [["-m", "items=1,2"], ["items=1,2", "-m"]])
def test_multirun_makes_a_folder_a_job(verb: Path, arguments: list[str]) -> None:
    done = call(verb, *arguments)
    assert done.returncode == 0, done.stderr
    summaries = sorted(p.parent.name for p in verb.parent.rglob("summary.json"))
    assert summaries == ["0", "1"]


def test_help_lists_the_options(verb: Path) -> None:
    done = call(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert "fruit=        apple* pear" in done.stdout, done.stdout


def test_runs_that_start_together_have_a_folder_each(verb: Path) -> None:
    elsewhere = verb.parent / "elsewhere"
    elsewhere.mkdir()
    started = [
        subprocess.Popen(
            [sys.executable, str(verb), f"seed={seed}"], cwd=elsewhere, stdout=subprocess.PIPE,
            env={**os.environ, "LMCOMMON_CONF": str(verb.parent / "conf")}, text=True,
        )
        for seed in range(3)
    ]  # fmt: skip
    told = [json.loads(one.communicate(timeout=120)[0].splitlines()[-1]) for one in started]
    assert [one.returncode for one in started] == [0, 0, 0]
    folders = {str((elsewhere / figures["run"]).relative_to(elsewhere)) for figures in told}
    assert folders == {str(path.relative_to(elsewhere)) for path in runs(verb)}
    assert len(folders) == 3
