"""Faulty prompts of Mem0, the real packages: worth repairing, and good with their own prompts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from memtrace.evaluate import evaluate
from memtrace.faultbench.judges import usual_judge
from memtrace.faultbench.prompting import PROMPT_FAULTS, PromptFault, conversations, prompted_model
from memtrace.faultbench.simulated import simulated_model
from memtrace.memory.isolated.environments import environment
from memtrace.memory.isolated.preparing import prepared
from memtrace.testing.rules import RuleModel

FAULTS = sorted(name for name, one in PROMPT_FAULTS.items() if one.base.startswith("mem0"))


def right(fault: PromptFault, prompts: Mapping[str, str] | None, model: RuleModel) -> list[bool]:
    if prepared(environment(fault.base)) is None:
        pytest.skip(f"the environment of {fault.base} is not prepared; see memtrace-systems")
    make = fault.pipeline(prompts).build(model)
    found = []
    for conversation in conversations(11, 1):
        system = make(conversation.id)
        try:
            episodes = list(evaluate(system, conversation, usual_judge()))
        finally:
            system.close()
        found += [one.verdict.satisfied is True for one in episodes]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_worth_repairing(name: str) -> None:
    fault, model = PROMPT_FAULTS[name], prompted_model()
    faulty, repaired = right(fault, None, model), right(fault, {}, model)
    assert sum(repaired) - sum(faulty) >= 0.15 * len(repaired), (sum(faulty), sum(repaired))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mem0_own_qa_doubts", "classic_vague"])
def test_the_packages_own_prompts_are_good_prompts(name: str) -> None:
    simulated = simulated_model(remembers=True)
    right(PROMPT_FAULTS[name], {}, simulated)
    requests = list(simulated.requests)
    replies = zip(simulated.generate(requests), prompted_model().generate(requests), strict=True)
    assert requests
    assert [(one.text, other.text) for one, other in replies if one.text != other.text] == []
