"""`memtrace-show` as a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import memtrace

from .verb_support import run_module

pytestmark = pytest.mark.e2e


def _show(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_module("memtrace.run.show", *words, cwd=cwd)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show")
    with memtrace.record(folder / "my trace=1.db"):
        turn = memtrace.variable("I moved to Lisbon 😀.", kind="message", name="D1:3")
        with memtrace.step("add", kind="update", inputs={"turn": turn}) as op:
            op.output("item", "Lisbon", kind="memory_item", item="a/home")
    return folder


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "go on with"),
        (["op-2"], "after       Lisbon"),
        (["var-3"], "op-2 add (update), as item"),
        (["D1:3"], "I moved to Lisbon"),
        (["a/home"], "v1 var-3"),
        (["var-3", "slice=upstream"], "<- turn: var-1 message D1:3"),
        (["var-3", "view=mermaid", "slice=upstream"], "flowchart LR"),
        (["op-2", "view=graphviz"], '"var-1" -> "op-2" [label="turn"];'),
        (["var-3", "view=why"], "came from 1 message"),
    ],
)
def test_it_shows_and_ends_with_one_line_of_json(
    folder: Path, words: list[str], expected: str
) -> None:
    done = _show("my trace=1.db", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout, done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["trace"] == "my trace=1.db"
    assert [path.name for path in folder.iterdir()] == ["my trace=1.db"], "nothing is left behind"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nothing.db"], "nothing.db"),
        (["my trace=1.db", "op-3"], "did you mean var-3?"),
        (["my trace=1.db", "var-99999999999999999999"], "there is no var-9999"),
        (["my trace=1.db", "a/hume"], "did you mean 'a/home'?"),
        (["my trace=1.db", "op-2", "view=picture"], "view: expected one of text"),
        (["my trace=1.db", "op-2", "slice=between"], "source=ID"),
        (["my trace=1.db", "op-2", "limit=0"], "limit: expected at least 1"),
        (["my trace=1.db", "op-2", "view=why"], "expected a variable"),
        (["my trace=1.db", "op-2", "out=."], "a folder here"),
        ([], "trace"),
    ],
)
def test_a_mistake_is_told_in_one_line(folder: Path, words: list[str], expected: str) -> None:
    done = _show(*words, cwd=folder)
    assert done.returncode == 2, done.stdout
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_the_json_view_keeps_every_character(tmp_path: Path) -> None:
    name = "a\u2028b\x7f😀"
    with memtrace.record(tmp_path / "t.db"), memtrace.step("add") as op:
        op.output("fact", "x", name=name)
    done = _show("t.db", "op-1", "view=json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout.rstrip("\n").rpartition("\n")[0])
    assert [variable["name"] for variable in document["variables"]] == [name]


def test_a_drawing_goes_into_a_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "slice.dot"
    done = _show("my trace=1.db", "var-3", "view=graphviz", f"out={out}", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert out.read_text(encoding="utf-8").startswith("digraph")


def test_a_locale_without_the_letters_of_a_value_is_no_harm(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "memtrace.run.show", "my trace=1.db", "D1:3"],
        cwd=folder, capture_output=True, timeout=120, check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Lisbon 😀" in done.stdout.decode("utf-8")
