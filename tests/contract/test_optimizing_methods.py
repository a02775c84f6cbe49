"""One suite over all methods of optimisation: they differ in nothing but method.

And what of the installed GEPA they rely on.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from optimizing_support import (
    CURE,
    divided,
    fragile_model,
    recorded,
    reflection_model,
    system_model,
)

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ModelFailure
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.methods import METHODS, run_method
from memtrace.optimizing.types import Candidate, Example, Optimization, Scored, Version, digest_of

pytest.importorskip("gepa")

SETTINGS: dict[str, dict[str, Any]] = {
    "memtrace": {"patience": 1}, "gepa": {"patience": 1}, "gepa_blind": {"patience": 3},
    "paper": {}, "uniform": {"patience": 2},
}  # fmt: skip
LIMIT = 160
VALIDATE_FIRST = ("gepa", "gepa_blind")
"""Methods that begin with the whole validation set."""


def slow(value: object) -> Any:
    return pytest.param(value, marks=pytest.mark.slow)


class Watched(Evaluator):
    """Notes every pair that was asked for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.pairs: list[tuple[str, str]] = []
        super().__init__(*args, **options)

    def evaluate(
        self, candidate: Candidate, examples: Sequence[Example], *, keeps_trace: bool = False
    ) -> list[Scored]:
        scores = super().evaluate(candidate, examples, keeps_trace=keeps_trace)
        self.pairs += [(digest_of(candidate), one.key) for one in examples]
        return scores


class Run:
    """One run of a method, and what was seen of it."""

    def __init__(
        self, name: str, trace: Path, folder: Path, *, limit: int = LIMIT,
        reflection: ChatModel | None = None, model: ChatModel | None = None,
    ) -> None:  # fmt: skip
        self.told: list[Version] = []
        self.reflection = reflection or reflection_model()
        with Watched(
            trace, model=model or system_model(), folder=folder, max_metric_calls=limit
        ) as evaluator:
            self.splits = divided(evaluator.examples)
            self.result: Optimization = run_method(
                name, evaluator, self.splits, self.reflection, settings=SETTINGS[name],
                on_version=self.told.append,
            )  # fmt: skip
            self.pairs = evaluator.pairs


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("spoilt") / "t.db")


