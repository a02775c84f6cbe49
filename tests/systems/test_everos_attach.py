"""A user's own EverOS app, attached: its scheduler, watcher and client stay as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.execution.replies import place_of
from memtrace.memory.everos import attach_everos
from memtrace.memory.everos.package import has_everos

pytestmark = pytest.mark.skipif(
    not has_everos(), reason="the package everos is not in this environment (Python 3.12)"
)

APP = """
import asyncio, os, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
root, path = Path(sys.argv[1]), sys.argv[2]
(root / "ome.toml").touch()
os.environ |= {
    "EVEROS_ROOT": str(root), "EVEROS_MEMORIZE__MODE": "chat", "EVEROS_LLM__API_KEY": "none",
    "EVEROS_LLM__BASE_URL": "http://127.0.0.1:9/v1",
}
import memtrace
from lmcommon.llm.types import ChatRequest, Message
from memtrace.memory.everos import attach_everos
from memtrace.memory.everos.clients import ApproximateTokenizer
from memtrace.testing import RuleModel
from memtrace.testing.rules_everos import everos_rules
import everalgo._tokenize, everos.service, everos.component.llm.client as client
from everalgo.llm.types import ChatResponse
from everos.entrypoints.api.app import create_app
from everos.memory.search import SearchRequest

class Client:
    async def chat(self, messages, **given):
        await asyncio.sleep(0)
        request = ChatRequest(messages=tuple(Message(m.role, m.content) for m in messages))
        text = RuleModel(everos_rules()).generate([request])[0].text
        return ChatResponse(content=text, model="theirs", finish_reason="stop")

everalgo._tokenize._tokenizer_cache = ApproximateTokenizer()
client._llm_client = mine = Client()

async def main():
    app = create_app()
    async with app.router.lifespan_context(app):
        search = SearchRequest(user_id="ana", query="Where did Ana move?", method="keyword")
        with attach_everos(app, name="shop"), memtrace.record(path):
            said = [("ana", "I moved to Lisbon."), ("ana", "My dog is called Pickle.")]
            for number, (who, text) in enumerate(said):
                message = {"sender_id": who, "sender_name": "Ana", "role": "user",
                           "timestamp": 1704099600000 + 1000 * number, "content": text}
                await everos.service.memorize({"session_id": "s1", "messages": [message]})
            await everos.service.memorize({"session_id": "s1", "messages": []}, is_final=True)
            for _ in range(300):
                await asyncio.sleep(0.1)
                found = (await everos.service.search(search)).data.episodes
                if found:
                    break
            print("FOUND", len(found))
        assert "chat" not in vars(mine), "detached"

asyncio.run(main())
"""


def test_an_app_of_the_user_s_is_traced(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", APP, tmp_path / "root", tmp_path / "t.db"],
        capture_output=True, text=True, timeout=180, env={**os.environ}, check=False,
    )  # fmt: skip
    assert "FOUND 1" in done.stdout, done.stderr[-2000:]
    with memtrace.open(tmp_path / "t.db") as trace:
        operations = list(trace.operations())
        names = [one.name for one in operations]
        errors = [(one.name, str(one.error)) for one in operations if one.error]
        (episode,) = [one for one in operations if one.name == "episode"]
        facts = [one for one in operations if one.name == "atomic_facts"]
        hits = [one for one in operations if one.name == "fuse"][-1].outputs["hits"]
        behind = list(trace.variables(ids=trace.graph.upstream(hits[0]).variables))
        messages = [one for one in behind if one.kind == "message"]
    assert errors == []
    assert {"memorize", "boundary", "memcell", "store_episode", "store_facts"} <= set(names)
    assert place_of(episode) is not None
    assert place_of(facts[0]) is not None, "background work keeps its place"
    assert len(messages) == 2, names


def test_only_everos_can_be_attached() -> None:
    with pytest.raises(UserError, match="expected an app or a module of everos"):
        attach_everos(object())


def test_an_app_that_does_not_run_cannot_be_attached() -> None:
    with pytest.raises(UserError, match="that is running"):
        attach_everos()
