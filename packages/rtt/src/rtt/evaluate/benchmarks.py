"""Which benchmarks there are: the columns of each, how it is cut, and whether it needs a judge.

In: nothing. Out: `BENCHMARKS` by name. The names of the columns are those of the benchmarks' own
tables; what they count is in columns.py and ladders.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion
from rtt.evaluate.columns import Column, grades, instructions, points, prompts
from rtt.evaluate.ladders import consistent_levels, hard, level_of, soft

__all__ = ["BENCHMARKS", "Benchmark"]

CriterionCut = Callable[[Criterion], Sequence[str]]
PromptCut = Callable[[RubricPrompt], Sequence[str]]

_PROMPT = Column(name="prompt_strict", units=prompts("strict"), is_pass=True)
_INSTRUCTION = Column(name="instruction_strict", units=instructions("strict"))
_FOUR = (
    _PROMPT,
    _INSTRUCTION,
    Column(name="prompt_loose", units=prompts("loose"), is_pass=True),
    Column(name="instruction_loose", units=instructions("loose")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """How the answers to one set of prompts are turned into figures.

    Example:
        `BENCHMARKS["ifeval"].columns[0].name` is "prompt_strict".
    """

    name: str
    columns: tuple[Column, ...]
    """The first one is the headline."""
    has_loose: bool = False
    """Whether the loose reading is part of it."""
    needs_judge: bool = False
    """Whether most of its criteria cannot be decided by a program."""
    kinds: CriterionCut
    """Kinds of a criterion; instruction-level rates are given of each."""
    cuts: Mapping[str, PromptCut] = field(default_factory=dict)
    """By what prompts are divided: name to the parts that a prompt belongs to."""

    @property
    def reads_grades(self) -> bool:
        """Whether its criteria are graded."""
        return any(column.name == "grade" for column in self.columns)


def _constraint(criterion: Criterion) -> Sequence[str]:
    return (criterion.constraint_id or next(iter(criterion.tags), "judged"),)


def _labels(criterion: Criterion) -> Sequence[str]:
    return criterion.tags or ("without a label",)


def _pair(criterion: Criterion) -> Sequence[str]:
    return (" / ".join(criterion.tags[:2]) or "without a label",)


def _passed(_: Criterion) -> Sequence[str]:
    """Names of graded criteria are as many as there are prompts."""
    return ("grade from the pass mark on",)


def _axis(criterion: Criterion) -> Sequence[str]:
    return [tag for tag in criterion.tags if tag.startswith("axis:")] or ("without an axis",)


def _field(*names: str) -> PromptCut:
    """Parts by the first of the metadata's fields that is there."""

    def parts(prompt: RubricPrompt) -> Sequence[str]:
        for name in names:
            if value := prompt.metadata.get(name):
                return [str(one) for one in value] if isinstance(value, list) else [str(value)]
        return ()

    return parts


def _level(prompt: RubricPrompt) -> Sequence[str]:
    level = level_of(prompt)
    return (f"level {level}",) if level else ()


_ALL = (
    Benchmark(name="ifeval", columns=_FOUR, has_loose=True, kinds=_constraint),
    Benchmark(name="ifbench", columns=_FOUR, has_loose=True, kinds=_constraint),
    Benchmark(
        name="muldimif",
        columns=(
            Column(name="accuracy", units=prompts("strict"), is_pass=True),
            _INSTRUCTION,
        ),
        kinds=_pair,
        cuts={"pattern": _field("pattern"), "difficulty": _field("difficulty")},
    ),
    Benchmark(
        name="advancedif",
        columns=(
            Column(name="overall", units=prompts("strict"), is_pass=True),
            Column(name="rubric", units=instructions("strict")),
        ),
        needs_judge=True, kinds=_labels, cuts={"kind": _field("kind")},
    ),
    Benchmark(
        name="infobench",
        columns=(Column(name="drfr", units=instructions("strict")), _PROMPT),
        needs_judge=True, kinds=_labels, cuts={"subset": _field("subset")},
    ),
    Benchmark(
        name="followbench",
        columns=(
            Column(name="hsr", units=hard, is_pass=True),
            Column(name="ssr", units=soft),
            Column(name="csl", units=consistent_levels, is_share=False),
        ),
        needs_judge=True, kinds=_labels, cuts={"level": _level, "kind": _field("kind")},
    ),
    Benchmark(
        name="healthbench",
        columns=(
            Column(name="score", units=points(), is_clipped=True, is_share=False),
            Column(name="criteria_met", units=instructions("strict")),
        ),
        needs_judge=True, kinds=_axis, cuts={"theme": _field("themes")},
    ),
    Benchmark(
        name="writingbench",
        columns=(Column(name="grade", units=grades(), is_share=False),),
        needs_judge=True, kinds=_passed,
        cuts={"domain": _field("domain"), "language": _field("language")},
    ),
    Benchmark(name="task", columns=(_PROMPT, _INSTRUCTION), kinds=_constraint),
)  # fmt: skip

BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType({one.name: one for one in _ALL})
"""By name. `task` is whatever a training task holds out."""
