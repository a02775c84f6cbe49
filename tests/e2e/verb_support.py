"""The verbs of rtt as commands: alone, or as the processes that torchrun starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]


def command(verb: str, *words: str, processes: int = 1) -> list[str]:
    """What to type; with more than one process, torchrun starts them."""
    launcher = [*TORCHRUN, str(processes)] if processes > 1 else []
    return [sys.executable, *launcher, "-m", f"rtt.run.{verb}", *words]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run(verb: str, *words: str, cwd: Path, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """A verb, waited for."""
    return subprocess.run(
        command(verb, *words, processes=processes), cwd=cwd, env=environment(), text=True,
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip


def start(verb: str, *words: str, cwd: Path, processes: int = 1) -> subprocess.Popen[bytes]:
    """A verb, not waited for and not heard."""
    return subprocess.Popen(
        command(verb, *words, processes=processes), cwd=cwd, env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The last line that a verb prints."""
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def children(pid: int) -> list[int]:
    """Processes that a process has started (Linux)."""
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(word) for word in told.split()]
