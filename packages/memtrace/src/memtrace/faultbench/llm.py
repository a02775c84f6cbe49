"""The simulated model as an option of the group `llm`: attribution without a network.

It reads the prompts it is given and nothing else, so it can judge, explore and answer, and costs
nothing. Besides what runs pipelines it knows the prompts of tracing and of the baselines. With a
model that knows only rules, figures say what the method can do, not what a model.
"""

from __future__ import annotations

from dataclasses import dataclass

from lmcommon.llm.base import ChatModel
from lmcommon.llm.config import ModelConfig
from memtrace.faultbench.plugins import installed
from memtrace.faultbench.simulated.exploring import exploring_rules
from memtrace.faultbench.simulated.model import VERSION, simulated_model

__all__ = ["SimulatedConfig"]


@dataclass(kw_only=True)
class SimulatedConfig(ModelConfig):
    """A simulated model of FaultBench."""

    name: str = "simulated"
    """Which one: `simulated`, `prompted` (does what its prompts say), `reflection` (rewrites
    prompts), `rules`; plug-ins bring others."""

    def bare(self) -> ChatModel:
        """The model.

        Raises:
            UserError: There is none of this name.
        """
        if self.name == "simulated":
            return simulated_model(exploring_rules(), name=f"{VERSION}+explorer")
        return installed().model(self.name)
