"""`memtrace-attribute` as a user starts it: sources, methods, killed and resumed, misled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from memtrace.faultbench.recipes import write_recipes
from memtrace.faultbench.types import Recipe

from .verb_support import run_module

pytestmark = pytest.mark.e2e

SMALL = Path(__file__).parents[1] / "data/memtrace/smartcomment_small.json"


def start(folder: Path, name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"memtrace.run.{name}", *arguments], cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def verb(folder: Path, name: str, *arguments: str) -> tuple[int, str, str]:
    done = run_module(f"memtrace.run.{name}", *arguments, cwd=folder, OMP_NUM_THREADS="1")
    return done.returncode, done.stdout, done.stderr


def figures(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


def rows(folder: str | Path) -> list[dict[str, Any]]:
    text = (Path(folder) / "attributions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of memtrace-trace, most of whose answers are wrong."""
    folder = tmp_path_factory.mktemp("run")
    code, out, err = verb(folder, "trace", "llm=scripted", "memory=rag_bm25", "data.size=tiny")
    assert code == 0, err
    return Path(figures(out)["run"])


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two FaultBench cases with a planted fault and one control; not verified, which these are
    known to pass: the simulated model answers right without the fault."""
    path = tmp_path_factory.mktemp("bench") / "recipes.jsonl"
    one = {"pipeline": "rag_bm25", "size": "tiny", "split": "dev", "seed": 7}
    write_recipes(path, [
        Recipe(id="cut", kinds=("context_cut",), **one),
        Recipe(id="deaf", kinds=("over_abstain",), **one),
        Recipe(id="clean", kinds=("no_fault",), **one),
    ])  # fmt: skip
    return path


def test_every_wrong_answer_of_a_run(run: Path, tmp_path: Path) -> None:
    code, out, err = verb(
        tmp_path, "attribute", f"source.path={run}", "methods=[llm_free,last]",
        "source.replays=false",
    )  # fmt: skip
    assert code == 0, err
    found = figures(out)
    wrong = json.loads((run / "summary.json").read_text(encoding="utf-8"))["failures"]
    assert (found["cases"], found["failed"]) == (wrong, 0)
    left = {path.name for path in Path(found["run"]).iterdir()}
    assert {"attributions.jsonl", "report.md", "scores.json", "summary.json"} <= left, left
    assert {(row["method"], row["attribution"]["verdict"]) for row in rows(found["run"])} == {
        ("llm_free", "memory error"), ("last", "memory error"),
    }  # fmt: skip


def test_one_question_is_told_in_full(run: Path, tmp_path: Path) -> None:
    code, out, err = verb(
        tmp_path, "attribute", f"source.path={run}", "source.question=q1", "methods=[replayed]"
    )
    assert code == 0, err
    for said in ("evidence log", "survival:", "blame", "cost"):
        assert said in out, out
    row = rows(figures(out)["run"])[0]
    assert row["attribution"]["log"]
    assert "causal" in row["stages"], row["left_out"]


def test_planted_faults_are_found_and_proved(recipes: Path, tmp_path: Path) -> None:
    code, out, err = verb(
        tmp_path, "attribute", "source=faultbench", f"source.path={recipes}", "llm=simulated",
        "methods=[full,always_retrieval]", "workers=2",
    )  # fmt: skip
    assert code == 0, err
    methods = figures(out)["methods"]
    assert methods["full"]["scored"] == 3, out
    assert (methods["full"]["exact"], methods["full"]["false_blame"]) == (1.0, 0.0), out
    assert methods["full"]["flips"] == 1.0
    assert methods["always_retrieval"]["exact"] == 0.0
    text = (Path(figures(out)["run"]) / "report.md").read_text(encoding="utf-8")
    assert "McNemar, exact" in text


def test_attribution_is_told_nothing_of_the_recipe(recipes: Path, tmp_path: Path) -> None:
    code, out, err = verb(
        tmp_path, "attribute", "source=faultbench", f"source.path={recipes}", "methods=[llm_free]"
    )
    assert code == 0, err
    for row in rows(figures(out)["run"]):
        said = json.dumps(row["attribution"])
        assert not any(word in said for word in ("context_cut", "over_abstain", "no_fault")), said


def test_memtracebench_is_scored(tmp_path: Path) -> None:
    code, out, err = verb(
        tmp_path, "attribute", "source=memtracebench", f"source.path={SMALL}",
        "methods=[llm_free,always_response]",
    )  # fmt: skip
    assert code == 0, err
    methods = figures(out)["methods"]
    assert methods["always_response"]["exact"] == 1.0, "the one memory error is of the answer"
    assert methods["always_response"]["false_blame"] == 1.0


def test_a_killed_run_is_continued(run: Path, tmp_path: Path) -> None:
    arguments = (f"source.path={run}", "methods=[replayed]", "workers=2")
    process = start(tmp_path, "attribute", *arguments)
    deadline = time.monotonic() + 60
    written: list[Path] = []
    while time.monotonic() < deadline and process.poll() is None:
        written = list(tmp_path.glob("runs/*/*/attributions.jsonl"))
        if written and written[0].read_bytes().count(b"\n") >= 2:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = rows(written[0].parent)
    code, out, err = verb(tmp_path, "attribute", f"resume={written[0].parent}")
    assert code == 0, err
    after = rows(written[0].parent)
    assert after[: len(before)] == before
    keys = [(row["case"], row["method"]) for row in after]
    assert len(keys) == len(set(keys)) == figures(out)["cases"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "source.path: expected a trace or a run folder"),
        (("source.path=nowhere",), "expected a trace, or a run folder of memtrace-trace"),
        (("source.path=x", "methods=[guess]"), "methods: expected some of full"),
        (("source.path=x", "methods=[tracing]"), "llm: expected a model"),
        (("source.path=x", "evidence=all"), "evidence: expected one of gold, answer, none"),
        (("source.path=x", "settings.causal.max_set=0"), "settings.causal.max_set: expected"),
        (("source=memtracebench", "source.path=gone"), "expected files of MemTraceBench"),
        (("source=faultbench", "source.path=gone.jsonl"), "gone.jsonl"),
        (("source=who_and_when", "source.path=gone"), "gone: expected files of Who&When"),
        (("source.path=x", "stages=[]"), "stages: expected some of validity"),
        (("source.path=x", "stages=[causal]", "methods=[last]"), "stages: expected them with"),
        (("source.path=x", "replay_llm=scripted"), "choose one with llm@replay_llm=scripted"),
        (("source.path=x", "timeout_s=5"), "timeout_s: expected processes that can be ended"),
        (("source.path=x", "settings.tracing.max_calls=0"), "max_calls: expected at least 1"),
        (("source.path=x", "settings.whole_trace.max_tokens=0"), "max_tokens: expected at least"),
    ],
)
def test_mistakes_are_told_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = verb(tmp_path, "attribute", *arguments)
    assert code == 2, err
    assert said in err
    assert "Traceback" not in err
    assert not (tmp_path / "runs").exists(), "a refused run leaves nothing behind"
