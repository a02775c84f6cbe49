"""`memtrace-import` and `memtrace-export` in a subprocess."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .verb_support import run_module

pytestmark = pytest.mark.e2e


def run(module: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_module(f"memtrace.run.{module}", *words, cwd=folder)


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last


def test_a_file_goes_in_and_comes_out_equal(tmp_path: Path, repo_root: Path) -> None:
    source = repo_root / "tests/data/memtrace/smartcomment_small.json"
    assert figures(run("import_", tmp_path, str(source), "trace.db"))["format"] == "memtracebench"
    out = figures(run("export", tmp_path, "trace.db", "back.json"))
    assert (out["format"], out["operations"]) == ("memtracebench", 21)
    assert json.loads((tmp_path / "back.json").read_text("utf-8")) == json.loads(
        source.read_text("utf-8")
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back.json", "trace.db"]


def test_a_trace_goes_out_as_spans_and_comes_back(tmp_path: Path, repo_root: Path) -> None:
    source = repo_root / "tests/data/memtrace/smartcomment_small.json"
    run("import_", tmp_path, str(source), "trace.db")
    out = figures(run("export", tmp_path, "trace.db", "spans.jsonl"))
    again = figures(run("import_", tmp_path, "spans.jsonl", "again.db"))
    assert out["format"].startswith("otlp")
    assert again["format"].startswith("otlp")
    assert again["operations"] == 28


@pytest.mark.parametrize(
    ("text", "words", "what"),
    [
        ('{"graph_id": "g", "data": {"nodes": [', (), "cut off"),
        ("", (), "empty"),
        ("{}", ("format=csv",), "expected one of auto"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_line(
    tmp_path: Path, text: str, words: tuple[str, ...], what: str
) -> None:
    (tmp_path / "in.json").write_text(text)
    done = run("import_", tmp_path, "in.json", "trace.db", *words)
    assert done.returncode == 2
    assert what in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.json"]
