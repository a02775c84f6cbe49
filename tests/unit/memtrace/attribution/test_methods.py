"""Methods by name: what is built, what is left out, what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lmcommon.errors import UserError
from lmcommon.llm.scripted import ScriptedModel
from memtrace.attribution import methods
from memtrace.attribution.case import Case
from memtrace.attribution.methods import (
    StageKind,
    Workbench,
    build_stages,
    method_names,
    method_needs,
    register_method,
    register_stage,
    stages_of,
)

MODEL = ScriptedModel({"": "{}"})


class Shrug:
    """A stage of somebody else."""

    name = "shrug"

    def examine(self, case: Case) -> None:
        case.note(self.name, "who knows")


@pytest.fixture
def plugin() -> Iterator[None]:
    register_stage("shrug", StageKind(build=lambda bench, settings: Shrug(**settings)))
    register_method("shrugging", ("survival", "shrug"))
    yield
    del methods._STAGES["shrug"], methods._METHODS["shrugging"]


def names(stages: tuple[str, ...], bench: Workbench) -> tuple[list[str], dict[str, str]]:
    built, missing = build_stages(stages, bench)
    return [one.name for one in built], missing


def test_full_leaves_out_what_cannot_run_and_says_so() -> None:
    built, missing = names(stages_of("full"), Workbench())
    assert built == ["validity", "survival"]
    assert missing == {"tracing": "model", "causal": "laboratory"}


def test_with_a_model_tracing_is_there() -> None:
    built, missing = names(stages_of("full"), Workbench(model=MODEL))
    assert built == ["validity", "survival", "tracing"]
    assert missing == {"causal": "laboratory"}


@pytest.mark.parametrize("method", method_names())
def test_every_method_builds_or_says_what_it_lacks(method: str) -> None:
    built, _ = build_stages(stages_of(method), Workbench(model=MODEL))
    assert built, method


def test_a_method_of_which_nothing_can_run_is_refused() -> None:
    with pytest.raises(UserError, match="tracing needs a model"):
        build_stages(stages_of("tracing"), Workbench())


@pytest.mark.parametrize(
    ("method", "needs"), [("tracing", {"model"}), ("full", set()), ("llm_free", set())]
)
def test_what_a_method_cannot_do_without(method: str, needs: set[str]) -> None:
    assert method_needs(stages_of(method)) == needs


def test_stages_of_full_can_be_chosen() -> None:
    assert stages_of("full", ["survival", "causal"]) == ("survival", "causal")


@pytest.mark.parametrize(
    ("method", "stages", "said"),
    [("guess", None, "methods: expected some of"), ("full", ["guess"], "stages: expected some of")],
)
def test_unknown_names_are_refused(method: str, stages: list[str] | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        stages_of(method, stages)


@pytest.mark.usefixtures("plugin")
def test_a_plug_in_brings_a_stage_and_a_method() -> None:
    assert "shrugging" in method_names()
    assert names(stages_of("shrugging"), Workbench())[0] == ["survival", "shrug"]


@pytest.mark.usefixtures("plugin")
def test_a_setting_a_stage_does_not_know_is_told() -> None:
    with pytest.raises(UserError, match=r"settings\.shrug: expected options of the stage"):
        build_stages(("shrug",), Workbench(settings={"shrug": {"loudly": True}}))
