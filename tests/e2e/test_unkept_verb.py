"""A verb with plain words and without a run folder, in a subprocess."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

VERB = """
import os, signal
from dataclasses import dataclass
from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError

@dataclass(kw_only=True)
class Config:
    trace: str
    node: str | None = None
    lines: int = 1
    mode: str = "look"

def look(config, run: Run):
    "Look at a trace."
    if config.mode == "refuse":
        raise UserError(f"{config.trace}: expected a trace")
    if config.mode == "interrupt":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background jobs
        os.kill(os.getpid(), signal.SIGINT)
    if config.mode == "break":
        raise RuntimeError("a bug")
    for _ in run.progress(range(config.lines), "lines"):
        run.console.print("a line")
    return {"trace": config.trace, "node": config.node, "ok": config.mode != "damaged",
            "share": float("nan")}

main = entrypoint(
    "toy/look", Config, look, groups={}, positional=("trace", "node"), keeps_run=False,
    is_refusal=lambda figures: not figures["ok"],
)
if __name__ == "__main__":
    main()
"""


@pytest.fixture
def verb(tmp_path: Path, repo_root: Path) -> Path:
    (tmp_path / "conf/toy").mkdir(parents=True)
    (tmp_path / "conf/base.yaml").write_text((repo_root / "conf/base.yaml").read_text())
    (tmp_path / "conf/toy/look.yaml").write_text(
        "# @package _global_\n# What it is for.\n"
        "defaults:\n  - /base\n  - /schema/root/toy_look@_here_\n  - _self_\n"
    )
    (tmp_path / "here").mkdir()
    script = tmp_path / "verb.py"
    script.write_text(VERB)
    return script


def call(verb: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(verb), *arguments],
        cwd=verb.parent / "here",
        env={**os.environ, "LMCOMMON_CONF": str(verb.parent / "conf")},
        capture_output=True,
        text=True,
        timeout=120,
    )


def left_behind(verb: Path) -> list[Path]:
    return list((verb.parent / "here").iterdir())


def test_words_reach_the_verb_and_nothing_is_left_behind(verb: Path) -> None:
    done = call(verb, "it's, a=\\${b} träce.db", "op-12", "lines=2")
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert lines == ["a line", "a line"]
    assert json.loads(last) == {
        "trace": "it's, a=\\${b} träce.db", "node": "op-12", "ok": True, "share": None
    }  # fmt: skip
    assert left_behind(verb) == []


def test_damage_is_a_refusal_with_figures(verb: Path) -> None:
    done = call(verb, "t.db", "mode=damaged")
    assert done.returncode == 2
    assert json.loads(done.stdout.splitlines()[-1])["ok"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["t.db", "mode=refuse"], "t.db: expected a trace"),
        (["t.db", "nod=1"], "nod"),
        (["a", "b", "c"], "expected at most 2 words (toy-look TRACE [NODE])"),
        ([], "trace: expected a value; none was given"),
        (["t.db", "lines=many"], "lines"),
        (["t.db", "-m", "lines=1,2"], "got '-m'"),
        (["t.db", "resume=x"], "resume"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    verb: Path, arguments: list[str], said: str
) -> None:
    done = call(verb, *arguments)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert said in done.stderr
    assert left_behind(verb) == []


def test_an_interrupt_and_a_bug_have_their_own_codes(verb: Path) -> None:
    assert call(verb, "t.db", "mode=interrupt").returncode == 130
    broken = call(verb, "t.db", "mode=break")
    assert broken.returncode == 1
    assert "a bug" in broken.stderr


def test_a_reader_that_leaves_early_brings_no_traceback(verb: Path) -> None:
    command = f"'{sys.executable}' '{verb}' t.db lines=20000 | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=verb.parent / "here",
        env={**os.environ, "LMCOMMON_CONF": str(verb.parent / "conf")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "a line\n"
    assert "Error" not in done.stderr


def test_help_shows_words_in_capitals(verb: Path) -> None:
    done = call(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage: toy-look TRACE [NODE] [key=value ...]\n" in done.stdout
    assert "What it is for." in done.stdout
    assert "resume" not in done.stdout
    assert "lines: 1" in done.stdout