@pytest.fixture(scope="module", params=METHODS)
def run(
    request: pytest.FixtureRequest, trace: Path, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    return Run(request.param, trace, tmp_path_factory.mktemp(request.param))


def test_it_is_called_as_it_was_asked_for(run: Run, request: pytest.FixtureRequest) -> None:
    assert run.result.method == request.node.callspec.params["run"]


def test_only_the_evaluator_counts(run: Run) -> None:
    spending = run.result.spending
    assert spending.evaluations == len(set(run.pairs)), "each pair once"
    assert spending.metric_calls == spending.evaluations + spending.proofs <= LIMIT
    assert spending.reflection_calls == len(run.reflection.requests)  # type: ignore[attr-defined]


def test_held_out_questions_are_never_asked(run: Run) -> None:
    held_out = {one.key for one in run.splits.held_out}
    assert held_out
    assert held_out.isdisjoint(key for _, key in run.pairs)


def test_versions_tell_the_story(run: Run) -> None:
    versions = list(run.result.versions)
    assert versions == run.told
    assert [one.number for one in versions] == list(range(1, len(versions) + 1))
    calls = [one.metric_calls for one in versions]
    assert calls == sorted(calls)
    parents = {digest_of(run.result.seed)}
    for one in versions:
        assert one.parent in parents, "made from a version that was accepted"
        assert one.decision.reason
        assert one.decision.accepted or one.validation is None
        if one.decision.accepted:
            parents.add(one.digest)
    assert digest_of(run.result.best) in parents


def test_the_best_version_has_the_score_it_says(run: Run, trace: Path, tmp_path: Path) -> None:
    result = run.result
    with Evaluator(trace, model=system_model(), folder=tmp_path / "again") as again:
        for candidate, told in (
            (result.seed, result.seed_validation), (result.best, result.best_validation),
        ):  # fmt: skip
            scores = [one.score for one in again.evaluate(candidate, run.splits.validation)]
            assert told == pytest.approx(sum(one or 0 for one in scores) / len(scores))


def test_the_spoilt_prompt_is_found_and_mended(run: Run) -> None:
    result = run.result
    if result.method == "uniform" and not result.accepted:
        return  # it draws the prompt by lot
    assert result.seed_validation is not None
    assert result.best_validation is not None
    assert result.best_validation >= result.seed_validation + 0.2, result.stopped
    assert result.changed == ("summary",)
    assert CURE in result.best["summary"]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("more", [-1, 0, 14, *(slow(n) for n in (1, 5, 12, 20, 27, 33, 40))])
def test_the_limit_ends_it_gracefully(name: str, more: int, trace: Path, tmp_path: Path) -> None:
    """At any number of calls the result is whole: what is best has a score, or nothing has."""
    done = Run(name, trace, tmp_path / "loop", limit=18 + more)
    result = done.result
    assert result.spending.metric_calls <= 18 + more
    assert result.stopped
    if more < 0 and name in VALIDATE_FIRST:
        assert (result.best, result.seed_validation) == (result.seed, None)
    else:
        assert result.best_validation is not None
    assert result.changed == () or result.accepted


@pytest.mark.parametrize("name", METHODS)
def test_rewrites_that_break_the_template_are_never_tried(
    name: str, trace: Path, tmp_path: Path
) -> None:
    def useless(request: ChatRequest) -> str:
        return "<prompt>\nDo better.\n</prompt>\n```\nDo better.\n```"

    reflection = ScriptedModel(useless, name="useless")
    result = Run(name, trace, tmp_path / "loop", limit=45, reflection=reflection).result
    assert result.best == result.seed
    assert result.versions
    assert not result.accepted
    assert any("placeholders" in why for one in result.versions for why in one.refused.values())


@pytest.mark.parametrize("name", METHODS)
def test_a_reflection_model_that_fails_ends_nothing(name: str, trace: Path, tmp_path: Path) -> None:
    reflection = ScriptedModel(lambda _: ModelFailure(kind="timeout", message="too late"))
    result = Run(name, trace, tmp_path / "loop", limit=45, reflection=reflection).result
    assert result.best == result.seed
    assert result.stopped


@pytest.mark.parametrize("name", METHODS)
def test_what_is_broken_is_raised(name: str, trace: Path, tmp_path: Path) -> None:
    """GEPA would note an exception of a rewrite in its log, and go on."""

    def broken(request: ChatRequest) -> str:
        raise RuntimeError("the plug is out")

    with pytest.raises(RuntimeError, match="the plug is out"):
        Run(name, trace, tmp_path / "loop", limit=45, reflection=ScriptedModel(broken))


@pytest.mark.parametrize("name", [name for name in METHODS if name != "paper"])
def test_making_questions_fail_is_no_way_through(name: str, trace: Path, tmp_path: Path) -> None:
    """A version whose every answer is unscored is not taken by any method that decides."""
    result = Run(
        name, trace, tmp_path / "loop", limit=75, reflection=reflection_model("BREAK DOWN"),
        model=fragile_model(),
    ).result  # fmt: skip
    assert result.versions
    assert result.best_validation == result.seed_validation
    assert not any("BREAK DOWN" in text for text in result.best.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_run_that_goes_on_comes_to_the_same(name: str, trace: Path, tmp_path: Path) -> None:
    first = Run(name, trace, tmp_path / "loop", limit=60).result
    again = Run(name, trace, tmp_path / "loop", limit=60).result
    assert again.versions == first.versions
    assert again.spending.metric_calls == first.spending.metric_calls
    assert again.spending.model_calls < first.spending.model_calls


def test_unknown_methods_and_settings_are_refused(trace: Path, tmp_path: Path) -> None:
    with Evaluator(trace, model=None, folder=tmp_path) as made:
        splits = divided(made.examples)
        with pytest.raises(UserError, match="expected one of memtrace, gepa"):
            run_method("best", made, splits, reflection_model())
        with pytest.raises(UserError, match="expected some of batch, rounds for paper"):
            run_method("paper", made, splits, reflection_model(), settings={"patience": 3})


# The installed GEPA ---------------------------------------------------------------------------


def test_the_options_that_are_given_to_gepa_exist() -> None:
    import gepa

    given = (
        "seed_candidate", "trainset", "valset", "adapter", "stop_callbacks", "logger",
        "raise_on_exception", "track_best_outputs", "display_progress_bar", "seed",
        "reflection_minibatch_size", "acceptance_criterion", "sampling_strategy",
        "module_selector",
    )  # fmt: skip
    parameters = inspect.signature(gepa.optimize).parameters
    assert set(given) <= parameters.keys()
    defaults = {name: one.default for name, one in parameters.items()}
    stock = {
        "candidate_selection_strategy": "pareto", "skip_perfect_score": True,
        "perfect_score": 1.0, "module_selector": "round_robin", "use_merge": False,
        "batch_sampler": "epoch_shuffled", "cache_evaluation": False, "run_dir": None,
        "acceptance_criterion": "strict_improvement", "val_evaluation_policy": None,
    }  # fmt: skip
    assert {name: defaults[name] for name in stock} == stock


def test_the_shapes_of_gepas_objects_are_the_known_ones() -> None:
    from gepa.core.adapter import EvaluationBatch
    from gepa.proposer.base import CandidateProposal, SubsampleEvaluation
    from gepa.strategies.proposal_sampling import ProposalTask

    def names(kind: Any) -> list[str]:
        return [one.name for one in fields(kind)]

    assert {"outputs", "scores", "trajectories", "num_metric_calls"} <= set(names(EvaluationBatch))
    wanted = ["parent_idx", "parent_candidate", "minibatch_ids", "minibatch"]
    assert names(ProposalTask) == wanted, "given by position"
    assert {"candidate", "parent_program_ids", "eval_before", "eval_after"} <= set(
        names(CandidateProposal)
    )
    assert "outputs" in names(SubsampleEvaluation)


def test_gepas_reflection_prompt_takes_and_gives_texts_as_it_did() -> None:
    from gepa.strategies.instruction_proposal import InstructionProposalSignature

    request = InstructionProposalSignature.prompt_renderer({
        "current_instruction_doc": "Answer {question}.", "prompt_template": None,
        "dataset_with_feedback": [{"Inputs": "i", "Generated Outputs": "o", "Feedback": "f"}],
    })  # fmt: skip
    assert isinstance(request, str)
    assert request.startswith("I provided an assistant")
    assert "Answer {question}." in request
    assert "## Feedback\nf" in request
    read = InstructionProposalSignature.output_extractor("Here:\n```\nAnswer {question}!\n```")
    assert read == {"new_instruction": "Answer {question}!"}


def test_gepa_swallows_what_is_raised_while_a_rewrite_is_prepared() -> None:
    """Why the adapter keeps such exceptions; once this fails, it need not."""
    from gepa.proposer.reflective_mutation.reflective_mutation import ReflectiveMutationProposer

    source = inspect.getsource(ReflectiveMutationProposer._propose_texts_batch_safe)
    assert "except Exception" in source
