"""`rtt-rollout` on several processes: what they write together is what one would write."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lmcommon.extras import is_available
from rtt.records import read_rollouts
from rtt.records.parts import FILE, files_in
from rtt.show.soundness import check_rollouts
from rtt.train.ranks import read_ranks

from .verb_support import children, figures, run, start

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]
SMALL = ["warm_start.steps=0", "policy.hidden=32", "samples=2", "batch=3"]


@pytest.mark.slow
def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    alone = run("rollout", *SMALL, "prompts=14", "hydra.run.dir=one", cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    done = run("rollout", *SMALL, "prompts=14", "hydra.run.dir=two", cwd=tmp_path, processes=2)
    assert done.returncode == 0, done.stderr
    assert files_in(tmp_path / "two") == [tmp_path / "two" / FILE]
    written = (tmp_path / "two" / FILE).read_bytes()
    assert written == (tmp_path / "one" / FILE).read_bytes()
    told = figures(done)
    assert (told["responses"], told["processes"]) == (28, 2)
    assert done.stdout.count('{"prompts"') == 1, "one process reports"
    batches = {rank: [row["batch"] for row in rows]
               for rank, rows in read_ranks(tmp_path / "two").items()}  # fmt: skip
    assert batches == {0: [0, 2, 4], 1: [1, 3]}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds its victim in /proc")
@pytest.mark.parametrize(("before", "after"), [(2, 1), (2, 3), (1, 2)])
def test_killed_and_resumed_by_another_number_of_processes(
    tmp_path: Path, before: int, after: int
) -> None:
    """A rank dies at a random moment: what is whole is kept, the rest is dealt out anew."""
    words = [*SMALL, "prompts=400", "format=parquet"]
    whole = run("rollout", *words, "hydra.run.dir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    victim = start("rollout", *words, "hydra.run.dir=killed", cwd=tmp_path, processes=before)
    folder = tmp_path / "killed"
    wait_for(victim, folder, lines=20 + random.Random().randrange(150))
    os.kill(children(victim.pid)[-1] if before > 1 else victim.pid, signal.SIGKILL)
    victim.wait(timeout=100)
    left = list(read_rollouts(folder))
    assert check_rollouts(folder).is_clean, "what a kill leaves can be read as one run"
    places = [(one.group, one.sample) for one in left]
    assert places == sorted(places)
    assert 0 < len(left) < 800
    resumed = run("rollout", "resume=killed", cwd=tmp_path, processes=after)
    assert resumed.returncode == 0, resumed.stderr
    assert files_in(folder) == [folder / "rollouts.parquet"]
    expected = list(read_rollouts(tmp_path / "whole"))
    assert list(read_rollouts(folder)) == expected
    assert len(expected) == 800
    if after == 1:
        rows = [row["batch"] for rows in read_ranks(folder).values() for row in rows]
        assert len(rows) == len(set(rows)), "a batch that was done again counts once"


def wait_for(victim: subprocess.Popen[bytes], folder: Path, *, lines: int) -> None:
    """Until there are so many records, or it is over."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and victim.poll() is None:
        if sum(path.read_bytes().count(b"\n") for path in folder.glob("rollouts*.jsonl")) >= lines:
            return
        time.sleep(0.01)
