"""Two processes over gloo do what one does: rollouts, advantages, losses, checkpoints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("ranks.py")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
Rows = list[dict[str, Any]]


def run(out: Path, processes: int, kind: str, steps: int, *more: Path) -> list[Rows]:
    """Rows of every process."""
    out.mkdir(parents=True, exist_ok=True)
    launcher = TORCHRUN if processes == 2 else ()
    done = subprocess.run(
        [sys.executable, *launcher, str(SCRIPT), str(out), kind, str(steps), *map(str, more)],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return [
        json.loads((out / f"rows-{rank}.json").read_text(encoding="utf-8"))
        for rank in range(processes)
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Four steps of one process."""
    return run(tmp_path_factory.mktemp("alone"), 1, "ddp", 4)[0]


def check(rows: Rows, expected: Rows) -> None:
    for row, wanted in zip(rows, expected, strict=True):
        for exact in ("step", "tokens", "heldout", "reward", "rows_trained", "packed_fraction"):
            assert row[exact] == wanted[exact], (exact, wanted["step"])
        for close in ("loss", "grad_norm", "entropy", "approx_kl"):
            assert row[close] == pytest.approx(wanted[close], rel=1e-5, abs=1e-8), close
        assert row["advantage"] == wanted["advantage"]


@pytest.mark.parametrize("kind", ["ddp", "fsdp2"])
def test_two_processes_train_as_one(kind: str, alone: Rows, tmp_path: Path) -> None:
    first, second = run(tmp_path, 2, kind, 3)
    check(first, alone[:3])
    check(second, alone[:3])


def test_a_sharded_run_goes_on_in_one_process_and_back(alone: Rows, tmp_path: Path) -> None:
    """Two steps on two processes, one on one, one on two again; the names of a checkpoint stay."""
    saved = tmp_path / "checkpoint.pt"
    check(run(tmp_path / "a", 2, "fsdp2", 2, saved)[0], alone[:2])
    assert [path.name for path in tmp_path.glob("*checkpoint*")] == ["checkpoint-00000002"]
    check(run(tmp_path / "b", 1, "fsdp2", 1, saved, saved)[0], alone[2:3])
    assert [path.name for path in tmp_path.glob("*checkpoint*")] == ["checkpoint.pt"]
    check(run(tmp_path / "c", 2, "fsdp2", 1, saved, saved)[1], alone[3:4])
    assert [path.name for path in tmp_path.glob("*checkpoint*")] == ["checkpoint-00000004"]
