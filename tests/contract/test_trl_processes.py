"""TRL in several processes, and in one that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from rtt.records import read_rollouts
from rtt.train.trl.resume import last_checkpoint

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from trl_support import timeless

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SCRIPT = """
import json, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from lmcommon.app import leave
from trl_support import fixed_rollouts, parameters, rtt_trainer, words_prompts
settings, fixed, checkpoint = json.loads({settings!r}), {fixed!r}, {checkpoint!r}
out = Path({out!r})
trainer = rtt_trainer(
    out, prompts=words_prompts(6), changed=settings,
    **({{"rollout_func": fixed_rollouts}} if fixed else {{}}),
)
trainer.train(resume_from_checkpoint=checkpoint)
if trainer.accelerator.is_main_process:
    weights = parameters(trainer)
    (out / "told.json").write_text(json.dumps({{
        "rows": [row for row in trainer.state.log_history if "loss" in row],
        "weights": weights.tolist(),
    }}))
leave(0)  # as our verbs do: see there
"""


def start(
    out: Path, settings: dict[str, Any], *, processes: int = 1, fixed: bool = False,
    checkpoint: Path | None = None,
) -> subprocess.Popen[str]:  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    script = out / "run.py"
    script.write_text(SCRIPT.format(
        here=str(HERE), settings=json.dumps(settings), fixed=fixed, out=str(out),
        checkpoint=str(checkpoint) if checkpoint else None,
    ))  # fmt: skip
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
        launcher += [str(processes)]
    environment = {
        **os.environ, "TRL_EXPERIMENTAL_SILENCE": "1", "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    return subprocess.Popen(
        [*launcher, str(script)], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finished(process: subprocess.Popen[str], out: Path) -> dict[str, Any]:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-4000:]
    told: dict[str, Any] = json.loads((out / "told.json").read_text())
    return told


@pytest.mark.parametrize("scheme", ["intra", "inter"])
@pytest.mark.parametrize("rows", [8, 6])
def test_two_processes_do_what_one_does(tmp_path: Path, rows: int, scheme: str) -> None:
    """With 8 rows a process every group is whole; with 6 the middle one is cut."""
    told, files = [], []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        file = out / "rollouts.jsonl"
        settings = {
            "per_device_train_batch_size": 2 * rows // processes, "max_steps": 3,
            "credit": {"scheme": scheme, "reward": "csr"}, "rollout_file": str(file),
        }  # fmt: skip
        process = start(out, settings, processes=processes, fixed=True)
        told.append(finished(process, out))
        files.append(list(read_rollouts(file)))
    one, two = told
    for row, other in zip(one["rows"], two["rows"], strict=True):
        for name in ("loss", "grad_norm", "rtt/reward", "rtt/eos_advantage", "rtt/unscored"):
            assert other[name] == pytest.approx(row[name], abs=2e-5), name
    assert two["weights"] == pytest.approx(one["weights"], abs=2e-5)
    for record, other in zip(*files, strict=True):
        place = (record.step, record.group, record.sample)
        assert (other.step, other.group, other.sample) == place
        assert other.scored.rollout.tokens == record.scored.rollout.tokens, place
        assert other.advantage == pytest.approx(record.advantage, abs=1e-6), place


def test_a_run_killed_at_random_has_the_metrics_of_an_uninterrupted_one(tmp_path: Path) -> None:
    settings = {
        "max_steps": 12, "save_strategy": "steps", "save_steps": 1, "steps_per_generation": 2,
        "per_device_train_batch_size": 4, "rollout_file": None,
    }  # fmt: skip
    whole = finished(start(tmp_path / "whole", settings), tmp_path / "whole")
    out = tmp_path / "cut"
    process = start(out, settings)
    stop = Random(os.getpid()).randint(2, 10)  # a new place each time; told if it fails
    try:
        while last_checkpoint(out) is None or int(last_checkpoint(out).name[11:]) < stop:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    checkpoint = last_checkpoint(out)
    assert checkpoint is not None
    assert not (out / "told.json").exists(), f"was too quick to be killed at {stop}"
    again = finished(start(out, settings, checkpoint=checkpoint), out)
    rows, expected = ([timeless(row) for row in one["rows"]] for one in (again, whole))
    assert rows == expected, f"killed after {checkpoint.name}"
    assert again["weights"] == whole["weights"], f"killed after {checkpoint.name}"
