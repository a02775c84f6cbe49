"""Methods of attribution by name: each is a list of stages, built anew for every case.

In: a name, the settings of the stages, and what there is to work with on a case (a model, a
laboratory). Out: stages, ready to examine. A stage that needs what is not there (a model, a run
that can be replayed) is left out, and said so by `missing`; a method none of whose stages can run
is refused. Others add methods and stages by `register_method` and `register_stage`, or by entry
points of the groups `memtrace.attribution_methods` and `memtrace.attribution_stages`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from lmcommon.errors import UserError
from memtrace.attribution.baselines import (
    AlwaysResponseStage,
    AlwaysRetrievalStage,
    FlatLogStage,
    LastOperationStage,
    RandomStage,
    WholeTraceStage,
)
from memtrace.attribution.causal import CausalStage
from memtrace.attribution.second_opinion import EvidenceJudge, Judges
from memtrace.attribution.suspecting import SurvivalStage
from memtrace.attribution.tracing import TracingSettings, TracingStage
from memtrace.attribution.validity import ValidityStage

if TYPE_CHECKING:
    from lmcommon.llm.base import ChatModel
    from memtrace.attribution.attributing import AttributionStage
    from memtrace.attribution.laboratory import Laboratory

__all__ = [
    "Need", "StageKind", "Workbench", "build_stages", "method_names", "method_needs",
    "register_method", "register_stage", "stage_names", "stages_of",
]  # fmt: skip

Need = Literal["model", "laboratory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """What a method may use on one case. It never holds the label.

    Example: `Workbench(model=model, laboratory=replayer, scope="rag/c1", question="q3")`
    """

    model: ChatModel | None = None
    """Asked by the attribution itself: judges, tracing."""
    laboratory: Laboratory | None = None
    scope: str | None = None
    """The memory that answered, for replays."""
    question: str | None = None
    """Id of the question, for replays."""
    seed: int = 0
    """Of whatever is drawn at random; differs from case to case."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Keyword arguments of stages, by stage."""

    def has(self, need: Need) -> bool:
        """Whether it is there."""
        return (self.model if need == "model" else self.laboratory) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageKind:
    """How a stage is made.

    Example: `StageKind(build=lambda bench, settings: SurvivalStage())`
    """

    build: Callable[[Workbench, Mapping[str, Any]], AttributionStage]
    needs: tuple[Need, ...] = ()


def _validity(bench: Workbench, settings: Mapping[str, Any]) -> AttributionStage:
    """With two judges and an evidence judge where there is a model, unless that is switched off."""
    if bench.model is None or not settings.get("asks_model", True):
        return ValidityStage()
    return ValidityStage(Judges.of(bench.model), evidence=EvidenceJudge(bench.model))


def _causal(bench: Workbench, settings: Mapping[str, Any]) -> AttributionStage:
    assert bench.laboratory is not None
    return CausalStage(bench.laboratory, scope=bench.scope, question=bench.question, **settings)


def _asking(
    stage: Callable[[ChatModel, TracingSettings], AttributionStage],
) -> Callable[[Workbench, Mapping[str, Any]], AttributionStage]:
    def build(bench: Workbench, settings: Mapping[str, Any]) -> AttributionStage:
        assert bench.model is not None
        return stage(bench.model, TracingSettings(**settings))

    return build


def _whole_trace(bench: Workbench, settings: Mapping[str, Any]) -> AttributionStage:
    assert bench.model is not None
    return WholeTraceStage(bench.model, **settings)


