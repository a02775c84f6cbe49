"""Configuration of the sets of prompts with rubrics: one dataclass a set, with `build()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcommon.data.checks import check_count, checked_path
from lmcommon.data.registry import PROMPTS
from lmcommon.data.types import RubricPrompt
from lmcommon.rng import random_for

__all__ = [
    "PROMPT_SCHEMAS",
    "AdvancedifConfig",
    "FollowbenchConfig",
    "HealthbenchConfig",
    "HirConfig",
    "IfbenchConfig",
    "IfevalConfig",
    "InfobenchConfig",
    "MuldimifConfig",
    "PromptConfig",
    "WritingbenchConfig",
]


@dataclass(kw_only=True)
class PromptConfig:
    """A set of prompts with rubrics."""

    name: ClassVar[str]

    path: str = ""
    """File, folder (of a set of several files) or hub id."""
    max_prompts: int | None = None
    """Most prompts. Of a set of ladders whole ladders are kept, if one fits."""
    sample_seed: int | None = None
    """Which prompts `max_prompts` keeps. null: the first; a number: drawn at random."""

    def __post_init__(self) -> None:
        check_count("max_prompts", self.max_prompts, 1)

    def build(self) -> list[RubricPrompt]:
        """Read the rows.

        Raises:
            UserError: Nothing is there.
            DataError: A row is malformed.
        """
        dataset = PROMPTS[self.name]
        rows = dataset.read(checked_path(self.name, self.path, dataset.hub))
        if self.max_prompts is None or self.max_prompts >= len(rows):
            return rows
        ladders = _ladders(rows)
        order = list(range(len(ladders)))
        if self.sample_seed is not None:
            number = min(self.max_prompts, len(ladders))
            order = random_for(self.sample_seed, "prompts").sample(order, number)
        kept: set[int] = set()
        for place in order:
            if len(kept) + len(ladders[place]) <= self.max_prompts:
                kept.update(ladders[place])
        return [rows[place] for place in sorted(kept)] or rows[: self.max_prompts]


def _ladders(rows: list[RubricPrompt]) -> list[list[int]]:
    """Places of the rows that belong together (the levels of FollowBench); else each by itself."""
    found: dict[tuple[bool, str], list[int]] = {}
    for place, row in enumerate(rows):
        ladder = row.metadata.get("ladder")
        found.setdefault((ladder is None, str(ladder or row.id)), []).append(place)
    return list(found.values())


@dataclass(kw_only=True)
class IfevalConfig(PromptConfig):
    """IFEval: 25 kinds of program-checked constraints."""

    name: ClassVar[str] = "ifeval"


@dataclass(kw_only=True)
class IfbenchConfig(PromptConfig):
    """IFBench: 58 kinds of program-checked constraints."""

    name: ClassVar[str] = "ifbench"


@dataclass(kw_only=True)
class MuldimifConfig(PromptConfig):
    """MulDimIF: constraints in prose, of 12 kinds."""

    name: ClassVar[str] = "muldimif"


@dataclass(kw_only=True)
class HirConfig(PromptConfig):
    """HIR-16K: the training rows of RTT, checked by program, by code of their own, by a judge."""

    name: ClassVar[str] = "hir"


@dataclass(kw_only=True)
class InfobenchConfig(PromptConfig):
    """InFoBench: yes/no requirements for a judge."""

    name: ClassVar[str] = "infobench"


@dataclass(kw_only=True)
class FollowbenchConfig(PromptConfig):
    """FollowBench: ladders of constraints that a judge must find, and forms for a program."""

    name: ClassVar[str] = "followbench"


@dataclass(kw_only=True)
class AdvancedifConfig(PromptConfig):
    """AdvancedIF: conversations with yes/no rubrics for a judge."""

    name: ClassVar[str] = "advancedif"


@dataclass(kw_only=True)
class HealthbenchConfig(PromptConfig):
    """HealthBench: weighted criteria, some of them negative, for a judge."""

    name: ClassVar[str] = "healthbench"


@dataclass(kw_only=True)
class WritingbenchConfig(PromptConfig):
    """WritingBench: criteria that a judge grades from 1 to 10."""

    name: ClassVar[str] = "writingbench"


PROMPT_SCHEMAS: dict[str, type[PromptConfig]] = {
    "advancedif": AdvancedifConfig,
    "followbench": FollowbenchConfig,
    "healthbench": HealthbenchConfig,
    "hir": HirConfig,
    "ifbench": IfbenchConfig,
    "ifeval": IfevalConfig,
    "infobench": InfobenchConfig,
    "muldimif": MuldimifConfig,
    "writingbench": WritingbenchConfig,
}
