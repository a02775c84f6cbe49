"""rtt-train with TRL and the real vLLM on a CPU: a whole run, and one that is killed."""

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

from rtt.records import read_rollouts
from rtt.train.trl.resume import last_checkpoint

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from trl_vllm_support import COMMAND, environment, needs_vllm, rows_of, timeless, train

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]
VLLM = "engine.rollouts=vllm"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, str]:
    """Figures, folder and messages of a run that nobody disturbs."""
    needs_vllm()
    done = train(VLLM, cwd=tmp_path_factory.mktemp("whole"))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures, Path(figures["run"]), done.stderr


def test_three_steps_are_trained_and_timed_by_phase(whole: Any) -> None:
    figures, folder, _ = whole
    rows = rows_of(folder)
    assert [row["step"] for row in rows] == [0, 1, 2, 3]
    phases = {f"{name}_s" for name in ("rollout", "sync", "verdict", "relevance", "credit",
                                       "update")}  # fmt: skip
    for row in rows[1:]:
        assert phases <= row.keys(), sorted(row)
        assert row["rollout_s"] > 0
        assert row["sync_s"] > 0
        assert row["tokens_per_s"] > 0
    assert figures["steps"] == 3
    assert figures["unscored"] == 0


def test_after_every_update_vllm_and_the_trainer_agree(whole: Any) -> None:
    gaps = [row["sampling/sampling_logp_difference/max"] for row in rows_of(whole[1])[1:]]
    assert max(gaps) < 1e-3, gaps
    ratios = [row["sampling/importance_sampling_ratio/min"] for row in rows_of(whole[1])[1:]]
    assert min(ratios) > 0.99, ratios


def test_tokens_get_credit_of_their_own(whole: Any) -> None:
    records = list(read_rollouts(whole[1] / "rollouts.jsonl"))
    places = [(one.step, one.group, one.sample) for one in records]
    assert places == [(s, g, i) for s in (1, 2, 3) for g in range(2) for i in range(4)]
    uneven = [one for one in records if len(set(one.advantage)) > 1]
    assert uneven, "in no response do two tokens differ"
    assert all(value < 0 for one in records for value in one.scored.rollout.logprobs)


def test_a_version_that_we_tested_is_no_reason_for_a_warning(whole: Any) -> None:
    assert "vLLM versions" not in whole[2], whole[2]


def test_a_killed_run_goes_on_as_if_it_had_not_been(whole: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        [*COMMAND, VLLM, f"hydra.run.dir={folder}"], cwd=tmp_path, env=environment(),
        stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while (found := last_checkpoint(folder / "trl")) is None or found.name < "checkpoint-2":
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    log.close()
    assert found.name == "checkpoint-2"
    done = train(f"resume={folder}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows, expected = rows_of(folder), rows_of(whole[1])
    assert [row["step"] for row in rows] == [0, 1, 2, 3], "each step once"
    assert [timeless(row) for row in rows] == [timeless(row) for row in expected]
    told = [
        [one.scored.rollout.text for one in read_rollouts(one_folder / "rollouts.jsonl")]
        for one_folder in (folder, whole[1])
    ]
    assert told[0] == told[1]
