"""One configuration, three launchers, two processes each: the same run."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lmcommon.app import conf_dir
from lmcommon.extras import is_available

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (is_available("trl") and is_available("hydra")),
        reason="needs rtt-llm[trl] and lmcommon[app]",
    ),
]

RECIPE = ["experiment=rtt/cpu_tiny", "credit.reward=csr"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def launched(before: list[str], after: list[str], folder: Path) -> Path:
    """Start the recipe; what it says must be its success."""
    done = subprocess.run(
        [sys.executable, *before, "-m", "rtt.run.train", *after, *RECIPE],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def rows(run: Path) -> list[dict[str, object]]:
    """Metrics without times and speeds."""
    return [
        {
            key: value
            for key, value in json.loads(line).items()
            if not key.endswith("_s") and not key.startswith(("step_time", "train_"))
        }
        for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]


@pytest.fixture(scope="module")
def by_torchrun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torchrun")
    return launched(TORCHRUN, ["hydra.run.dir=out"], folder) / "out"


def assert_same(run: Path, wanted: Path) -> None:
    assert (run / "trl" / "checkpoint-3" / "rng_state_1.pth").exists(), "one process, not two"
    for got, expected in zip(rows(run), rows(wanted), strict=True):
        assert got.keys() == expected.keys()
        for key, value in expected.items():
            same = got[key] == value or math.isclose(got[key], value, rel_tol=1e-6, abs_tol=1e-9)  # type: ignore[arg-type]
            assert same, (expected["step"], key, got[key], value)


def test_accelerate_gives_the_metrics_of_torchrun(by_torchrun: Path, tmp_path: Path) -> None:
    file = conf_dir() / "launch" / "cpu.yaml"
    launcher = ["-m", "accelerate.commands.launch", "--config_file", str(file)]
    folder = launched(launcher, ["hydra.run.dir=out"], tmp_path)
    assert_same(folder / "out", by_torchrun)


@pytest.mark.skipif(not is_available("submitit"), reason="needs lmcommon[cluster]")
def test_a_cluster_launcher_gives_the_metrics_of_torchrun(
    by_torchrun: Path, tmp_path: Path
) -> None:
    launcher = ["hydra/launcher=submitit_local", "hydra.launcher.tasks_per_node=2"]
    folder = launched([], ["-m", *launcher, "hydra.sweep.dir=out"], tmp_path)
    assert_same(folder / "out" / "0", by_torchrun)
