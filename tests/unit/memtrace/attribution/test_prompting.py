"""Which prompt an operation used."""

from __future__ import annotations

from pathlib import Path

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.judge import NormalizedAnswerJudge
from memtrace.attribution.prompting import prompt_used
from memtrace.attribution.reader import TraceReader
from memtrace.evaluate import evaluate
from memtrace.memory.config import RagConfig
from memtrace.testing import rule_model


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str | None]]:
    path: Path = tmp_path_factory.mktemp("used") / "trace.db"
    row = generate_conversation(3, num_sessions=2, num_people=2, num_questions=2)
    with memtrace.record(path):
        system = RagConfig(retriever="bm25", rewrite=True).build(rule_model())("rag")
        list(evaluate(system, row, NormalizedAnswerJudge()))
        system.close()
    found: dict[str, set[str | None]] = {}
    with memtrace.open(path) as trace:
        reader = TraceReader(trace)
        for operation in trace.operations():
            found.setdefault(operation.name, set()).add(prompt_used(reader, operation.id))
    return found


def test_who_renders_a_prompt_and_who_is_given_it(used: dict[str, set[str | None]]) -> None:
    assert used["render_prompt"] == used["answer"] == {"qa"}


def test_who_has_no_prompt(used: dict[str, set[str | None]]) -> None:
    assert used["index"] == used["chunk"] == {None}, used
