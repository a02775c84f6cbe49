"""The option group `source`: where cases come from, one dataclass a source with `build()`.

Verbs above know sources by `SOURCE_SCHEMAS` alone; a source of another package registers itself in
it before the verb is started.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lmcommon.errors import UserError
from memtrace.faultbench.plugins import installed
from memtrace.faultbench.recipes import SETS, read_recipes
from memtrace.faultbench.source import FaultBenchSource
from memtrace.scoring.sources import (
    CasesSource,
    MemTraceBenchSource,
    TraceSource,
    WhoAndWhenSource,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memtrace.faultbench.types import Recipe
    from memtrace.scoring.types import Source

__all__ = [
    "SOURCE_SCHEMAS", "CasesConfig", "FaultBenchSourceConfig", "MemTraceBenchConfig",
    "SourceConfig", "TraceSourceConfig", "WhoAndWhenConfig",
]  # fmt: skip


@dataclass(kw_only=True)
class SourceConfig:
    """Where cases come from."""

    path: str = ""
    """A file or a folder."""

    def build(self, replay_llm: Any = None) -> Source:
        """Open the source.

        Args:
            replay_llm: Configuration of the model that answers what replays ask anew; None: the
                one each run was recorded with.

        Raises:
            UserError: Nothing is there.
        """
        raise TypeError(f"{type(self).__name__} must define build()")

    def given_path(self, what: str) -> str:
        """The path, which must be given.

        Raises:
            UserError: It is not.
        """
        if not self.path.strip():
            raise UserError(f"source.path: expected {what}; got nothing; give source.path=...")
        return self.path


@dataclass(kw_only=True)
class TraceSourceConfig(SourceConfig):
    """Wrong answers of recorded runs; no labels."""

    question: str | None = None
    """Only the question of this id."""
    every: bool = False
    """Right answers too."""
    replays: bool = True
    """Whether runs may be replayed."""

    def build(self, replay_llm: Any = None) -> Source:
        """Open the traces."""
        return TraceSource(
            self.given_path("a trace or a run folder of memtrace-trace"), question=self.question,
            every=self.every, llm=replay_llm, replays=self.replays,
        )  # fmt: skip


@dataclass(kw_only=True)
class MemTraceBenchConfig(SourceConfig):
    """MemTraceBench: a file, a split, or the folder of all."""

    def build(self, replay_llm: Any = None) -> Source:
        """Find the files. Their runs cannot be replayed."""
        return MemTraceBenchSource(self.given_path("files of MemTraceBench (*.json)"))


@dataclass(kw_only=True)
class FaultBenchSourceConfig(SourceConfig):
    """FaultBench: runs with planted faults, recorded when they are asked for."""

    path: str = SETS[0]
    """A set that comes with memtrace, a run folder of memtrace-faultbench, or its recipes.jsonl."""
    split: str | None = None
    """Only dev, report or held_out."""
    pipelines: list[str] = field(default_factory=list)
    """Only these; empty: all."""
    kinds: list[str] = field(default_factory=list)
    """Only cases with one of these kinds of fault or control; empty: all."""
    model: str = "simulated"
    """The simulated model that runs the pipelines, unless replay_llm names a real one: then the
    recipes must have been verified with it."""

    def build(self, replay_llm: Any = None) -> Source:
        """Read the recipes and keep what is asked for."""
        known = read_recipes(self.given_path(f"one of {', '.join(SETS)}, or recipes.jsonl"))
        self._check(known)
        recipes = [
            one
            for one in known
            if (self.split is None or one.split == self.split)
            and (not self.pipelines or one.pipeline in self.pipelines)
            and (not self.kinds or set(self.kinds) & set(one.kinds))
        ]
        if not recipes:
            raise UserError(f"source: expected recipes; none of {self.path} is what was asked for")
        if replay_llm is None:
            installed().model(self.model).close()  # a wrong name is told before anything is done
        return FaultBenchSource(recipes, model=self.model, llm=replay_llm)

    def _check(self, recipes: Sequence[Recipe]) -> None:
        """Refuse words that no recipe of the set has.

        Raises:
            UserError: Names the key, and the words there are.
        """
        there: dict[str, set[str]] = {
            "split": {one.split for one in recipes},
            "pipelines": {one.pipeline for one in recipes},
            "kinds": {kind for one in recipes for kind in one.kinds},
        }
        asked = {
            "split": [] if self.split is None else [self.split], "pipelines": self.pipelines,
            "kinds": self.kinds,
        }  # fmt: skip
        for key, names in there.items():
            if unknown := [one for one in asked[key] if one not in names]:
                raise UserError(
                    f"source.{key}: expected some of {', '.join(sorted(names))}, which "
                    f"{self.path} has; got {unknown[0]!r}"
                )


@dataclass(kw_only=True)
class CasesConfig(SourceConfig):
    """Cases of memtrace-bench-build, with the labels annotators gave."""

    replays: bool = True
    labelled: bool = False
    """Only cases that have a label."""

    def build(self, replay_llm: Any = None) -> Source:
        """Read cases and annotations."""
        return CasesSource(
            self.given_path("the folder that memtrace-bench-build wrote"), llm=replay_llm,
            replays=self.replays, labelled=self.labelled,
        )  # fmt: skip


@dataclass(kw_only=True)
class WhoAndWhenConfig(SourceConfig):
    """Who&When: failed logs of agents."""

    def build(self, replay_llm: Any = None) -> Source:
        """Read the logs. They cannot be replayed."""
        return WhoAndWhenSource(self.given_path("files of Who&When (.json, .jsonl, .gz)"))


SOURCE_SCHEMAS: dict[str, type[SourceConfig]] = {
    "cases": CasesConfig,
    "faultbench": FaultBenchSourceConfig,
    "memtracebench": MemTraceBenchConfig,
    "trace": TraceSourceConfig,
    "who_and_when": WhoAndWhenConfig,
}
