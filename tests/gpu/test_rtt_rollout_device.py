"""On a CUDA device: rtt-rollout samples there, not on the processor beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_the_policy_lies_on_the_gpu(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "rtt.run.rollout", "sampler=transformers", "prompts=4",
            "samples=2", "policy.hidden=32", "warm_start.steps=0", "hydra.run.dir=run",
        ],
        cwd=tmp_path, check=True, timeout=300,
    )  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    assert rows
    assert all(row["peak_gpu_mib"] > 0 for row in rows), rows
