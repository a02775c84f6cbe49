"""From results to the cells of tables: means over seeds, paired differences, kept gains.

In: results of any number of models. Out: lines of cells, ours and the paper's alike, in percent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rtt.run.studying.arms import ARMS, TABLES, Table
from rtt.run.studying.evaluating import is_percent
from rtt.run.studying.intervals import Estimate, difference, estimate, ratio_of_gains
from rtt.run.studying.paper import paper_table, standard_error
from rtt.run.studying.results import ArmResult, Column

__all__ = ["Block", "Cell", "Line", "blocks_of", "kept_gains"]

Origin = Literal["ours", "paper"]
_KEPT = (
    ("baseline_learned", "baseline_aon"), ("baseline_learned_floor", "baseline_aon"),
    ("learned", "rtt_aon"), ("learned_floor", "rtt_aon"),
)  # fmt: skip
"""Arms with a discriminator, and the same with exact spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure: a share in percent (a difference: in percentage points), a grade as it is."""

    value: float
    low: float | None = None
    """95 % interval; None: there is none."""
    high: float | None = None
    error: float | None = None
    """Binomial standard error, where the figure comes without an interval."""
    over: str = ""
    """What the interval was drawn over."""
    seeds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a table. Example: RTT-AON of one model, or "RTT-AON minus RL-AON"."""

    model: str
    arm: str
    label: str
    origin: Origin
    cells: dict[str, Cell]
    """By column."""
    against: str | None = None
    """For a difference: the arm that is taken off."""
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One table: its lines, and the differences between them."""

    name: str
    table: Table
    lines: tuple[Line, ...]
    differences: tuple[Line, ...]


def blocks_of(results: Sequence[ArmResult]) -> list[Block]:
    """Every table of which at least two lines were measured for one model."""
    blocks = []
    for name, table in TABLES.items():
        lines, differences = [], []
        for model in dict.fromkeys(result.model for result in results):
            own = _by_arm([result for result in results if result.model == model])
            if sum(row.arm in own for row in table.rows) < 2:
                continue
            lines += list(_lines(model, own, table))
            differences += list(_differences(model, own, table))
        if lines:
            theirs, apart = _of_paper(table)
            blocks.append(
                Block(
                    name=name,
                    table=table,
                    lines=(*lines, *theirs),
                    differences=(*differences, *apart),
                )
            )
    return blocks


def kept_gains(results: Sequence[ArmResult]) -> list[tuple[str, str, str, Estimate]]:
    """Model, arm, column and the share of exact spans' gain over RL-AON that it keeps."""
    told = []
    for model in dict.fromkeys(result.model for result in results):
        own = _by_arm([result for result in results if result.model == model])
        for learned, exact in _KEPT:
            if not {learned, exact, "rl_aon"} <= own.keys():
                continue
            seeds = sorted(own[learned].keys() & own[exact].keys() & own["rl_aon"].keys())
            others = _columns(own[exact]).keys() & _columns(own["rl_aon"]).keys()
            for column in _columns(own[learned]) if seeds else ():
                if column not in others:
                    continue  # not measured yet
                parts = [
                    [own[arm][seed].columns[column] for seed in seeds]
                    for arm in (learned, exact, "rl_aon")
                ]
                told.append((model, learned, column, ratio_of_gains(*parts)))
    return told


_Arms = dict[str, dict[int, ArmResult]]


def _by_arm(results: Sequence[ArmResult]) -> _Arms:
    found: _Arms = {}
    for result in results:
        found.setdefault(result.arm, {})[result.seed] = result
    return found


def _lines(model: str, own: _Arms, table: Table) -> Iterator[Line]:
    for row in table.rows:
        runs = own.get(row.arm)
        if runs is None:
            continue
        seeds = tuple(sorted(runs))
        cells = {
            column: _cell(column, estimate([runs[seed].columns[column] for seed in seeds]))
            for column in _columns(runs)
        }
        yield Line(
            model=model, arm=row.arm, label=row.label or ARMS[row.arm].label, origin="ours",
            cells=cells, seeds=seeds,
        )  # fmt: skip


def _differences(model: str, own: _Arms, table: Table) -> Iterator[Line]:
    for row in table.rows:
        against = ARMS[row.arm].against
        if row.arm not in own or against not in own:
            continue
        seeds = tuple(sorted(own[row.arm].keys() & own[against].keys()))
        shared = _columns(own[row.arm]) & _columns(own[against]).keys() if seeds else {}
        yield Line(
            model=model, arm=row.arm, against=against, origin="ours", seeds=seeds,
            label=f"{row.label or ARMS[row.arm].label} minus {ARMS[against].label}",
            cells={
                column: _cell(column, difference(
                    *(_taken(own[arm], seeds, column) for arm in (row.arm, against))
                ))
                for column in _columns(own[row.arm]) if column in shared
            },
        )  # fmt: skip


def _taken(runs: dict[int, ArmResult], seeds: Sequence[int], column: str) -> list[Column]:
    return [runs[seed].columns[column] for seed in seeds]


def _columns(runs: dict[int, ArmResult]) -> dict[str, None]:
    """Columns that every seed of an arm has with something counted, in their order."""
    first = next(iter(runs.values()))
    return {
        name: None
        for name in first.columns
        if all(name in one.columns and one.columns[name].value is not None for one in runs.values())
    }


def _cell(column: str, got: Estimate) -> Cell:
    scale = 100 if is_percent(column) else 1
    low, high = got.interval or (None, None)
    return Cell(
        value=scale * (got.value or 0.0), low=None if low is None else scale * low,
        high=None if high is None else scale * high, over=got.over,
        seeds=tuple(scale * one for one in got.seeds),
    )  # fmt: skip


def _of_paper(table: Table) -> tuple[list[Line], list[Line]]:
    """The paper's lines and differences; a difference's error takes the two as independent."""
    if table.paper is None:
        return [], []
    told = paper_table(table.paper)
    lines, apart = [], []
    labels = {
        row.arm: row.paper_label or row.label or ARMS[row.arm].label for row in table.rows
    }  # fmt: skip
    for model, arms in told.rows.items():
        for arm, values in arms.items():
            cells = {
                column: Cell(value=value, error=standard_error(value, size) if size else None)
                for column, value, size in zip(told.columns, values, told.sizes, strict=True)
            }
            label = labels[arm]
            lines.append(Line(model=model, arm=arm, label=label, origin="paper", cells=cells))
            against = ARMS[arm].against
            if against is not None and against in arms:
                pairs = zip(told.columns, values, arms[against], told.sizes, strict=True)
                apart.append(
                    Line(
                        model=model,
                        arm=arm,
                        against=against,
                        origin="paper",
                        label=f"{label} minus {ARMS[against].label}",
                        cells={
                            column: Cell(
                                value=ours - theirs,
                                error=math.hypot(
                                    standard_error(ours, size), standard_error(theirs, size)
                                )
                                if size
                                else None,
                            )
                            for column, ours, theirs, size in pairs
                        },
                    )
                )
    return lines, apart
