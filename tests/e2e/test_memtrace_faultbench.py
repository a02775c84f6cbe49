"""`memtrace-faultbench` as people call it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lmcommon.llm.types import ChatRequest, Message
from lmcommon.testing.stub_server import StubServer
from memtrace.faultbench.plugins import installed
from memtrace.faultbench.recipes import read_recipes
from memtrace.faultbench.source import FaultBenchSource

from .verb_support import run_module

pytestmark = pytest.mark.e2e

WORDS = (
    "cases=12", "per_history=6", "pipelines=[long_context,rag_bm25]", "sizes=[tiny]", "workers=2",
)  # fmt: skip


def built(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_module("memtrace.run.faultbench", *words, cwd=folder, OPENAI_API_KEY="unused")


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return read


def test_it_builds_cases_that_can_be_loaded_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = figures(built(tmp_path, *WORDS))
    assert (first["cases"], first["wanted"], first["dropped"]) == (12, 12, 0), first
    assert first["broken_histories"] == 0
    recipes = read_recipes(first["recipes"])
    assert {one.pipeline for one in recipes} == {"long_context", "rag_bm25"}
    assert sum(len(one.kinds) > 1 for one in recipes) == 3
    source = FaultBenchSource(recipes)
    with source.load(source.refs()[0]) as case:
        assert case.label is not None
    source.close()

    before = Path(first["recipes"]).read_bytes()
    folder = Path(first["run"])
    rows = (folder / "batches.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "batches.jsonl").write_text(rows[0], encoding="utf-8")  # as if it had been killed
    again = figures(built(tmp_path, f"resume={folder}"))
    assert again["cases"] == 12
    assert Path(again["recipes"]).read_bytes() == before


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("kinds=[nonsense]", "fault kind: expected one of drop_fact"),
        ("kinds=[wrong_scope]", "'wrong_scope' is held out"),
        ("pipelines=[nonsense]", "pipeline: expected one of long_context"),
        ("split=test", "split: expected one of dev, report, held_out"),
        ("multi=0.9", "expected shares of at most 1 together"),
        ("cases=0", "cases: expected at least 1"),
        ("sizes=[]", "sizes: expected at least one of tiny"),
        ("model=nonsense", "simulated model: expected one of simulated"),
    ],
)
def test_what_it_cannot_do_is_said(tmp_path: Path, word: str, said: str) -> None:
    done = built(tmp_path, word)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_history_that_broke_down_is_told_and_tried_again(tmp_path: Path) -> None:
    first = figures(built(tmp_path, *WORDS))
    folder = Path(first["run"])
    kept = (folder / "batches.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in kept.splitlines()]
    rows[0] = {"batch": rows[0]["batch"], "cases": [], "error": "OSError: disk full"}
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "batches.jsonl").write_text(text, encoding="utf-8")
    again = figures(built(tmp_path, f"resume={folder}"))
    assert (again["cases"], again["broken_histories"]) == (12, 0), again


def test_a_model_behind_an_endpoint_takes_the_place_of_the_simulated_one(tmp_path: Path) -> None:
    model = installed().model("simulated")

    def reply(body: Mapping[str, Any]) -> str:
        said = tuple(Message(one["role"], one["content"]) for one in body["messages"])
        return model.generate([ChatRequest(messages=said)])[0].text

    with StubServer(reply, latency_s=0) as server:
        done = figures(built(
            tmp_path, "cases=3", "per_history=3", "pipelines=[long_context]", "sizes=[tiny]",
            "workers=1", "multi=0", "control=0", "llm=openai", f"llm.model={server.model}",
            f"llm.base_url={server.base_url}",
        ))  # fmt: skip
        assert done["cases"] == 3, done
        assert server.received
