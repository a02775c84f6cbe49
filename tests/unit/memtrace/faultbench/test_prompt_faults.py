"""Pipelines with faulty prompts: well formed, worth repairing, and controls that are not."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean

import pytest

from lmcommon.errors import UserError
from memtrace.evaluate import evaluate
from memtrace.faultbench.judges import usual_judge
from memtrace.faultbench.plugins import installed
from memtrace.faultbench.prompting import PROMPT_FAULTS, PromptFault, conversations, prompted_model

HERE = sorted(n for n, one in PROMPT_FAULTS.items() if not one.base.startswith("mem0"))
FAULTS = sorted(n for n, one in PROMPT_FAULTS.items() if one.at_fault)


def accuracy(fault: PromptFault, prompts: Mapping[str, str] | None) -> float:
    make = fault.pipeline(prompts).build(prompted_model())
    verdicts = []
    for conversation in conversations(11, 2):
        system = make(conversation.id)
        verdicts += [one.verdict.satisfied for one in evaluate(system, conversation, usual_judge())]
    assert None not in verdicts
    return mean(map(bool, verdicts))


def test_there_are_faults_of_both_sorts_and_controls() -> None:
    assert len(FAULTS) >= 10
    assert sum(len(PROMPT_FAULTS[name].at_fault) > 1 for name in FAULTS) >= 3
    controls = [one for one in PROMPT_FAULTS.values() if not one.at_fault]
    assert [one for one in controls if one.settings and one.name.startswith("not_prompt")]
    assert sum(not one.prompts for one in controls) >= 3


@pytest.mark.parametrize("name", HERE)
def test_a_fault_names_prompts_that_its_system_has(name: str) -> None:
    fault = PROMPT_FAULTS[name]
    system = fault.pipeline().build(prompted_model())("x")
    assert set(fault.prompts) <= set(system.prompts)
    assert set(fault.at_fault) == set(fault.prompts)
    assert {key: system.prompts[key].text for key in fault.prompts} == dict(fault.prompts)


@pytest.mark.parametrize("name", [name for name in HERE if name in FAULTS])
def test_a_fault_is_worth_repairing(name: str) -> None:
    faulty, repaired = (accuracy(PROMPT_FAULTS[name], prompts) for prompts in (None, {}))
    assert repaired - faulty >= 0.15, (faulty, repaired)


def test_no_prompt_repairs_the_setting() -> None:
    fault, control = PROMPT_FAULTS["not_prompt_top_k"], PROMPT_FAULTS["control_rag"]
    assert accuracy(control, None) - accuracy(fault, {}) >= 0.15


def test_histories_can_share_a_trace() -> None:
    made = conversations(3, 3, "tiny")
    ids = [one.id for one in made] + [q.id for one in made for q in one.questions]
    assert len(ids) == len(set(ids))
    assert made[0].questions[0].id == "h1:q1"
    assert conversations(3, 3, "tiny") == made
    assert conversations(4, 1, "tiny")[0].sessions != made[0].sessions
    with pytest.raises(UserError, match="size"):
        conversations(3, 1, "huge")


def test_models_are_options() -> None:
    names = {installed().model(name).name for name in ("prompted", "reflection")}
    assert names == {"prompted-1", "reflection-1"}