_STAGES: dict[str, StageKind] = {
    "validity": StageKind(build=_validity),
    "validity_by_program": StageKind(build=lambda bench, settings: ValidityStage()),
    "survival": StageKind(build=lambda bench, settings: SurvivalStage()),
    "tracing": StageKind(build=_asking(TracingStage), needs=("model",)),
    "causal": StageKind(build=_causal, needs=("laboratory",)),
    "random": StageKind(build=lambda bench, settings: RandomStage(bench.seed)),
    "last": StageKind(build=lambda bench, settings: LastOperationStage()),
    "always_retrieval": StageKind(build=lambda bench, settings: AlwaysRetrievalStage()),
    "always_response": StageKind(build=lambda bench, settings: AlwaysResponseStage()),
    "whole_trace": StageKind(build=_whole_trace, needs=("model",)),
    "flat_log": StageKind(build=_asking(FlatLogStage), needs=("model",)),
}
_METHODS: dict[str, tuple[str, ...]] = {
    "full": ("validity", "survival", "tracing", "causal"),
    "llm_free": ("validity_by_program", "survival"),
    "replayed": ("validity_by_program", "survival", "causal"),
    "survival": ("survival",),
    "tracing": ("tracing",),
    **{
        name: (name,)
        for name in ("random", "last", "always_retrieval", "always_response", "whole_trace",
                     "flat_log")
    },
}  # fmt: skip
"""`replayed` asks no model of the attribution's own; replays may ask the system's."""


def register_stage(name: str, kind: StageKind) -> None:
    """Make a stage known; one that was known under the name is replaced."""
    _STAGES[name] = kind


def register_method(name: str, stages: Sequence[str]) -> None:
    """Make a method known: names of stages, in order."""
    _METHODS[name] = tuple(stages)


def method_names() -> tuple[str, ...]:
    """All known methods, plug-ins included."""
    _load_plugins()
    return tuple(_METHODS)


def stage_names() -> tuple[str, ...]:
    """All known stages, plug-ins included."""
    _load_plugins()
    return tuple(_STAGES)


def stages_of(method: str, stages: Sequence[str] | None = None) -> tuple[str, ...]:
    """The stages of a method that are known here.

    Args:
        method: Its name.
        stages: For the method `full`: other stages than its own.

    Raises:
        UserError: No such method, or no such stage.
    """
    _load_plugins()
    if method not in _METHODS:
        raise UserError(
            f"methods: expected some of {', '.join(_METHODS)}; got {method!r}; a plug-in adds "
            "others (entry point group memtrace.attribution_methods)"
        )
    if method == "full" and stages is not None:
        if not stages:
            raise UserError(f"stages: expected some of {', '.join(_STAGES)}; got none")
        if unknown := [one for one in stages if one not in _STAGES]:
            raise UserError(f"stages: expected some of {', '.join(_STAGES)}; got {unknown[0]!r}")
        return tuple(stages)
    return tuple(one for one in _METHODS[method] if one in _STAGES)


def method_needs(stages: Sequence[str]) -> set[Need]:
    """What every one of the stages lacks when it is not there: without it the method cannot run."""
    wants = [set(_STAGES[name].needs) for name in stages]
    return set.intersection(*wants) if wants else set()


def build_stages(
    stages: Sequence[str], bench: Workbench
) -> tuple[list[AttributionStage], dict[str, str]]:
    """Build stages for one case.

    Args:
        stages: Their names, as `stages_of` gives them.
        bench: What there is to work with.

    Returns:
        The stages, and for each that was left out what it lacks.

    Raises:
        UserError: None of them can run, or a setting does not fit.
    """
    built, missing = [], {}
    for name in stages:
        kind = _STAGES[name]
        lacking = [need for need in kind.needs if not bench.has(need)]
        if lacking:
            missing[name] = " and ".join(lacking)
            continue
        try:
            built.append(kind.build(bench, bench.settings.get(name, MappingProxyType({}))))
        except TypeError as error:
            raise UserError(f"settings.{name}: expected options of the stage; {error}") from error
    if not built:
        lacks = "; ".join(f"{name} needs a {what}" for name, what in missing.items())
        raise UserError(
            f"expected at least one stage that can run; {lacks}; choose a model with llm=..., or "
            "a source whose runs can be replayed"
        )
    return built, missing


@cache
def _load_plugins() -> None:
    """Stages before methods, so that a method may name what another package brings."""
    for point in entry_points(group="memtrace.attribution_stages"):
        _STAGES.setdefault(point.name, point.load())
    for point in entry_points(group="memtrace.attribution_methods"):
        _METHODS.setdefault(point.name, tuple(point.load()))
