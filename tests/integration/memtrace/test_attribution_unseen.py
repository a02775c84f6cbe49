"""A memory system and faults that attribution has never seen: it reads shapes, not names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data.types import Conversation, Question, Session, Turn
from lmcommon.embed.config import HashEmbedConfig
from lmcommon.judge import NormalizedAnswerJudge
from memtrace.attribution import CausalStage, examine
from memtrace.attribution import Question as Asked
from memtrace.evaluate import evaluate
from memtrace.execution import Execution, Oracle, execute
from memtrace.execution.places import Place
from memtrace.replaying import Replayer
from memtrace.testing import rule_model
from memtrace.testing.toy_packaged import ToyConfig

TALK = Conversation(
    id="c1",
    sessions=(Session(id="s1", turns=(
        Turn(id="D1:1", speaker="Ana", text="I keep a tortoise called Plato."),
        Turn(id="D1:2", speaker="Bo", text="The bakery sells rye bread."),
        Turn(id="D1:3", speaker="Bo", text="Trains were late again."),
    )),),
    questions=(Question(
        id="q1", text="What does Ana keep?", answer="tortoise", evidence=("D1:1",)
    ),),
)  # fmt: skip


def scrambled(value: Any) -> Any:
    """No fault of the bench: vowels go."""
    if isinstance(value, str):
        return value.translate(str.maketrans("", "", "aeiou"))
    return [
        scrambled(row) if isinstance(row, str) else {**row, "text": scrambled(row["text"])}
        for row in value
    ]


def emptied(value: Any) -> Any:
    """Nothing is passed on."""
    return "" if isinstance(value, str) else []


FAULTS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "facts scrambled": ("add s1/D1:1/parse#0", "facts", scrambled),
    "facts lost": ("add s1/D1:1/parse#0", "facts", emptied),
    "writes scrambled": ("add s1/D1:1/write#0", "writes", scrambled),
    "writes lost": ("add s1/D1:1/write#0", "writes", emptied),
    "hits lost": ("ask q1/retrieve#0", "hits", emptied),
    "context scrambled": ("ask q1/build_context#0", "context", scrambled),
    "answer scrambled": ("ask q1/answer#0", "reply", scrambled),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_operation_is_found_and_proved(name: str, tmp_path: Path) -> None:
    path, role, fault = FAULTS[name]
    defects = [Oracle(at=Place("m/c1", path), role=role, function=fault)]
    model, file = rule_model(), tmp_path / "t.db"
    config = ToyConfig(embed=HashEmbedConfig(), isolation="never", top_k=3)
    make = config.build(model)
    with memtrace.record(file) as recorder, execute(recorder, Execution(defects=defects)):
        (episode,) = evaluate(make("m/c1"), TALK, NormalizedAnswerJudge())
    assert episode.verdict.satisfied is False, episode.prediction
    assert episode.answer is not None
    with Replayer(file, model=model, defects=defects, systems={"m/c1": make}) as laboratory:
        stage = CausalStage(laboratory, scope="m/c1", question="q1")
        asked = Asked(answer=episode.answer, gold="tortoise", evidence=("D1:1",), judged=False)
        found = examine(laboratory.trace, asked, ["validity", "survival", stage])
        blamed = [laboratory.trace.operation(one).metadata["place"][1] for one in found.operations]
    assert blamed == [path], found.log
    assert found.decisive is not None
    assert found.decisive.is_minimal
