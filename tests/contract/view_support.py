"""A browser's side of memtrace-view, and traces to look at."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.judge import NormalizedAnswerJudge
from memtrace.evaluate import evaluate
from memtrace.memory.config import LongContextConfig, RagConfig
from memtrace.testing import rule_model

LONG, RAG = "long_context/generated-5", "rag_bm25/generated-5"


def record(path: Path) -> Path:
    """Two real systems that answer the same questions; some wrongly."""
    row = generate_conversation(5, num_sessions=4, num_people=2, num_questions=4)
    configs = {
        LONG: LongContextConfig(budget_tokens=300),
        RAG: RagConfig(retriever="bm25", top_k=2),
    }
    with memtrace.record(path):
        for scope, config in configs.items():
            system = config.build(rule_model())(scope)
            list(evaluate(system, row, NormalizedAnswerJudge()))
            system.close()
    return path


class Browser:
    """Opens the start address, keeps the cookie, asks the API."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = parts.netloc
        self.start = f"/?{parts.query}"
        _, headers, _ = self.raw("GET", self.start)
        self.cookie = headers.get("Set-Cookie", "").partition(";")[0]

    def raw(
        self, method: str, path: str, body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
        """Status, headers and body of one request on a connection of its own."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def ask(self, path: str) -> tuple[int, Any]:
        """GET below /api/."""
        status, _, body = self.raw("GET", f"/api/{path}", headers={"Cookie": self.cookie})
        return status, json.loads(body)

    def get(self, path: str) -> Any:
        """GET below /api/ that must work."""
        status, found = self.ask(path)
        assert status == 200, (path, status, found)
        return found

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """POST below /api/."""
        headers = {"Cookie": self.cookie, "Content-Type": "application/json"}
        status, _, found = self.raw("POST", f"/api/{path}", json.dumps(body).encode(), headers)
        return status, json.loads(found)

    def until(self, path: str, key: str, wanted: Any) -> Any:
        """Ask again until a field is as wanted."""
        for _ in range(600):
            found = self.get(path)
            if found[key] == wanted:
                return found
            time.sleep(0.05)
        raise AssertionError((path, key, wanted, found))

    def wrong(self) -> list[dict[str, Any]]:
        """The failures, attributed."""
        rows: list[dict[str, Any]] = self.until("questions?verdict=wrong", "pending", 0)["rows"]
        return rows
