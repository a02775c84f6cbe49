"""The verbs as commands: alone, or as the processes that torchrun starts."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from functools import cache
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
    """A verb of rtt, waited for; one process alone is forked from one that is warm."""
    if processes == 1:
        return run_module(f"rtt.run.{verb}", *words, cwd=cwd, **environment())
    return subprocess.run(
        command(verb, *words, processes=processes), cwd=cwd, env=environment(), text=True,
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip


def run_module(
    module: str, *words: str, cwd: Path, timeout_s: float = 300, **variables: str
) -> subprocess.CompletedProcess[str]:
    """`python -m` of a verb, forked from a process that is warm, and waited for.

    Args:
        module: Such as `memtrace.run.trace`.
        words: Its arguments.
        cwd: Where it runs.
        timeout_s: When it is killed.
        variables: Of its environment, beside those of this process.

    Raises:
        TimeoutError: It was killed.
    """
    typed, variables = [sys.executable, "-m", module, *words], {**os.environ, **variables}
    if not hasattr(os, "fork"):
        return subprocess.run(
            typed, cwd=cwd, env=variables, text=True, capture_output=True, timeout=timeout_s,
            check=False,
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="verb-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        out.touch()
        err.touch()
        asked = {"module": module, "words": words, "cwd": str(cwd), "out": str(out),
                 "err": str(err), "environment": variables}  # fmt: skip
        code = _in_warm_process(module.partition(".")[0], json.dumps(asked), timeout_s)
        told = [one.read_text(encoding="utf-8", errors="replace") for one in (out, err)]
    return subprocess.CompletedProcess(typed, code, *told)


@cache
def _warm_process(package: str) -> subprocess.Popen[str]:
    """See warm_start.py; one for all tests of a worker."""
    script = Path(__file__).with_name("warm_start.py")
    process = subprocess.Popen(
        [sys.executable, str(script), package], env=environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    atexit.register(process.kill)
    return process


def _in_warm_process(package: str, asked: str, timeout_s: float) -> int:
    warm = _warm_process("rtt" if package == "rtt" else "")
    assert warm.stdin is not None
    assert warm.stdout is not None
    print(asked, file=warm.stdin, flush=True)
    pid, late = int(warm.stdout.readline()), threading.Event()

    def stop() -> None:
        late.set()
        os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(timeout_s, stop)
    timer.start()
    code = int(warm.stdout.readline())
    timer.cancel()
    if late.is_set():
        raise TimeoutError(f"expected an end within {timeout_s:g} s: {asked}")
    return code


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
