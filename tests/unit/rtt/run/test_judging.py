"""What scores a run is closed when the run ends, also when it breaks off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from rtt.run.judging import open_scorer
from rtt.verdicts import JudgedVerdicts


@dataclass
class Closable:
    """Settings and what they build in one: notes what was closed."""

    closed: list[str]
    name: str
    asked_with: list[Any] = field(default_factory=list)

    def build(self, model: Any = None) -> Closable:
        self.asked_with.append(model)
        return self

    def close(self) -> None:
        self.closed.append(self.name)


def test_model_and_source_are_closed_after_a_failure() -> None:
    closed: list[str] = []
    model, source = Closable(closed, "model"), Closable(closed, "source")
    entered: list[Any] = []

    def break_off() -> None:
        with open_scorer(source, model) as scorer:
            entered.append(scorer.verdicts)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert entered == [source]
    assert source.asked_with == [model]
    assert closed == ["source", "model"]


def test_without_a_judge_the_source_is_built_alone() -> None:
    source = Closable([], "source")
    with open_scorer(source, None):
        assert source.asked_with == [None]


def test_without_settings_programs_decide() -> None:
    with open_scorer(None, None) as scorer:
        assert isinstance(scorer.verdicts, JudgedVerdicts)
