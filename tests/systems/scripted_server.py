"""A scripted OpenAI-compatible endpoint on loopback: models of memory and answers, vectors."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lmcommon.llm.types import ChatRequest, Message
from lmcommon.testing.hash_embedder import HashEmbedder
from memtrace.testing import RuleModel, mem0_rules

__all__ = ["Script", "serving"]

DIMENSIONS = 384


class Script:
    """What the endpoint says, and what it was asked.

    Args:
        loses: The memory's model finds no fact in a message with this word.
        answer: From a prompt that is not Mem0's to a reply.
    """

    def __init__(self, loses: str, answer: Callable[[str], str]) -> None:
        self.loses, self.answer = loses, answer
        self.asked: list[str] = []
        self._rules = RuleModel(mem0_rules())
        self._embedder = HashEmbedder(dim=DIMENSIONS)

    def chat(self, messages: list[dict[str, Any]]) -> str:
        """The reply to a chat."""
        shown = str(messages[-1]["content"])
        self.asked.append(shown)
        if shown.startswith("Notes about"):
            return self.answer(shown)
        new = shown.split("New Messages")[-1]
        if self.loses in new and ("Input:" in shown or "New Messages" in shown):
            return '{"facts": [], "memory": []}'
        said = tuple(Message(one["role"], str(one["content"])) for one in messages)
        return self._rules.generate([ChatRequest(messages=said)])[0].text

    def vectors(self, texts: list[str]) -> list[list[float]]:
        """Vectors of texts."""
        return [[float(x) for x in row] for row in self._embedder.embed(texts)]


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """The address of a server that keeps to the script."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            """Nothing is printed."""

        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(_reply(script, self.path, given)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def _reply(script: Script, path: str, given: dict[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    if path.endswith("/embeddings"):
        texts = given["input"]
        made = script.vectors([texts] if isinstance(texts, str) else texts)
        rows = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(made)]
        return {"object": "list", "model": given["model"], "data": rows, "usage": usage}
    message = {"role": "assistant", "content": script.chat(given["messages"])}
    return {
        "id": "1", "object": "chat.completion", "created": 0, "model": given["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage,
    }  # fmt: skip
