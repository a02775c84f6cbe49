"""rtt-study and rtt-table in processes of their own: two tiny arms, a few steps."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from lmcommon.extras import is_available

from .verb_support import figures, run, start

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]
SMALL = [
    "policy.hidden=32", "warm_start.steps=20", "train.steps=3", "train.prompts=4",
    "train.samples=4", "train.heldout=8", "train.eval_every=3", "train.record_every=0",
    "measure.prompts=16", "measure.samples=2", "folder=arms",
]  # fmt: skip
TWO = ["tables=null", "arms=[rl_aon,rtt_aon]", "seeds=[1,2]"]


def stamps(folder: Path) -> dict[str, int]:
    """When each file was last written."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_arms_are_trained_once_from_one_start_and_set_beside_the_papers(tmp_path: Path) -> None:
    done = run("study", *TWO, *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = figures(done)
    assert (told["results"], told["unscored"]) == (4, 0)
    assert told["tables"] == ["main", "relevance", "beta", "learned"], told
    arms = tmp_path / "arms"
    assert sorted(path.name for path in (arms / "tiny" / "1").iterdir()) == [
        "rl_aon", "rtt_aon", "start"
    ]  # fmt: skip
    base = [
        json.loads((arms / "tiny" / "1" / arm / "training" / "metrics.jsonl").read_text(
            encoding="utf-8").splitlines()[0])["heldout_all_satisfied"]
        for arm in ("rl_aon", "rtt_aon")
    ]  # fmt: skip
    assert base[0] == base[1], "both arms begin with the same weights"

    before = stamps(arms)
    again = run("study", *TWO, *SMALL, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert stamps(arms) == before, "finished arms are read"
    assert figures(again)["arm_means"] == told["arm_means"]

    shown = run("table", "arms", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert figures(shown)["arm_means"] == told["arm_means"]
    text = Path(tmp_path / figures(shown)["markdown"]).read_text(encoding="utf-8")
    assert "RTT-AON minus RL-AON" in text
    assert "| Qwen3-4B-Instruct-2507 (paper) | RTT-AON | - | 85.21 ± 1.53 |" in text

    other = run("study", *TWO, *SMALL, "train.steps=4", cwd=tmp_path)
    assert other.returncode == 2
    assert "train.steps differ" in other.stderr, other.stderr


@pytest.mark.slow
def test_the_jobs_of_a_multirun_share_a_folder(tmp_path: Path) -> None:
    done = run(
        "study", "-m", "tables=null", "arms=base,rl_aon", "seeds=1", *SMALL, cwd=tmp_path
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = figures(run("table", "arms", cwd=tmp_path))
    assert sorted(shown["arm_means"]["tiny"]) == ["base", "rl_aon"]


@pytest.mark.slow
def test_two_jobs_with_one_arm_in_common_train_it_once(tmp_path: Path) -> None:
    words = ["tables=null", "arms=[rtt_aon]", "seeds=1", *SMALL, "train.steps=20",
             "warm_start.steps=5"]  # fmt: skip
    jobs = [start("study", *words, cwd=tmp_path) for _ in range(2)]
    for job in jobs:
        assert job.wait(timeout=600) == 0
    rows = tmp_path / "arms" / "tiny" / "1" / "rtt_aon" / "training" / "metrics.jsonl"
    steps = [json.loads(row)["step"] for row in rows.read_text(encoding="utf-8").splitlines()]
    assert steps == sorted(set(steps)), steps


@pytest.mark.slow
def test_a_benchmark_that_is_added_later_is_measured_without_training_again(
    tmp_path: Path,
) -> None:
    rows = [
        {"key": n, "prompt": f"Write {n}, no commas.", "kwargs": [{}],
         "instruction_id_list": ["punctuation:no_comma"]}
        for n in range(3)
    ]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "p.jsonl").write_text(text, encoding="utf-8")
    words = [*SMALL, "tables=null", "arms=[base,rl_aon]", "seeds=1"]
    first = run("study", *words, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    before = stamps(tmp_path / "arms" / "tiny" / "1" / "rl_aon" / "training")
    more = run(
        "study", *words, "evaluate.benchmarks=[ifeval]", "evaluate.ifeval.path=p.jsonl",
        "evaluate.max_tokens=6", "evaluate.samples=2", cwd=tmp_path,
    )  # fmt: skip
    assert more.returncode == 0, more.stderr
    assert stamps(tmp_path / "arms" / "tiny" / "1" / "rl_aon" / "training") == before
    told = json.loads((tmp_path / "arms/tiny/1/rl_aon/result.json").read_text(encoding="utf-8"))
    column = told["columns"]["ifeval/prompt_strict"]
    assert (len(column["prompts"]), sum(column["counts"])) == (3, 6), column
    markdown = Path(figures(more)["markdown"])
    page = (tmp_path / markdown).read_text(encoding="utf-8")
    assert "| IFEval prompt |" in page, page


@pytest.mark.slow
@pytest.mark.skipif(not is_available("trl"), reason="needs rtt-llm[trl]")
def test_sft_and_dpo_learn_from_the_start_s_own_responses(tmp_path: Path) -> None:
    keys = ("rows_at_once=8", "accumulation=1", "steps=2", "heldout=0", "learning_rate=1e-3")
    small = [f"{arm}.{key}" for arm in ("sft", "dpo") for key in keys]
    done = run(
        "study", "tables=null", "arms=[base,sft,dpo]", "seeds=1", *SMALL, *small,
        "warm_start.steps=100", "record.prompts=128", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(figures(done)["arm_means"]["tiny"]) == ["base", "dpo", "sft"]
    folder = tmp_path / "arms" / "tiny" / "1"
    for arm in ("sft", "dpo"):
        told = json.loads((folder / arm / "result.json").read_text(encoding="utf-8"))["training"]
        assert told["steps"] == 2
        assert told["data"]["responses"] == 128 * 8, told


@pytest.mark.slow
def test_a_killed_arm_goes_on_and_comes_to_the_same_numbers(tmp_path: Path) -> None:
    words = [*SMALL, "tables=null", "arms=[rl_aon,rtt_aon]", "seeds=1", "train.steps=30",
             "train.checkpoint_every=5"]  # fmt: skip
    whole = run("study", *words, "folder=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    victim = start("study", *words, "folder=killed", cwd=tmp_path)
    rows = tmp_path / "killed" / "tiny" / "1" / "rtt_aon" / "training" / "metrics.jsonl"
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and victim.poll() is None:
        if rows.exists() and rows.read_bytes().count(b"\n") >= 12:
            break
        time.sleep(0.01)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait(timeout=60)
    assert not (rows.parent.parent / "result.json").exists()
    resumed = run("study", *words, "folder=killed", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    for arm in ("rl_aon", "rtt_aon"):
        told = [
            json.loads((tmp_path / folder / "tiny" / "1" / arm / "result.json").read_text(
                encoding="utf-8"))["columns"]
            for folder in ("whole", "killed")
        ]  # fmt: skip
        assert told[0] == told[1], arm


@pytest.mark.slow
def test_two_processes_train_an_arm_and_one_measures_it(tmp_path: Path) -> None:
    words = [*SMALL, "tables=null", "arms=[rtt_aon]", "seeds=1"]
    refused = run("study", *words, cwd=tmp_path, processes=2)
    assert refused.returncode != 0
    assert "train_only=true" in refused.stderr
    trained = run("study", *words, "train_only=true", cwd=tmp_path, processes=2)
    assert trained.returncode == 0, trained.stderr[-4000:]
    folder = tmp_path / "arms" / "tiny" / "1" / "rtt_aon"
    assert (folder / "trained.json").exists()
    assert not (folder / "result.json").exists()
    before = stamps(folder / "training")
    measured = run("study", *words, cwd=tmp_path)
    assert measured.returncode == 0, measured.stderr
    assert (folder / "result.json").exists()
    assert stamps(folder / "training") == before


@pytest.mark.parametrize(("words", "expected"), [
    (["arms=[learned]", "tables=null"], "discriminator: expected the folder"),
    (["tables=[mian]"], "tables: expected some of main"),
])  # fmt: skip
def test_what_a_study_lacks_is_said_before_any_training(
    words: list[str], expected: str, tmp_path: Path
) -> None:
    done = run("study", *words, *SMALL, cwd=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (tmp_path / "arms").exists()


def test_a_table_of_nothing_says_what_to_give(tmp_path: Path) -> None:
    done = run("table", cwd=tmp_path)
    assert done.returncode == 2
    assert "folder: expected the folder of a study" in done.stderr
