"""Everything a process needs to answer questions, built once: model, memory systems, judge.

In: a `Setup`. Out: a `Workshop`, open as long as the `with` block. A run in one process opens one;
with several processes each of them does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Meter
from lmcommon.llm.config import BudgetConfig
from lmcommon.llm.tally import Tally, TallyModel
from lmcommon.runlog import Run
from memtrace.evaluate.opening import opened
from memtrace.execution.calls import TracedModel
from memtrace.memory.config import MemoryFactory
from memtrace.run.pipeline import Work, record_work
from memtrace.run.pool.types import Setup, Task

__all__ = ["Workshop", "workshop"]


@dataclass(frozen=True, slots=True)
class Workshop:
    """Model, systems and judge, ready to be used."""

    model: ChatModel
    systems: Mapping[str, MemoryFactory]
    judge: AnswerJudge
    tally: Tally
    setup: Setup

    def run(self, task: Task, folder: Path) -> Iterator[None]:
        """Do a task, recorded in a folder of its own; gives a beat for each question."""
        work = Work(
            task.system, self.systems[task.system], task.conversation, task.suffix, task.answered
        )
        part = Run(folder, seed=self.setup.seed)
        for _ in record_work(
            part,
            [work],
            self.judge,
            batch_size=self.setup.batch_size,
            tally=self.tally,
            llm=self.setup.llm,
        ):
            yield


@contextmanager
def workshop(setup: Setup, meters: Mapping[str, Meter] | None = None) -> Iterator[Workshop]:
    """Build model, systems and judge; close the models at the end.

    Args:
        setup: What to build.
        meters: Meters that are shared with other processes, for models that have a budget.

    Raises:
        UserError: The model cannot be used, or an option is wrong.
    """
    meters = meters or {}
    tally = Tally()
    with ExitStack() as stack:
        model = stack.enter_context(_opened(setup.llm, meters.get("llm"), tally))
        systems = {name: config.build(model) for name, config in setup.systems.items()}
        for name, config in setup.systems.items():
            if config.prompts:  # a wrong name is told before anything is recorded
                with opened(systems[name], ""):
                    pass
        judge = stack.enter_context(_judge(setup, model, meters.get("judge_llm"), tally))
        yield Workshop(model, systems, judge, tally, setup)


@contextmanager
def _opened(config: Any, meter: Meter | None, tally: Tally) -> Iterator[ChatModel]:
    own = config if meter is None else replace(config, budget=BudgetConfig())
    bare = own.build(meter)
    model = TallyModel(bare, tally)
    try:
        model.check()
        yield model
    finally:
        model.close()


@contextmanager
def _judge(
    setup: Setup, model: ChatModel, meter: Meter | None, tally: Tally
) -> Iterator[AnswerJudge]:
    from lmcommon.judge import LlmAnswerJudge, NormalizedAnswerJudge

    if setup.judge == "normalized":
        yield NormalizedAnswerJudge()
    elif setup.judge_llm is None:
        yield LlmAnswerJudge(_traced(model))
    else:
        with _opened(setup.judge_llm, meter, tally) as own:
            yield LlmAnswerJudge(_traced(own))


def _traced(model: ChatModel) -> ChatModel:
    return TracedModel(model, name="judge_call", kind="judge")
