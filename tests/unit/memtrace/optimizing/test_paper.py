"""The paper's loop: who is asked what, in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from optimizing_support import CURE, Open, reflection_model

from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest
from memtrace.optimizing.paper import paper_loop
from memtrace.optimizing.proposing import Proposer
from memtrace.optimizing.settings import PaperSettings
from memtrace.optimizing.types import Optimization, Splits

Run = Callable[..., tuple[Optimization, ScriptedModel]]


@pytest.fixture
def run(evaluator: Open) -> Run:
    def start(model: ScriptedModel | None = None, **settings: Any) -> Any:
        made, model = evaluator(), model or reflection_model()
        first = [one for one in made.examples if one.scope == made.examples[0].scope]
        rest = [one for one in made.examples if one.scope != made.examples[0].scope]
        proposer = Proposer(model, made.prompts, made.spending)
        splits = Splits(train=tuple(rest), validation=tuple(first))
        return paper_loop(made, splits, proposer, settings=PaperSettings(**settings)), model

    return start


def asked(model: ScriptedModel, first: str) -> list[str]:
    """The user's messages of requests whose system message starts with these words."""
    return [
        request.messages[1].content
        for request in model.requests
        if request.messages[0].content.startswith(first)
    ]


def test_each_failure_with_a_prompt_gets_one_feedback(run: Run) -> None:
    result, model = run()
    (version,) = result.versions
    requests = asked(model, "Give feedback on one prompt")
    assert len(requests) == sum(n for name, n in version.mass.items() if not name.startswith("("))
    for text in requests:
        for part in ("Question: ", "Right answer: ", "Prediction: ", "## Inputs", "<prompt>"):
            assert part in text


def test_feedback_is_merged_a_batch_at_a_time_and_goes_on_with_what_was_merged(run: Run) -> None:
    result, model = run(batch=2)
    feedbacks = sum(result.versions[0].mass.values())
    merges = asked(model, "Merge feedback")
    assert feedbacks > 2, "the fixture has failures enough"
    assert len(merges) == -(-feedbacks // 2)
    assert sum(text.count("--- feedback") for text in merges) == feedbacks
    assert "(none)" in merges[0]
    assert all("# Feedback merged so far\n\nIt should say" in text for text in merges[1:])


def test_a_prompt_is_rewritten_once_with_what_was_merged(run: Run) -> None:
    result, model = run()
    (request,) = asked(model, "Rewrite the prompt")
    assert f"<feedback>\nIt should say: {CURE}\n</feedback>" in request
    assert result.changed == ("summary",)


def test_there_are_no_more_rounds_than_histories(run: Run) -> None:
    result, _ = run(rounds=5)
    assert len(result.versions) == 1
    assert result.stopped == "all rounds are done: 1"


def test_the_last_rewrite_wins_whatever_comes_of_it(run: Run) -> None:
    harm = reflection_model("Say nothing else than that you do not know.")
    result, _ = run(harm)
    assert result.accepted
    assert result.best != result.seed
    assert result.seed_validation is not None
    assert result.best_validation is not None
    assert result.best_validation <= result.seed_validation


def test_a_later_round_is_shown_the_version_before_and_what_was_said_of_it(
    evaluator: Open,
) -> None:
    made, model = evaluator(), reflection_model("It helps to be brief.")
    proposer = Proposer(model, made.prompts, made.spending)
    splits = Splits(train=made.examples, validation=made.examples[:2])
    result = paper_loop(made, splits, proposer, settings=PaperSettings(rounds=2))
    assert len(result.versions) == 2
    first, second = asked(model, "Rewrite the prompt")[:2]
    assert "<earlier>" not in first
    assert f"<earlier>\n{result.seed['summary']}\n</earlier>" in second
    assert "It was rewritten for this feedback:\n\nIt should say" in second


def test_operations_without_a_prompt_are_counted_and_get_no_feedback(evaluator: Open) -> None:
    made, model = evaluator(components=["qa"]), reflection_model()
    proposer = Proposer(model, made.prompts, made.spending)
    splits = Splits(train=made.examples, validation=made.examples[:2])
    result = paper_loop(made, splits, proposer)
    assert any(name == "(summarise)" for one in result.versions for name in one.mass)
    counted = sum(n for one in result.versions for name, n in one.mass.items() if name == "qa")
    assert len(asked(model, "Give feedback on one prompt")) == counted


def test_feedback_that_fails_leaves_the_prompt_as_it_is(run: Run) -> None:
    def silent(request: ChatRequest) -> str:
        return ""

    result, _ = run(ScriptedModel(silent))
    assert result.best == result.seed
    assert [one.decision.reason for one in result.versions] == ["no usable rewrite"]
