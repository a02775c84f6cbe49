"""`memtrace-systems` in a subprocess."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .verb_support import run_module

pytestmark = pytest.mark.e2e


def call(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    env = {"LMCOMMON_CACHE": str(cwd / "cache"), **env}
    return run_module("memtrace.run.systems", *arguments, cwd=cwd, **env)


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_it_lists_every_system_and_what_to_do(tmp_path: Path) -> None:
    done = call(cwd=tmp_path)
    assert done.returncode == 0, done
    rows = {row["name"]: row for row in figures(done)["systems"]}
    assert rows["rag_bm25"]["here"] == "built in"
    for name in ("mem0", "mem0_classic", "everos", "langmem"):
        row = rows[name]
        assert row["environment"] is None
        if row["here"] is None and row["interpreter"] is not None:
            assert row["missing"] == f"memtrace-systems prepare={name}", row


def test_several_names_are_one_value(tmp_path: Path) -> None:
    for value in ("mem0,nope", "[mem0,nope]"):
        done = call(f"prepare={value}", cwd=tmp_path)
        assert done.returncode == 2, done
        assert done.stdout == ""
        assert "names of mem0, mem0_classic, everos, langmem; got 'nope'" in done.stderr


def test_an_interpreter_that_is_too_old_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\necho '[[3, 9, 1], \"x\", true]'\n")
    old.chmod(0o755)
    done = call("prepare=mem0", f"python={old}", cwd=tmp_path)
    assert done.returncode == 2, done
    assert "expected a Python of at least 3.11" in done.stderr
    done = call("prepare=all", f"python={old}", cwd=tmp_path)
    assert done.returncode == 0, done
    assert sorted(figures(done)["skipped"]) == ["everos", "langmem", "mem0", "mem0_classic"]


def test_removing_what_is_not_there_removes_nothing(tmp_path: Path) -> None:
    done = call("remove=all", cwd=tmp_path)
    assert done.returncode == 0, done
    assert figures(done)["removed"] == []


def test_an_environment_that_cannot_be_made_is_told_in_a_line(tmp_path: Path) -> None:
    done = call(
        "prepare=mem0",
        cwd=tmp_path,
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS="",
        PIP_CONFIG_FILE="/dev/null",
    )
    assert done.returncode == 2, done
    assert "environment 'mem0': cannot be made" in done.stderr
    assert "Traceback" not in done.stderr
