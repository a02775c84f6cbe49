"""rtt-train with TRL and a real vLLM server on a CPU, which is killed in the middle of the run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rtt.records import read_rollouts
from rtt.train.trl.resume import last_checkpoint

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from trl_vllm_support import environment, needs_vllm, rows_of

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
POLICY = ["policy=tiny", "policy.hidden=128", "policy.heads=2", "task=words"]
"""vLLM's CPU kernels know no head of fewer than 32 numbers."""
TRAIN = [
    sys.executable, "-m", "rtt.run.train", "engine=trl", "engine.rollouts=vllm_server", *POLICY,
    "engine.steps=30", "engine.prompts=2", "engine.samples=4", "engine.heldout=1",
    "engine.eval_every=30", "engine.checkpoint_every=1", "engine.learning_rate=1e-3",
    "engine.temperature=0.8", "engine.top_k=20", "credit.reward=csr",
]  # fmt: skip


@contextmanager
def serving(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers; its processes are a group of their own."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "rtt.run.serve", *POLICY, f"port={port}"],
            env=environment(), stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 300
        while not is_up(port):
            assert process.poll() is None, tail(log)
            assert time.monotonic() < deadline, tail(log)
            time.sleep(0.5)
        yield process
    finally:
        kill_group(process)


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-4000:]


def kill_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_killed_server_is_one_line_and_the_run_goes_on_with_a_new_one(tmp_path: Path) -> None:
    needs_vllm()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder, log = tmp_path / "run", tmp_path / "server.log"
    address = f"engine.vllm.server_url=http://127.0.0.1:{port}"
    with serving(port, log) as server:
        run = subprocess.Popen(
            [*TRAIN, address, f"hydra.run.dir={folder}"], cwd=tmp_path, env=environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        deadline = time.monotonic() + 200
        while (found := last_checkpoint(folder / "trl")) is None or step_of(found) < 3:
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        kill_group(server)
        _, told = run.communicate(timeout=200)
    assert run.returncode == 2, told
    checkpoint = last_checkpoint(folder / "trl")
    assert checkpoint is not None
    line = told.strip().splitlines()[-1]
    assert line.startswith("rtt-train: vLLM was lost in the rollouts after step "), told
    assert f"{checkpoint} is whole" in line, line
    assert line.endswith(f"go on with: rtt-train resume={folder}"), line
    reached = [row["step"] for row in rows_of(folder)]
    assert step_of(checkpoint) == reached[-1], "no step beyond the checkpoint"
    assert "logprobs-mode" not in told, told

    with serving(port, log):
        done = subprocess.run(
            [sys.executable, "-m", "rtt.run.train", f"resume={folder}"], cwd=tmp_path,
            env=environment(), capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = rows_of(folder)
    assert [row["step"] for row in rows] == list(range(31)), "each step once"
    gaps = [row["sampling/sampling_logp_difference/max"] for row in rows[1:]]
    assert max(gaps) < 1e-3, gaps  # the new server has the trained weights, not its own
    assert {one.step for one in read_rollouts(folder / "rollouts.jsonl")} == set(range(1, 31))


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
