"""What a run asked for: requests, those from a cache, failures, and what the rest used."""

from __future__ import annotations

from pathlib import Path

from lmcommon.llm.cache import CachedModel
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.tally import Spent, Tally, TallyModel
from lmcommon.llm.types import ModelFailure, chat


def test_cached_answers_are_requests_but_no_calls(tmp_path: Path) -> None:
    tally = Tally()
    model = TallyModel(CachedModel(ScriptedModel(lambda _: "yes"), tmp_path / "c.db"), tally)
    model.generate([chat("a"), chat("b")])
    first = tally.take()
    model.generate([chat("a"), chat("c")])
    second = tally.take()
    model.close()
    assert (first.requests, first.cached, first.calls) == (2, 0, 2)
    assert (second.requests, second.cached, second.calls) == (2, 1, 1)
    assert second.completion_tokens == 1, "the tokens of a cached answer were paid before"


def test_taking_starts_anew() -> None:
    tally = Tally()
    TallyModel(ScriptedModel(lambda _: "yes"), tally).generate([chat("a")])
    assert tally.take() != Spent()
    assert tally.take() == Spent()


def test_failures_are_counted() -> None:
    tally = Tally()
    model = ScriptedModel(lambda _: ModelFailure(kind="timeout", message="no"))
    TallyModel(model, tally).generate([chat("a")])
    assert (tally.take()).failed == 1
