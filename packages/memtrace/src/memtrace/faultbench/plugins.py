"""What a bench is built of, by name: pipelines, fault kinds, controls, simulated models.

Those that come with memtrace, and those that installed packages announce under the entry point
groups `memtrace.pipelines`, `memtrace.fault_kinds`, `memtrace.controls` and
`memtrace.simulated_models`. An entry point names an object (of a model: a function that makes it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from typing import Any, TypeVar

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from memtrace.faultbench.types import Control, FaultKind, Pipeline

__all__ = ["GROUPS", "Plugins", "installed"]

T = TypeVar("T")

GROUPS = {
    "pipelines": "memtrace.pipelines", "kinds": "memtrace.fault_kinds",
    "controls": "memtrace.controls", "models": "memtrace.simulated_models",
}  # fmt: skip
"""Field of `Plugins` to entry point group."""

ModelMaker = Callable[[], ChatModel]


@dataclass(frozen=True, kw_only=True)
class Plugins:
    """Everything a recipe can name.

    Example: `replace(installed(), kinds={**installed().kinds, "mine": MyKind()})`
    """

    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    kinds: Mapping[str, FaultKind] = field(default_factory=dict)
    controls: Mapping[str, Control] = field(default_factory=dict)
    models: Mapping[str, ModelMaker] = field(default_factory=dict)

    def pipeline(self, name: str) -> Pipeline:
        """A pipeline.

        Raises:
            UserError: There is none of this name; so for the others.
        """
        return _named(self.pipelines, name, "pipeline")

    def kind(self, name: str) -> FaultKind:
        """A fault kind."""
        return _named(self.kinds, name, "fault kind")

    def control(self, name: str) -> Control:
        """A control."""
        return _named(self.controls, name, "control")

    def model(self, name: str) -> ChatModel:
        """A new model."""
        return _named(self.models, name, "simulated model")()

    def plus(self, **more: Mapping[str, Any]) -> Plugins:
        """These and more; a name that is there already gets another meaning.

        Args:
            **more: By the names of the fields.
        """
        return replace(
            self, **{key: {**getattr(self, key), **found} for key, found in more.items()}
        )


def installed() -> Plugins:
    """What comes with memtrace, and what installed packages add to it."""
    from memtrace.faultbench.controls import CONTROLS
    from memtrace.faultbench.kinds import KINDS
    from memtrace.faultbench.pipelines import PIPELINES

    own = Plugins(
        pipelines=PIPELINES, kinds=KINDS, controls=CONTROLS,
        models={
            "simulated": _simulated, "rules": _rules, "prompted": _prompted,
            "reflection": _reflection,
        },
    )  # fmt: skip
    found = {
        key: {point.name: point.load() for point in entry_points(group=group)}
        for key, group in GROUPS.items()
    }
    return own.plus(**found)


def _simulated() -> ChatModel:
    from memtrace.faultbench.simulated import simulated_model

    return simulated_model()


def _rules() -> ChatModel:
    from memtrace.testing.rules import rule_model

    return rule_model()


def _prompted() -> ChatModel:
    from memtrace.faultbench.prompting import prompted_model

    return prompted_model()


def _reflection() -> ChatModel:
    from memtrace.faultbench.prompting import reflection_model

    return reflection_model()


def _named(known: Mapping[str, T], name: str, what: str) -> T:
    if name not in known:
        raise UserError(f"{what}: expected one of {', '.join(known)}; got {name!r}")
    return known[name]
