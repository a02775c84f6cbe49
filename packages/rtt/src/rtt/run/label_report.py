"""The end of a labelling run: the parts as files, a report, and the headline figures.

In: the outcomes of every source as the run kept them. Out: train.jsonl, validation.jsonl,
test.jsonl, held_out.jsonl, rejected.jsonl, report.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import reduce
from operator import add
from typing import Any, get_args

from lmcommon.runlog import Run, write_lines
from lmcommon.stats import quantile
from rtt.discriminator.examples import LabelledResponse, write_examples
from rtt.labelling.agreement import AnnotatorAgreement
from rtt.labelling.distribution import Distribution
from rtt.labelling.outcomes import Outcome, Rejected
from rtt.labelling.split import Divided, PartName, Split
from rtt.run.judging import spent_in
from rtt.run.label_sources import ROLES

__all__ = ["conclude", "outcomes_of"]


@dataclass(slots=True)
class _Gathered:
    """All outcomes of a run."""

    rows: list[LabelledResponse] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    costs: list[int] = field(default_factory=list)
    agreements: list[AnnotatorAgreement] = field(default_factory=list)
    exact: list[AnnotatorAgreement] = field(default_factory=list)
    items: dict[str, int] = field(default_factory=dict)
    given: Counter[str] = field(default_factory=Counter)
    """Rows by source."""

    def add(self, source: str, outcomes: Sequence[Outcome]) -> None:
        self.items[source] = len(outcomes)
        for one in outcomes:
            self.rows += one.rows
            self.given[source] += len(one.rows)
            self.rejected += one.rejected
            self.costs += [] if one.cost is None else [one.cost]
            self.agreements += [one.agreement] if one.agreement else []
            self.exact += [one.exact] if one.exact else []


def outcomes_of(run: Run, source: str) -> list[Outcome]:
    """What a run has kept of a source so far."""
    name = f"outcomes-{source}"
    return [
        Outcome.from_json(row, path=name, index=place) for place, row in enumerate(run.read(name))
    ]


def conclude(run: Run, sources: Sequence[str], split: Split) -> dict[str, Any]:
    """Divide the rows, write the files and the report; the headline figures."""
    gathered = _Gathered()
    for source in sources:
        gathered.add(source, outcomes_of(run, source))
    divided = split.divide(gathered.rows)
    for name, rows in divided.parts.items():
        write_examples(run.folder / f"{name}.jsonl", rows)
    write_lines(run.folder / "rejected.jsonl", [asdict(one) for one in gathered.rejected])
    counted = Distribution.of(gathered.rows)
    figures = {
        **counted.figures(),
        **{name: len(divided.parts[name]) for name in get_args(PartName)},
        "dropped": divided.dropped,
        "rejected": len(gathered.rejected),
        **_agreement_figures(gathered),
    }
    for role in ROLES:
        figures.update(spent_in(run.folder, role))
    run.report("\n".join(_report(gathered, counted, divided, figures)) + "\n")
    shown = [*_size_lines(divided), *_rejection_lines(gathered)]
    run.console.print("\n".join(shown), markup=False, highlight=False, soft_wrap=True)
    return figures


def _agreement_figures(gathered: _Gathered) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if gathered.agreements:
        both = reduce(add, gathered.agreements)
        figures.update(
            annotator_rows=both.rows, annotator_alone=both.alone,
            annotator_kappa=_round(both.kappa), annotator_iou=_round(both.iou),
        )  # fmt: skip
    if gathered.exact:
        exact = reduce(add, gathered.exact)
        figures.update(
            exact_rows=exact.rows, exact_f1=_round(exact.f1), exact_iou=_round(exact.iou),
            exact_kappa=_round(exact.kappa),
        )  # fmt: skip
    return figures


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _report(
    gathered: _Gathered, counted: Distribution, divided: Divided, figures: Mapping[str, Any]
) -> list[str]:
    lines = [f"# {counted.rows} labelled responses of {len(counted.kinds)} kinds", ""]
    lines += _size_lines(divided)
    lines += ["", *_source_lines(gathered), "", *_rejection_lines(gathered)]
    if gathered.costs:
        costs = sorted(map(float, gathered.costs))
        middle, most = quantile(costs, 0.5), quantile(costs, 0.9)
        lines += ["", f"Characters that a minimal edit changes: median {middle:g}, 90 % {most:g}."]
    if gathered.agreements:
        lines += ["", (
            f"Two annotators: {figures['annotator_rows']} responses labelled by both, "
            f"{figures['annotator_alone']} by one alone (left out); kappa "
            f"{figures['annotator_kappa']}, IoU of the relevant characters "
            f"{figures['annotator_iou']}."
        )]  # fmt: skip
    if gathered.exact:
        lines += ["", (
            f"Annotators against program checks ({figures['exact_rows']} responses): F1 over "
            f"characters {figures['exact_f1']}, IoU {figures['exact_iou']}."
        )]  # fmt: skip
    lines += _lopsided_lines(counted)
    return [*lines, "", "## By kind", "", *counted.lines()]


def _size_lines(divided: Divided) -> list[str]:
    sizes = ", ".join(f"{name} {len(rows)}" for name, rows in divided.parts.items())
    dropped = f" (of held-out kinds, dropped for their prompts: {divided.dropped})"
    return [f"rows: {sizes}{dropped if divided.dropped else ''}"]


def _source_lines(gathered: _Gathered) -> list[str]:
    lines = ["| source | items | rows |", "| --- | --- | --- |"]
    return lines + [
        f"| {name} | {count} | {gathered.given[name]} |" for name, count in gathered.items.items()
    ]


def _rejection_lines(gathered: _Gathered) -> list[str]:
    counted = Counter((one.source, one.reason) for one in gathered.rejected)
    if not counted:
        return ["rejected: nothing"]
    lines = ["| rejected by | reason | number |", "| --- | --- | --- |"]
    for (source, reason), number in counted.most_common():
        lines.append(f"| {source} | {reason} | {number} |")
    return lines


def _lopsided_lines(counted: Distribution) -> list[str]:
    """Kinds of which one outcome never occurs: a discriminator learns nothing of the other."""
    found = [
        f"{kind} (never {'met' if not one.met else 'broken'})"
        for kind, one in sorted(counted.kinds.items())
        if (one.met == 0) != (one.broken == 0)
    ]
    return ["", f"With one outcome alone: {', '.join(found)}."] if found else []
