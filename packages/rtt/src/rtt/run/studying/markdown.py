"""Tables as Markdown: ours and the paper's in one layout.

In: blocks of lines. Out: text. Where ours and the paper's share a column they stand in one table;
otherwise the paper's follow in a table of their own with the same lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from rtt.run.studying.arms import ARMS
from rtt.run.studying.collecting import Block, Cell, Line
from rtt.run.studying.intervals import Estimate
from rtt.run.studying.paper import paper_table

__all__ = ["markdown_of"]

_NAMES = {
    "heldout/prompt": "held-out, all criteria", "heldout/criteria": "held-out, criteria met",
    "training/late_all_satisfied": "late rate", "mean": "mean of six columns",
}  # fmt: skip
_NOTE = (
    "Ours: percent, mean over seeds [95 % bootstrap over {over}]; a few seeds make such an "
    "interval too narrow. Differences are paired by seed and prompt, in percentage points."
)
_PAPER_NOTE = (
    "The paper's: percent, one run each; ± is one binomial standard error over the test set (of a "
    "difference: of two independent shares), which the paper does not print; instructions are "
    "counted as independent."
)


def markdown_of(
    blocks: Sequence[Block], kept: Sequence[tuple[str, str, str, Estimate]], *, title: str,
    plots: Sequence[str] = (),
) -> str:  # fmt: skip
    """The whole page.

    Args:
        blocks: Tables.
        kept: Of exact spans' gain, what each arm with a discriminator keeps.
        title: Heading.
        plots: Names of pictures beside the file.
    """
    parts = [f"# {title}"]
    for block in blocks:
        source = (
            f" (the paper: {paper_table(block.table.paper).source})" if block.table.paper else ""
        )
        parts.append(f"## {block.table.title}{source}")
        parts += [_grid(lines) for lines in _groups(block.lines)]
        if block.differences:
            parts += [_grid(lines) for lines in _groups(block.differences)]
        parts.append(_notes(block))
    if kept:
        parts.append("## What a learned discriminator keeps of the gain of exact spans")
        parts.append(_kept_grid(kept))
    parts += [f"![{name}]({name})" for name in plots]
    return "\n\n".join(part for part in parts if part) + "\n"


def _groups(lines: Sequence[Line]) -> list[list[Line]]:
    """One table where ours and the paper's have a column in common, else one each."""
    ours = [line for line in lines if line.origin == "ours"]
    theirs = [line for line in lines if line.origin == "paper"]
    if _columns(ours).keys() & _columns(theirs).keys():
        return [[*ours, *theirs]]
    return [group for group in (ours, theirs) if group]


def _columns(lines: Sequence[Line]) -> dict[str, None]:
    return {name: None for line in lines for name in line.cells}


def _grid(lines: Sequence[Line]) -> str:
    columns = _columns(lines)
    head = ["model", "method", "seeds", *(_name(column) for column in columns)]
    rows = [
        [
            f"{line.model} (paper)" if line.origin == "paper" else line.model, line.label,
            str(len(line.seeds)) if line.seeds else "-",
            *(_shown(line.cells.get(column), line.against is not None) for column in columns),
        ]
        for line in lines
    ]  # fmt: skip
    return _table(head, rows)


def _kept_grid(kept: Sequence[tuple[str, str, str, Estimate]]) -> str:
    rows = [
        [
            model, ARMS[arm].label, _name(column),
            "no gain to keep" if got.value is None else f"{got.value:.2f}"
            + ("" if got.interval is None else f" [{got.interval[0]:.2f}, {got.interval[1]:.2f}]"),
            got.over,
        ]
        for model, arm, column, got in kept
    ]  # fmt: skip
    return _table(["model", "arm", "column", "share of the gain [95 %]", "drawn over"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _name(column: str) -> str:
    if column in _NAMES:
        return _NAMES[column]
    told = paper_table("main")
    names = dict(zip(told.columns, told.labels, strict=True))
    return names.get(column, column.replace("/", " "))


def _shown(cell: Cell | None, is_difference: bool) -> str:
    if cell is None:
        return "-"
    sign = "+" if is_difference else ""
    if cell.error is not None:
        return f"{cell.value:{sign}.2f} ± {cell.error:.2f}"
    if cell.low is None or cell.high is None:
        return f"{cell.value:{sign}.2f}"
    return f"{cell.value:{sign}.1f} [{cell.low:{sign}.1f}, {cell.high:{sign}.1f}]"


def _notes(block: Block) -> str:
    over = dict.fromkeys(
        cell.over for line in block.lines if line.origin == "ours" for cell in line.cells.values()
    )
    told = [_NOTE.format(over=" or ".join(f"({one})" for one in over) if len(over) > 1 else
                         next(iter(over), "nothing"))]  # fmt: skip
    if block.table.paper:
        told.append(_PAPER_NOTE)
    return " ".join(told)
