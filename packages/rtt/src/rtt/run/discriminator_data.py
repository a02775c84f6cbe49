"""The labelled rows of rtt-discriminator: a folder of rtt-label, or rule-made ones drawn here.

In: where they are, or how many to draw. Out: the four parts. Rule-made rows depend on the seed
alone, so every process of a run and a resumed run draw the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import get_args

from lmcommon.errors import UserError
from rtt.discriminator.examples import LabelledResponse, read_examples
from rtt.labelling.rules import RuleMade
from rtt.labelling.split import PartName, Split

__all__ = ["Parts", "RuleRecipe", "draw_parts", "read_parts"]

Parts = Mapping[PartName, Sequence[LabelledResponse]]


@dataclass(kw_only=True)
class RuleRecipe:
    """Rule-made rows, where no folder of rows is given."""

    rows: int = 24_000
    """Over all parts."""
    seed: int | None = None
    """Of the rows; null: the run's seed."""
    kinds: list[str] = field(default_factory=list)
    """Constraint ids; none: all that can be drawn."""
    longest: int = 6
    """Sentences of a made text at most, roughly."""
    validation: float = 0.05
    """Share of the prompts."""
    test: float = 0.1
    """Share of the prompts."""
    hold_out_kinds: bool = True
    """Whether one kind in seven is kept out of training, and measured apart."""

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise UserError(f"rules.rows: expected a whole number above 0; got {self.rows!r}")


def draw_parts(recipe: RuleRecipe, *, seed: int) -> Parts:
    """Rule-made rows, split by prompt."""
    made = RuleMade(kinds=tuple(recipe.kinds), longest=recipe.longest)
    rows = islice(made.examples(seed if recipe.seed is None else recipe.seed), recipe.rows)
    split = Split(
        validation=recipe.validation, test=recipe.test, hold_out_kinds=recipe.hold_out_kinds
    )
    return split.divide(rows).parts


def read_parts(folder: str | Path) -> Parts:
    """The parts that rtt-label has written; one without a file is empty.

    Raises:
        UserError: No such folder, or none of the files is in it.
        DataError: A malformed row.
    """
    files = {name: Path(folder) / f"{name}.jsonl" for name in get_args(PartName)}
    found = {name: file for name, file in files.items() if file.is_file()}
    if not found:
        raise UserError(
            f"labels: expected a folder with {', '.join(one.name for one in files.values())} (what "
            f"rtt-label writes), or some of them; got {str(folder)!r}; give labels=FOLDER, or "
            "leave it out for rule-made rows"
        )
    return {name: list(read_examples(found[name])) if name in found else [] for name in files}
