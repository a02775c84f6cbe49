"""`rtt-score`: responses that were recorded are judged later, again, or where a judge failed."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lmcommon.extras import is_available
from lmcommon.testing.stub_server import StubServer
from rtt.records import read_rollouts, write_parquet
from rtt.records.parts import FILE
from rtt.run.rollout import main as rollout_main
from rtt.run.score import main as score_main

from .verb_support import figures, run, start

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]
SMALL = ["warm_start.steps=0", "policy.hidden=32", "prompts=5", "samples=3", "batch=2"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rtt"])  # Hydra's entry sets it; put back after


def ask(server: StubServer, *more: str) -> list[str]:
    return [
        "verdicts=hybrid", "llm@judge_llm=openai", f"judge_llm.base_url={server.base_url}",
        "judge_llm.model=stub", "judge_llm.api_key_env=null", "judge_llm.attempts=1", *more,
    ]  # fmt: skip


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def given_unjudged(folder: Path, texts: Sequence[str]) -> None:
    """Responses of some model to prompts that only a judge can decide, in the run folder `r`."""
    asked = {"instruction": "Greet.", "input": "", "decomposed_questions": ["Kind?", "Short?"]}
    rows = [{"id": str(n), **asked} for n in range(len(texts))]
    answers = [{"id": str(n), "response": text} for n, text in enumerate(texts)]
    for name, lines in (("p.jsonl", rows), ("a.jsonl", answers)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / name).write_text(text, encoding="utf-8")
    words = ["data=infobench", "data.path=p.jsonl", "responses=a.jsonl", "verdicts=none"]
    assert rollout_main.run([*words, "hydra.run.dir=r"]) == 0


def judged(body: Mapping[str, Any]) -> str:
    return json.dumps({"reason": "read it", "satisfied": "dear" in json.dumps(body["messages"])})


def test_judged_later_is_as_if_judged_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rollout_main.run([*SMALL, "hydra.run.dir=at_once"]) == 0
    assert rollout_main.run([*SMALL, "verdicts=none", "hydra.run.dir=later"]) == 0
    unjudged = told(capsys)
    assert (unjudged["all_satisfied"], unjudged["unscored"], unjudged["mode"]) == (None, 15, "none")
    before = (tmp_path / "later" / FILE).read_bytes()
    assert score_main.run(["later", "hydra.run.dir=scored", "batch=2"]) == 0
    assert (tmp_path / "scored" / FILE).read_bytes() == (tmp_path / "at_once" / FILE).read_bytes()
    assert (tmp_path / "later" / FILE).read_bytes() == before, "what is scored is never changed"


def test_unjudged_is_said_and_is_no_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rollout_main.run([*SMALL, "verdicts=none", "hydra.run.dir=later"]) == 0
    out = capsys.readouterr().out
    assert "not judged: rtt-score judges and weighs what is recorded" in out
    assert "met" not in out.split("| kind")[0]
    failures = {
        verdict.failure for one in read_rollouts(tmp_path / "later")
        for verdict in one.scored.verdicts
    }  # fmt: skip
    assert failures == {"not judged"}


def test_only_what_a_failed_judge_left_is_asked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given_unjudged(tmp_path, ["Hello, dear!", "Hm.", "What?"])

    def fails_once(body: Mapping[str, Any]) -> str:
        return "no verdict" if "Hm." in json.dumps(body["messages"]) else judged(body)

    with StubServer(fails_once) as server:
        assert score_main.run(["r", *ask(server), "relevance=uniform", "hydra.run.dir=s"]) == 0
    first = told(capsys)
    assert (first["unscored"], first["unscored_criteria"], first["asked_criteria"]) == (1, 2, 6)
    with StubServer(judged) as server:
        words = ["s", *ask(server), "only=unscored", "relevance=random", "hydra.run.dir=t"]
        assert score_main.run(words) == 0
        calls = len(server.received)
    second = told(capsys)
    assert (second["unscored_criteria"], second["asked_criteria"], calls) == (0, 2, 2)
    old, new = list(read_rollouts(tmp_path / "s")), list(read_rollouts(tmp_path / "t"))
    assert [new[0], new[2]] == [old[0], old[2]], "what had a verdict stays as it is"
    assert new[1].scored.satisfied == (False, False)
    assert new[1].scored.relevance != old[1].scored.relevance == ((0.0,), (0.0,))


def test_a_judge_that_is_down_leaves_unscored_data_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given_unjudged(tmp_path, ["a", "b"])
    with StubServer(judged) as server:
        server.take_down()
        assert score_main.run(["r", *ask(server), "hydra.run.dir=s"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out.splitlines()[-1])["all_satisfied"] is None
    assert "rtt-score s only=unscored" in captured.out.replace(f"{tmp_path}/", "")


def test_parquet_in_parquet_out_with_the_credit_of_every_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow")
    assert rollout_main.run([*SMALL, "hydra.run.dir=r"]) == 0
    rows = list(read_rollouts(tmp_path / "r"))
    write_parquet(tmp_path / "r.parquet", rows)
    words = ["r.parquet", "credit=intra", "credit.reward=csr", "format=parquet"]
    assert score_main.run([*words, "hydra.run.dir=s"]) == 0
    assert told(capsys)["rollouts"].endswith("s/rollouts.parquet")
    scored = list(read_rollouts(tmp_path / "s"))
    assert [one.scored for one in scored] == [one.scored for one in rows]
    assert {one.label for one in scored} == {"RTT-CSR"}
    assert all(len(one.advantage) == len(one.scored.rollout.tokens) for one in scored)
    assert any(any(one.advantage) for one in scored)


def test_rollouts_that_changed_since_are_not_scored_into_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given_unjudged(tmp_path, ["a", "b"])
    assert score_main.run(["r", "hydra.run.dir=s"]) == 0
    lines = (tmp_path / "r" / FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / "r" / FILE).write_bytes(lines[0])
    capsys.readouterr()
    assert score_main.run(["resume=s"]) == 2
    assert "rollouts (rollouts.jsonl): expected what the run in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "rollouts: expected a value"),
        (["nowhere"], "expected a run folder with rollouts.jsonl"),
        (["r", "only=some"], "only: expected one of all, unscored"),
        (["r", "format=csv"], "format: expected one of jsonl, parquet"),
        (["r", "batch=0"], "batch: expected at least 1"),
        (["r", "verdicts=hybrid"], "expected a model that judges"),
        (["r", "relevance=policy_contrast"], "expected the policy"),
        (["r", "credit=gdpo"], "credit.batch_normalise=false"),
        (["bare/rollouts.jsonl", "hydra.run.dir=bare"], "expected a run folder of its own"),
        (["empty.jsonl"], "expected recorded responses; there is none"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    given_unjudged(tmp_path, ["a"])
    capsys.readouterr()
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "bare").mkdir()
    shutil.copy(tmp_path / "r" / FILE, tmp_path / "bare" / FILE)
    code = score_main.run(words)
    captured = capsys.readouterr()
    assert code == 2, captured.out
    assert expected in captured.err
    assert len(captured.err.splitlines()) == 1, captured.err


@pytest.mark.slow
def test_killed_and_resumed_no_verdict_is_paid_for_twice(tmp_path: Path) -> None:
    texts = [f"Hello number {n}" + ", dear" * (n % 3 == 0) for n in range(40)]
    given_unjudged(tmp_path, texts)
    asked: Counter[str] = Counter()
    lock = threading.Lock()

    def count(body: Mapping[str, Any]) -> str:
        with lock:
            asked[json.dumps(body["messages"])] += 1
        time.sleep(0.05)
        return judged(body)

    with StubServer(count) as server:
        words = ["r", *ask(server, "judge_llm.concurrency=2"), "relevance=uniform", "batch=7"]
        whole = run("score", *words, "hydra.run.dir=whole", cwd=tmp_path)
        assert whole.returncode == 0, whole.stderr
        assert set(asked.values()) == {1}
        asked.clear()
        victim = start("score", *words, "hydra.run.dir=killed", cwd=tmp_path)
        while asked.total() < 37 and victim.poll() is None:
            time.sleep(0.005)
        victim.kill()
        victim.wait()
        before = asked.total()
        resumed = run("score", "resume=killed", cwd=tmp_path)
        assert resumed.returncode == 0, resumed.stderr
    assert 37 <= before < 80
    again = sum(number - 1 for number in asked.values())
    assert len(asked) == 80
    assert again <= 2, "only what was under way at the kill is asked again"
    names = ["killed", "whole"]
    assert len({(tmp_path / name / FILE).read_bytes() for name in names}) == 1
    calls = figures(resumed)["judge_calls"]
    assert 80 <= calls <= 80 + again, "the costs count on"


@pytest.mark.slow
def test_it_runs_as_a_command_on_two_processes(tmp_path: Path) -> None:
    given_unjudged(tmp_path, ["Hello, dear!", "Hm.", "What?", "Oh dear"])
    with StubServer(judged) as server:
        done = run(
            "score", "r", *ask(server), "relevance=uniform", "batch=1", "hydra.run.dir=s",
            cwd=tmp_path, processes=2,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert len(server.received) == 8
    assert figures(done)["judge_calls"] == 8
    assert figures(done)["all_satisfied"] == 0.5
    assert [one.group for one in read_rollouts(tmp_path / "s")] == [0, 1, 2, 3]
