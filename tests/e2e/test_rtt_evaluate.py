"""`rtt-evaluate` and `rtt-compare`: benchmarks in, figures, files and comparisons out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data.ifeval import read_verdicts
from lmcommon.extras import is_available
from lmcommon.testing.stub_server import StubServer
from lmcommon.testing.tiny_lm import make_tiny_lm
from rtt.records import read_rollouts
from rtt.records.parts import FILE
from rtt.run.compare import main as compare_main
from rtt.run.evaluate import main as evaluate_main

from .verb_support import figures, run, start

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]
SMALL = ["warm_start.steps=0", "policy.hidden=32", "prompts=6", "samples=2", "batch=2"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rtt"])  # Hydra's entry sets it; put back after


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def given(folder: Path, number: int = 4) -> list[str]:
    """IFEval prompts that forbid commas, and answers; the last has one in its first line."""
    asked = [
        {"key": n, "prompt": f"Write {n}, no commas.", "kwargs": [{}],
         "instruction_id_list": ["punctuation:no_comma"]}
        for n in range(number)
    ]  # fmt: skip
    texts = ["one two three"] * (number - 1) + ["Sure, here:\none two three"]
    write(folder / "p.jsonl", asked)
    write(folder / "a.jsonl", [{"id": n, "response": text} for n, text in enumerate(texts)])
    return ["benchmarks=[ifeval]", "ifeval.path=p.jsonl", "ifeval.responses=a.jsonl"]


def requirements(folder: Path) -> list[str]:
    """InFoBench rows with stored answers and verdicts."""
    rows = [
        {
            "id": f"i{n}", "instruction": "Greet.", "input": "", "subset": "Easy_set",
            "decomposed_questions": ["Is it kind?", "Is it short?"],
            "question_label": [["Style"], ["Format"]],
            "output": text, "eval": [kind, True],
        }
        for n, (text, kind) in enumerate([("Hello, dear!", True), ("Hm.", False), ("Oh", True)])
    ]  # fmt: skip
    write(folder / "i.jsonl", rows)
    return ["benchmarks=[infobench]", "infobench.path=i.jsonl", "infobench.responses=stored"]


def ask(server: StubServer) -> list[str]:
    return [
        "verdicts=hybrid", "llm@judge_llm=openai", f"judge_llm.base_url={server.base_url}",
        "judge_llm.model=stub", "judge_llm.api_key_env=null", "judge_llm.attempts=1",
    ]  # fmt: skip


def says_dear(body: Mapping[str, Any]) -> str:
    return json.dumps({"reason": "read it", "satisfied": "dear" in json.dumps(body["messages"])})


def test_given_answers_are_read_strictly_and_loosely(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_main.run([*given(tmp_path), "hydra.run.dir=r"]) == 0
    got = told(capsys)
    assert (got["ifeval"]["prompt_strict"], got["ifeval"]["prompt_loose"]) == (0.75, 1.0)
    assert (got["responses"], got["unscored_criteria"], got["tokens_per_s"]) == (4, 0, None)
    strict = list(read_verdicts(tmp_path / "r/verdicts/ifeval/eval_results_strict.jsonl"))
    loose = list(read_verdicts(tmp_path / "r/verdicts/ifeval/eval_results_loose.jsonl"))
    assert [one.is_all_satisfied for one in strict] == [True, True, True, False]
    assert all(one.is_all_satisfied for one in loose)
    results = json.loads((tmp_path / "r/results.json").read_text(encoding="utf-8"))
    assert results["benchmarks"]["ifeval"]["set"]["prompts"] == 4
    report = (tmp_path / "r/report.md").read_text(encoding="utf-8")
    assert "| ifeval | prompt_strict | 75.0% |" in report
    assert "| punctuation:no_comma | 75.0% |" in report


def test_a_reference_file_is_compared_row_by_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = given(tmp_path)
    assert evaluate_main.run([*words, "hydra.run.dir=first"]) == 0
    path = tmp_path / "first/verdicts/ifeval/eval_results_strict.jsonl"
    changed = path.read_text(encoding="utf-8").replace("true", "false", 2)
    (tmp_path / "theirs.jsonl").write_text(changed, encoding="utf-8")
    assert evaluate_main.run([*words, "ifeval.reference=theirs.jsonl", "hydra.run.dir=r"]) == 0
    assert told(capsys)["ifeval"]["reference_strict"] == {
        "criteria": 4, "equal": 3, "unexplained": 1, "unmatched": 0
    }  # fmt: skip
    report = (tmp_path / "r/report.md").read_text(encoding="utf-8")
    assert "| 0 | punctuation:no_comma | True | False |" in report


def test_the_held_out_prompts_of_a_task_are_a_benchmark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_main.run([*SMALL, "hydra.run.dir=r"]) == 0
    got = told(capsys)
    assert got["responses"] == 12
    assert got["tokens_per_s"] > 0
    assert 0 <= got["task"]["prompt_strict"] <= got["task"]["instruction_strict"] <= 1
    report = (tmp_path / "r/report.md").read_text(encoding="utf-8")
    assert "Sampled at temperature 0.7, top-p 0.8, top-k 20, 2 a prompt" in report
    assert "prompt_strict: prompts of which any sample succeeds" in report


def test_greedy_is_one_response_and_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SMALL[:3], "batch=2", "greedy=true"]
    assert evaluate_main.run([*words, "hydra.run.dir=a"]) == 0
    assert evaluate_main.run([*words, "seed=0", "batch=3", "hydra.run.dir=b"]) == 0
    assert told(capsys)["responses"] == 6
    texts = [[one.scored.rollout.text for one in read_rollouts(tmp_path / name)] for name in "ab"]
    assert texts[0] == texts[1]
    assert any(texts[0])


def test_several_benchmarks_in_one_run_some_sampled_and_some_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tiny_lm(tmp_path / "lm")
    words = given(tmp_path)
    write(tmp_path / "b.jsonl", [
        {"key": "x", "prompt": "Name two fruits.", "kwargs": [{"small_n": 3}],
         "instruction_id_list": ["count:conjunctions"]},
    ])  # fmt: skip
    words = [
        "benchmarks=[ifbench,ifeval]", *words[1:], "ifbench.path=b.jsonl", "policy=pretrained",
        "policy.path=lm", "max_tokens=8", "samples=3", "hydra.run.dir=r",
    ]  # fmt: skip
    assert evaluate_main.run(words) == 0
    got = told(capsys)
    assert (got["responses"], got["ifeval"]["prompt_strict"]) == (7, 0.75)
    assert got["ifbench"]["prompt_strict"] in (0.0, 1 / 3, 2 / 3, 1.0)


def test_a_judge_decides_and_its_agreement_with_stored_verdicts_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = requirements(tmp_path)
    with StubServer(says_dear) as server:
        assert evaluate_main.run([*words, *ask(server), "agreement=true", "hydra.run.dir=r"]) == 0
    got = told(capsys)
    assert got["infobench"]["drfr"] == pytest.approx(2 / 6)
    # Says yes to both of the first answer; the stored verdicts are yes, yes, no, yes, yes, yes.
    assert got["agreement"]["accuracy"] == pytest.approx(3 / 6)
    assert got["agreement"]["kappa"] == pytest.approx((0.5 - (2 / 6 * 5 / 6 + 4 / 6 / 6)) / (
        1 - (2 / 6 * 5 / 6 + 4 / 6 / 6)))  # fmt: skip
    report = (tmp_path / "r/report.md").read_text(encoding="utf-8")
    assert "| Style | 2 of 3 |" in report


def test_a_judge_that_is_down_leaves_no_figure_and_bounds_of_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = requirements(tmp_path)
    with StubServer(says_dear) as server:
        server.take_down()
        assert evaluate_main.run([*words, *ask(server), "hydra.run.dir=r"]) == 0
    got = told(capsys)
    assert (got["infobench"]["drfr"], got["unscored_criteria"]) == (None, 6)
    assert "| infobench | drfr | no verdict |" in (tmp_path / "r/report.md").read_text()


def test_responses_that_nobody_judged_are_judged_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = requirements(tmp_path)
    assert evaluate_main.run([*words, "verdicts=none", "hydra.run.dir=r"]) == 0
    got = told(capsys)
    assert (got["infobench"]["drfr"], got["cut_off_share"]) == (None, None)
    later = [*words[:2], "infobench.responses=r/verdicts/infobench/responses.jsonl"]
    with StubServer(says_dear) as server:
        assert evaluate_main.run([*later, *ask(server), "hydra.run.dir=s"]) == 0
    assert told(capsys)["infobench"]["drfr"] == pytest.approx(2 / 6)


def test_two_runs_are_compared_and_what_flipped_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = given(tmp_path)
    assert evaluate_main.run([*words, "hydra.run.dir=a"]) == 0
    write(tmp_path / "a.jsonl", [{"id": n, "response": "a, b"} for n in range(4)])
    assert evaluate_main.run([*words, "hydra.run.dir=b"]) == 0
    capsys.readouterr()
    assert compare_main.run(["a", "b", "hydra.run.dir=c"]) == 0
    (got,) = told(capsys)["comparisons"]
    assert (got["prompts"], got["flips"]) == (4, 3)
    assert got["prompt_strict"]["difference"] == -0.75
    assert got["prompt_strict"]["p"] == 0.25
    report = (tmp_path / "c/report.md").read_text(encoding="utf-8")
    assert "- [0](flips.md#ifeval-0): 100% to 0% (punctuation:no_comma)" in report
    assert "a, b" in (tmp_path / "c/flips.md").read_text(encoding="utf-8")
    assert len((tmp_path / "c/flips.jsonl").read_text(encoding="utf-8").splitlines()) == 3


def test_runs_that_sampled_otherwise_are_refused_unless_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_main.run([*SMALL, "hydra.run.dir=a"]) == 0
    assert evaluate_main.run([*SMALL, "sampling.temperature=0.5", "hydra.run.dir=b"]) == 0
    capsys.readouterr()
    assert compare_main.run(["a", "b", "hydra.run.dir=c"]) == 2
    refused = capsys.readouterr().err
    assert "expected the same sampling" in refused
    assert len(refused.splitlines()) == 1
    assert compare_main.run(["a", "b", "anyway=true", "hydra.run.dir=c"]) == 0
    assert told(capsys)["notes"] == 1
    assert "Compared although" in (tmp_path / "c/report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["benchmarks=[]"], "expected at least one of ifeval"),
        (["benchmarks=[ifevil]"], "expected names out of ifeval"),
        (["benchmarks=[task,task]"], "expected each once"),
        (["benchmarks=[ifeval]"], "ifeval.path: expected where its prompts are"),
        (["benchmarks=[ifeval]", "ifeval.path=p.jsonl"], "policy: expected a pretrained one"),
        (["benchmarks=[ifeval]", "ifeval.path=p.jsonl", "ifeval.responses=stored"],
         "expected prompts that come with a response"),
        (["benchmarks=[infobench]", "infobench.path=i.jsonl"], "expected a judge for infobench"),
        (["agreement=true"], "agreement: expected benchmarks=[infobench]"),
        (["greedy=true", "samples=3"], "samples: expected 1 with greedy=true"),
        (["verdicts.mode=loose"], "verdicts.mode: expected strict"),
        (["batch=0"], "batch: expected at least 1"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    given(tmp_path)
    assert evaluate_main.run([*words, "hydra.run.dir=r"]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert len(said.splitlines()) == 1, said
    assert not (tmp_path / "r").exists()


def test_a_comparison_needs_finished_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x").mkdir()
    assert compare_main.run(["x", "x"]) == 2
    assert "expected a finished run folder of rtt-evaluate" in capsys.readouterr().err


@pytest.mark.slow
def test_killed_and_resumed_it_leaves_what_an_undisturbed_run_leaves(tmp_path: Path) -> None:
    words = [*given(tmp_path, number=400), "batch=1"]
    whole = run("evaluate", *words, "hydra.run.dir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    victim = start("evaluate", *words, "hydra.run.dir=killed", cwd=tmp_path)
    rows = tmp_path / "killed/metrics.jsonl"
    while victim.poll() is None and not (rows.exists() and rows.stat().st_size > 2000):
        time.sleep(0.005)
    victim.kill()
    victim.wait()
    assert not (tmp_path / "killed/results.json").exists(), "killed too late to show anything"
    resumed = run("evaluate", "resume=killed", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    for name in (FILE, "results.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert figures(resumed)["ifeval"] == figures(whole)["ifeval"]


@pytest.mark.slow
def test_two_processes_leave_what_one_leaves(tmp_path: Path) -> None:
    words = [*given(tmp_path, number=12), "batch=2"]
    alone = run("evaluate", *words, "hydra.run.dir=one", cwd=tmp_path)
    both = run("evaluate", *words, "hydra.run.dir=two", cwd=tmp_path, processes=2)
    assert both.returncode == 0, both.stderr
    assert figures(both)["processes"] == 2
    for name in (FILE, "results.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert figures(alone)["ifeval"] == figures(both)["ifeval"]
