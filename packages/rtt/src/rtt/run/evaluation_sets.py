"""The sets of prompts that a run evaluates, with the responses that are there already.

In: settings of each benchmark. Out: `EvaluationSet`s, numbered in the order they were named; the
number is the `step` of their records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lmcommon.data.config import PROMPT_SCHEMAS
from lmcommon.data.registry import PROMPTS
from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from rtt.engine.given import Given, Tokens, given_rollout, read_given
from rtt.evaluate.benchmarks import BENCHMARKS, Benchmark
from rtt.types import Group

__all__ = ["STORED", "EvaluationSet", "SetConfig", "check_names", "files_of", "open_set"]

STORED = "stored"
"""In place of a file: the responses that come with the prompts."""


@dataclass(kw_only=True)
class SetConfig:
    """One benchmark of a run."""

    path: str = ""
    """File or hub id of its prompts."""
    max_prompts: int | None = None
    sample_seed: int | None = None
    """Which prompts `max_prompts` keeps. null: the first; a number: drawn at random."""
    responses: str | None = None
    """A file of given responses instead of a policy (rows with response, and prompt or id), or
    stored: those that come with the prompts."""
    reference: str | None = None
    """A file of reference verdicts (eval_results_strict.jsonl) to compare the strict ones with."""
    reference_loose: str | None = None
    """The same for the loose ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """The prompts of one benchmark, and what answers them."""

    number: int
    benchmark: Benchmark
    prompts: tuple[RubricPrompt, ...]
    given: Given | None
    """Responses that are there; None: a policy samples."""

    @property
    def asked(self) -> Sequence[RubricPrompt] | Sequence[Group]:
        """What is done: prompts to sample, or groups of given responses."""
        return self.prompts if self.given is None else self.given.groups

    def identity(self) -> dict[str, Any]:
        """What was asked, as JSON values: two runs of one digest can be paired."""
        whole = hashlib.sha256()
        for prompt in self.prompts:
            rubric = [
                [one.id, one.text, one.constraint_id, dict(one.kwargs), one.weight]
                for one in prompt.rubric.criteria
            ]
            told = [prompt.id, prompt.prompt, rubric]
            whole.update(json.dumps(told, sort_keys=True, default=str).encode())
        return {"prompts": len(self.prompts), "digest": whole.hexdigest()[:16]}


def check_names(names: Sequence[str]) -> None:
    """Refuse benchmarks that there are not.

    Raises:
        UserError: None, one twice, or an unknown one.
    """
    known = ", ".join(BENCHMARKS)
    if not names:
        raise UserError(f"benchmarks: expected at least one of {known}; got none")
    for name in names:
        if name not in BENCHMARKS:
            raise UserError(f"benchmarks: expected names out of {known}; got {name!r}")
    if len(set(names)) < len(names):
        raise UserError(f"benchmarks: expected each once; got {', '.join(names)}")


def open_set(
    number: int, name: str, settings: SetConfig | None, tokens: Tokens, *, task: Any = None,
    prompts: int = 0, seed: int = 0,
) -> EvaluationSet:  # fmt: skip
    """Read the prompts of a benchmark and the responses that are there.

    Args:
        number: In the run.
        name: Of the benchmark.
        settings: Of the set; None: the prompts are a task's.
        tokens: Cuts given responses into tokens.
        task: Whose held-out prompts are taken.
        prompts: How many of them.
        seed: Of the task's prompts.

    Raises:
        UserError: There is no such set or responses.
        DataError: A malformed row.
    """
    if settings is None:
        rows = tuple(islice(task.prompts("heldout", seed), prompts))
        return EvaluationSet(number=number, benchmark=BENCHMARKS[name], prompts=rows, given=None)
    rows = _prompts(name, settings)
    given = None
    if settings.responses == STORED:
        given = _stored(name, rows, tokens)
    elif settings.responses is not None:
        given = read_given(settings.responses, rows, tokens)
    return EvaluationSet(number=number, benchmark=BENCHMARKS[name], prompts=rows, given=given)


def _prompts(name: str, settings: SetConfig) -> tuple[RubricPrompt, ...]:
    schema = PROMPT_SCHEMAS.get(name)
    if schema is None:
        raise UserError(f"benchmarks: expected sets that can be read here; {name!r} is not one yet")
    if not settings.path.strip():
        hub = PROMPTS[name].hub
        source = f"{name}.path={hub} (from the hub) or " if hub else ""
        raise UserError(
            f"{name}.path: expected where its prompts are; got nothing; give "
            f"{source}{name}.path=FILE"
        )
    rows: list[RubricPrompt] = schema(
        path=settings.path, max_prompts=settings.max_prompts, sample_seed=settings.sample_seed
    ).build()
    return tuple(rows)


def _stored(name: str, prompts: Sequence[RubricPrompt], tokens: Tokens) -> Given:
    groups = tuple(
        Group(prompt=one, rollouts=(given_rollout(one.id, str(one.metadata["output"]), tokens),))
        for one in prompts
        if one.metadata.get("output") is not None
    )
    if not groups:
        raise UserError(
            f"{name}.responses=stored: expected prompts that come with a response; none of "
            f"{len(prompts)} does; give {name}.responses=FILE"
        )
    return Given(groups=groups, unanswered=len(prompts) - len(groups), unmatched=())


def files_of(name: str, settings: SetConfig) -> dict[str, Path]:
    """The files on this machine that a set is read from, by the key that names them."""
    named = {
        "path": settings.path, "responses": settings.responses,
        "reference": settings.reference, "reference_loose": settings.reference_loose,
    }  # fmt: skip
    return {f"{name}.{key}": Path(one) for key, one in named.items() if one and Path(one).exists()}
