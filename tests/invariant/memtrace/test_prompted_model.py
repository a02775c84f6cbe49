"""With the packaged prompts the prompted model replies as the simulated model does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memtrace.evaluate import evaluate
from memtrace.faultbench.judges import usual_judge
from memtrace.faultbench.pipelines import PIPELINES
from memtrace.faultbench.prompting import conversations, prompted_model
from memtrace.faultbench.prompting.types import JOBS
from memtrace.faultbench.prompting.understanding import brief_of
from memtrace.faultbench.simulated import simulated_model


@pytest.mark.parametrize("pipeline", ["long_context_summary", "rag_hybrid", "rag_bm25"])
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_packaged_prompts_are_good_prompts(pipeline: str, seed: int) -> None:
    simulated, prompted = simulated_model(remembers=True), prompted_model()
    for conversation in conversations(seed, 1, "tiny"):
        system = PIPELINES[pipeline].build(simulated)(conversation.id)
        list(evaluate(system, conversation, usual_judge()))
    requests = list(simulated.requests)
    assert requests
    replies = zip(simulated.generate(requests), prompted.generate(requests), strict=True)
    assert [(one.text, other.text) for one, other in replies if one.text != other.text] == []


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=120))
def test_any_text_can_be_read(text: str) -> None:
    for job in JOBS:
        assert brief_of(text, job) == brief_of(text, job)
