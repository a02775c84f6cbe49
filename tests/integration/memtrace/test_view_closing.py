"""Closing the page while a replay runs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm import ChatRequest, ChatResponse
from lmcommon.llm.scripted import ScriptedModel
from memtrace.evaluate import evaluate
from memtrace.memory.config import RagConfig
from memtrace.testing import rule_model
from memtrace.viewing.replays import Replays


def test_the_running_replay_ends_after_its_question(tmp_path: Path) -> None:
    row = generate_conversation(5, num_sessions=2, num_people=2, num_questions=4)
    with memtrace.record(tmp_path / "trace.db"):
        system = RagConfig(retriever="bm25", top_k=1).build(rule_model())("rag")
        list(evaluate(system, row, NormalizedAnswerJudge()))
        system.close()
    asked, go_on, rules = threading.Event(), threading.Event(), rule_model()

    def reply(request: ChatRequest) -> ChatResponse:
        asked.set()
        assert go_on.wait(30)
        return rules.generate([request])[0]

    replays = Replays(
        tmp_path / "trace.db", tmp_path / "replays", ScriptedModel(reply, name=rules.name), None,
        lambda path: path.name,
    )  # fmt: skip
    wider = {"interventions": [{"kind": "set_parameter", "name": "top_k", "value": 4}]}
    running, waiting = replays.start(wider), replays.start(wider)
    assert asked.wait(30)
    closing = threading.Thread(target=replays.close)
    closing.start()
    while waiting.state == "running" and not replays._closing.is_set():
        time.sleep(0.01)
    go_on.set()
    closing.join(30)
    assert not closing.is_alive()
    assert (running.state, running.done, running.total) == ("failed", 1, 4), running
    assert "given up after 1 of 4 questions" in str(running.error)
    assert (tmp_path / "replays" / "replay-1.db").is_file(), "what was replayed is kept"
    assert waiting.done == 0
