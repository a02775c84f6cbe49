"""The verb rtt-compare: two or more runs of rtt-evaluate, paired prompt by prompt.

In: run folders; the first is the base. Out: a report with differences, intervals, tests (with
Holm's correction over all of them), kinds of criteria, and the prompts that flipped, each to be
read in `flips.md`. Runs that do not answer the same prompts in the same way are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.runlog import finite, write_atomic, write_lines
from rtt.evaluate.answers import Item
from rtt.evaluate.benchmarks import BENCHMARKS
from rtt.evaluate.comparing import (
    Difference,
    compare_columns,
    compare_kinds,
    paired,
    with_holm,
)
from rtt.evaluate.flips import Flip, anchors_of, flip_lines, flips_of
from rtt.evaluate.tables import cell
from rtt.run.evaluated import Evaluated, read_evaluation, unlike

__all__ = ["CompareConfig", "compare", "main"]

_SHOWN = 40
"""Flips that the report lists; all are in flips.jsonl and flips.md."""


@dataclass(kw_only=True)
class CompareConfig:
    """Configuration of rtt-compare."""

    base: str = "???"
    """Run folder of rtt-evaluate that the others are held against."""
    other: str = "???"
    third: str | None = None
    fourth: str | None = None
    more: list[str] = field(default_factory=list)
    """Further run folders."""
    seed: int = 0
    """Of the bootstrap and of the permutations."""
    anyway: bool = False
    """Compare what runs have in common though prompts, sampling or judges differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One benchmark of two runs."""

    benchmark: str
    names: tuple[str, str]
    pairs: list[tuple[Item, Item]]
    columns: list[Difference]
    kinds: list[Difference]
    flips: list[Flip]


def compare(config: CompareConfig, run: Run) -> dict[str, Any]:
    """Compare runs and write the report."""
    named = [config.base, config.other, config.third, config.fourth, *config.more]
    base, *others = [read_evaluation(folder) for folder in named if folder is not None]
    notes = [note for other in others for note in unlike(base, other)]
    if notes and not config.anyway:
        raise UserError(
            f"{notes[0]}; give anyway=true to compare what they have in common"
            + (f" ({len(notes) - 1} more such differences)" if len(notes) > 1 else "")
        )
    found = [one for other in others for one in _compared(base, other, config.seed)]
    if not found:
        raise UserError(
            "other: expected a benchmark in common with prompts that both have scored; got none"
        )
    _adjust(found)
    lines = list(_lines(found, notes))
    _keep(run, found)
    run.report("\n".join(lines) + "\n")
    run.console.print("\n".join(lines[2:]), markup=False, highlight=False, soft_wrap=True)
    return {
        "notes": len(notes),
        "comparisons": [
            {
                "benchmark": one.benchmark, "left": one.names[0], "right": one.names[1],
                "prompts": len(one.pairs), "flips": len(one.flips),
                **{
                    column.name: {
                        "difference": column.value, "95": list(column.interval), "p": column.p,
                        "p_holm": column.p_holm,
                    }
                    for column in one.columns
                },
            }
            for one in found
        ],
    }  # fmt: skip


def _compared(base: Evaluated, other: Evaluated, seed: int) -> Iterator[Compared]:
    for name, items in base.items.items():
        pairs = paired(items, other.items.get(name, []))
        columns = compare_columns(BENCHMARKS[name], pairs, seed=seed)
        if columns:
            yield Compared(
                benchmark=name, names=(base.name, other.name), pairs=pairs, columns=columns,
                kinds=compare_kinds(BENCHMARKS[name], pairs, seed=seed),
                flips=flips_of(name, pairs),
            )  # fmt: skip


def _adjust(found: Sequence[Compared]) -> None:
    """Holm's correction: over all columns of all comparisons, and over all kinds of them."""
    for part in ("columns", "kinds"):
        adjusted = iter(with_holm([one for each in found for one in getattr(each, part)]))
        for each in found:
            own: list[Difference] = getattr(each, part)
            own[:] = [next(adjusted) for _ in own]


