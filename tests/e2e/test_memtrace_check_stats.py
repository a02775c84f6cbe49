"""`memtrace-check` and `memtrace-stats` in a subprocess."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import memtrace

from .verb_support import run_module

pytestmark = pytest.mark.e2e


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "my [bold]trace[/bold], a=b.db"
    with memtrace.record(path):
        said = memtrace.variable("hello", kind="[red]message")
        with memtrace.step("store", kind="update", inputs={"turn": said}) as op:
            op.output("note", "hello there", kind="memory_item", item="a")
    return path


def call(verb: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_module(f"memtrace.run.{verb}", *arguments, cwd=cwd)


def test_a_sound_trace_leaves_with_0(trace: Path) -> None:
    done = call("check", trace.name, "deep=true", cwd=trace.parent)
    assert done.returncode == 0, done
    assert done.stdout.startswith(f"{trace.name}: sound")
    assert json.loads(done.stdout.splitlines()[-1])["ok"] is True
    assert [path.name for path in trace.parent.iterdir()] == [trace.name], "nothing is left"


def test_a_damaged_trace_leaves_with_2_and_can_be_repaired(trace: Path) -> None:
    data = trace.read_bytes()
    trace.write_bytes(bytes(200) + data[200:])
    done = call("check", trace.name, cwd=trace.parent)
    assert done.returncode == 2, done
    assert "header damaged" in done.stdout
    assert "repair=NEW_FILE" in done.stdout
    done = call("check", trace.name, "repair=saved.db", cwd=trace.parent)
    assert done.returncode == 0, done
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["repair"]["saved"]["operations"] == 1
    assert call("check", "saved.db", "deep=true", cwd=trace.parent).returncode == 0
    assert trace.read_bytes() == bytes(200) + data[200:]


@pytest.mark.parametrize("content", ["", "text", None])
def test_any_other_file_gets_a_diagnosis(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "x.db").write_text(content)
    done = call("check", "x.db", cwd=tmp_path)
    assert done.returncode == 2, done
    assert done.stderr == ""
    assert json.loads(done.stdout.splitlines()[-1])["ok"] is False


def test_stats_are_tables_and_one_line_of_json(trace: Path) -> None:
    done = call("stats", trace.name, cwd=trace.parent)
    assert done.returncode == 0, done
    assert "[red]message" in done.stdout
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["items"] == 1
    assert figures["operations"][0]["kind"] == "update"


def test_stats_of_no_trace_is_one_line(tmp_path: Path) -> None:
    done = call("stats", "x.db", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "expected a trace file" in done.stderr
