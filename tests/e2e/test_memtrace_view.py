"""`memtrace-view` as a command: opened, asked, closed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from view_support import Browser, record

pytestmark = pytest.mark.e2e


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "memtrace.run.view", *words]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("view") / "trace.db").parent


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_ended(folder: Path, ending: signal.Signals) -> None:
    with subprocess.Popen(
        command("trace.db", "replay=true", "annotate=[ana]"), cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("trace.db: open http://127.0.0.1:"), first
        page = Browser(first.split()[-1])
        assert page.get("trace")["can"] == {"replay": True, "annotate": True}
        status, job = page.post("replay", {"interventions": []})
        assert status == 200, job
        done = page.until(f"jobs/{job['job']}", "state", "done")
        process.send_signal(ending)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert (figures["trace"], figures["replays"]) == ("trace.db", 1)
    assert figures["requests"] >= 4
    run = Path(figures["run"])
    assert json.loads((run / "summary.json").read_text())["replays"] == 1
    assert Path(done["result"]["path"]).parent == run / "replays"
    assert Path(done["result"]["path"]).is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.db"], "expected a trace file"),
        (["trace.db", "host=0.0.0.0"], "i_know=true"),
        (["trace.db", "port=70000"], "port: expected 0 to 65535"),
    ],
)
def test_what_cannot_be_served_is_told(folder: Path, words: list[str], said: str) -> None:
    done = subprocess.run(
        command(*words), cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr, done.stderr