def _lines(found: Sequence[Compared], notes: Sequence[str]) -> Iterator[str]:
    yield "# Comparison of evaluations"
    yield ""
    if notes:
        yield "Compared although the runs are not alike:"
        yield ""
        yield from (f"- {note}" for note in notes)
        yield ""
    yield "Right minus left; p adjusted by Holm's correction over all rows of a kind of table."
    yield ""
    for one, anchors in zip(found, _anchors(found), strict=True):
        yield f"## {one.benchmark}: {one.names[1]} against {one.names[0]}"
        yield ""
        yield f"{len(one.pairs)} prompts in common."
        yield ""
        yield from _table("figure", one.columns)
        yield from _table("kind of criterion", one.kinds)
        yield from _flipped(one, anchors)


def _table(title: str, rows: Sequence[Difference]) -> Iterator[str]:
    yield (
        f"| {title} | left | right | difference | 95 % over prompts | p | p adjusted | test "
        "| better left, right | prompts |"
    )
    yield "|---|---:|---:|---:|---|---:|---:|---|---|---:|"
    for one in rows:
        sign = "+" if one.value >= 0 else ""
        low, high = (cell(one.name, value) for value in one.interval)
        yield (
            f"| {one.name} | {cell(one.name, one.left)} | {cell(one.name, one.right)} "
            f"| {sign}{cell(one.name, one.value)} | {low} to {high} | {one.p:.3g} "
            f"| {one.p_holm:.3g} | {one.test} | {one.only_left}, {one.only_right} | {one.units} |"
        )
    yield ""


def _anchors(found: Sequence[Compared]) -> list[list[str]]:
    """Places in flips.md of each comparison's flips: a prompt can flip in several comparisons."""
    left_over = iter(anchors_of(flip for one in found for flip in one.flips))
    return [[next(left_over) for _ in one.flips] for one in found]


def _flipped(one: Compared, anchors: Sequence[str]) -> Iterator[str]:
    better = sum(flip.right > flip.left for flip in one.flips)
    yield (
        f"Prompts that flipped: {len(one.flips)} ({better} for the better, "
        f"{len(one.flips) - better} for the worse)."
    )
    yield ""
    for flip, anchor in list(zip(one.flips, anchors, strict=True))[:_SHOWN]:
        kinds = ", ".join(kind for _, kind, _, _ in flip.criteria)
        yield (
            f"- [{flip.prompt}](flips.md#{anchor}): {flip.left:.0%} to {flip.right:.0%} ({kinds})"
        )
    if len(one.flips) > _SHOWN:
        yield f"- {len(one.flips) - _SHOWN} more in [flips.md](flips.md)"
    yield ""


def _keep(run: Run, found: Sequence[Compared]) -> None:
    """Everything that a report leaves out."""
    shown = ["# Prompts that flipped", ""]
    rows = []
    for one, anchors in zip(found, _anchors(found), strict=True):
        for flip, anchor in zip(one.flips, anchors, strict=True):
            shown += flip_lines(flip, *one.pairs[flip.place], one.names, anchor)
            rows.append({"left": one.names[0], "right": one.names[1], **flip.plain()})
    write_lines(run.folder / "flips.jsonl", rows)
    write_atomic(run.folder / "flips.md", _unicode("\n".join(shown) + "\n"))
    told = [
        {
            "benchmark": one.benchmark, "left": one.names[0], "right": one.names[1],
            "columns": [asdict(each) for each in one.columns],
            "kinds": [asdict(each) for each in one.kinds],
        }
        for one in found
    ]  # fmt: skip
    plain = json.dumps(finite({"pairs": told}), indent=1)
    write_atomic(run.folder / "comparison.json", plain + "\n")


def _unicode(text: str) -> str:
    """Half a surrogate pair, which a model can write, cannot be UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


main = entrypoint(
    "rtt/compare", CompareConfig, compare, groups={},
    positional=("base", "other", "third", "fourth"),
)  # fmt: skip

if __name__ == "__main__":
    main()
