"""The proof on the terminal says what was repaired, what came of it, and what it took."""

from __future__ import annotations

from pathlib import Path

import pytest

from memtrace.attribution.taxonomy import ErrorType, LossKind
from memtrace.attribution.types import Attribution, DecisiveSet, Suspect, Trial, Verdict, rate
from memtrace.show.bars import draw_bars
from memtrace.show.proof import proof

SUSPECT = Suspect(
    operation="op-20", name="retrieve", kind="retrieval", error_type=ErrorType.RETRIEVAL,
    loss=LossKind.NOT_RETRIEVED, score=0.9, evidence="the hits lack it", stage="causal",
)  # fmt: skip
DECISIVE = DecisiveSet(
    members=(SUSPECT,), executed_by=("op-21",), sufficiency=rate(3, 3), necessity=(rate(0, 3),),
    is_minimal=True,
    trials=(
        Trial(operations=(), flips=rate(0, 3), answers=("Rome.",) * 3),
        Trial(operations=("op-20",), flips=rate(3, 3), answers=("Oslo.",) * 3,
              repairs=("hits: the chunk with Oslo first",)),
    ),
)  # fmt: skip


def verdict(decisive: DecisiveSet | None) -> Attribution:
    return Attribution(
        answer="var-9", question="Where?", prediction="Rome.", gold="Oslo", suspects=(SUSPECT,),
        paths=(), confidence=0.9, verdict=Verdict.MEMORY, reason="", decisive=decisive,
        log=("survival: 'Oslo' died at retrieve",), cost={"replays": 2, "model_calls": 0},
    )  # fmt: skip


def test_a_proof_shows_every_trial() -> None:
    text = proof(verdict(DECISIVE)).plain
    for said in (
        "survival: 'Oslo' died at retrieve", "decisive set (minimal)  repaired: 3 of 3 right",
        "retrieve (op-20)", "carried out by op-21", "x repaired nothing: 0 of 3 right",
        "+ repaired op-20: 3 of 3 right", "passed on  hits: the chunk with Oslo first",
        "answered   Oslo.", "cost  replays 2",
    ):  # fmt: skip
        assert said in text, text
    assert text.count("Rome.") == 1, "equal answers are shown once"


def test_without_replay_it_says_so() -> None:
    assert "no set was proved by replay" in proof(verdict(None)).plain


def test_bars_are_drawn_where_there_is_something(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    series = {"a": {"exact": (0.9, 0.8, 0.95)}, "b": {"f1": (0.5, 0.5000001, 0.6)}}
    path = draw_bars(series, ["exact", "f1"], tmp_path / "bars.png", xlabel="share")
    assert path.read_bytes().startswith(b"\x89PNG")
