"""What `memtrace-attribute` leaves for people: `report.md`, a plot, a table on the terminal.

In: the outcomes of a run. Out: the files, and the headline figures.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.extras import is_available
from lmcommon.runlog import Run, finite, write_atomic
from memtrace.attribution.types import Rate
from memtrace.run.attributing import tables
from memtrace.run.tables import as_table, facts_line
from memtrace.scoring import WORDS, Outcome, Score, score
from memtrace.show.bars import draw_bars
from memtrace.show.markdown import as_markdown

__all__ = ["report"]

_TOLD = 3
"""Reasons of failed attempts on the terminal; all are in the report."""
_PLOTTED = ("exact", "within_1", "error_type", "name", "f1_multi", "false_blame", "abstained")


def report(
    run: Run, outcomes: Sequence[Outcome], methods: Sequence[str], facts: Mapping[str, str]
) -> dict[str, Any]:
    """Write the report; returns the headline figures."""
    by_method = {name: [one for one in outcomes if one.method == name] for name in methods}
    scores = {name: score(found, seed=run.seed) for name, found in by_method.items()}
    labelled = any(one.label for one in outcomes)
    rows = tables.headline(scores) if labelled else tables.verdicts(by_method)
    run.console.print(as_table(rows, f"attribution, {facts['source']}"))
    for why, count in _reasons(outcomes).most_common(_TOLD):
        run.console.print(f"unscored, {count}: {why}", markup=False, highlight=False)
    plot = _plot(run, scores) if labelled else None
    run.report(_markdown(by_method, scores, facts, plot, run.seed))
    run_scores = {name: one.to_dict() for name, one in scores.items()}
    write_atomic(run.folder / "scores.json", _json(run_scores))
    cases = {one.case for one in outcomes}
    return {
        "cases": len(cases), "methods": {name: _headline(one) for name, one in scores.items()},
        "failed": sum(one.attribution is None for one in outcomes),
    }  # fmt: skip


def _markdown(
    by_method: Mapping[str, Sequence[Outcome]], scores: Mapping[str, Score],
    facts: Mapping[str, str], plot: str | None, seed: int,
) -> str:  # fmt: skip
    outcomes = [one for found in by_method.values() for one in found]
    parts = [f"# Attribution: {facts['source']}\n", facts_line(facts) + "\n"]
    sections = [
        ("Methods", tables.overview(scores)), ("Controls", tables.controls(scores)),
        ("Proof by replay", tables.proofs(scores)),
        ("Cost a case (median / mean / 95th percentile)", tables.costs(scores)),
        ("What was blamed", tables.verdicts(by_method)),
        ("Paired tests", tables.comparisons(by_method, seed)),
    ]  # fmt: skip
    for key in tables.keys_of(outcomes):
        sections.append((f"By {key}", tables.breakdowns(by_method, key)))
    if any(one.label for one in outcomes):
        for method, found in by_method.items():
            keys = ("kind", "error_type") if any(o.label and o.label.kinds for o in found) else (
                "error_type",
            )  # fmt: skip
            sections += [
                (f"Confusion of {method} by {key}", tables.confusion_table(found, key))
                for key in keys
            ]
    sections.append(("Unscored", _failures(outcomes)))
    for title, rows in sections:
        if rows:
            parts += [f"## {title}\n", as_markdown(rows)]
            if title == "Methods" and plot:
                parts.append(f"![shares with 95 % intervals]({plot})\n")
    used = {name for one in scores.values() for name in one.figures}
    parts += [
        "## What the metrics mean\n",
        "".join(f"- `{name}`: {words}\n" for name, words in WORDS.items() if name in used),
        "\nShares with Wilson intervals, means with bootstrap intervals over cases, all 95 %. "
        "Paired tests are not corrected for their number. Unscored cases count in nothing else.\n",
    ]
    return "\n".join(parts)


def _failures(outcomes: Sequence[Outcome]) -> list[dict[str, str]]:
    return [
        {"case": one.case, "method": one.method, "why": one.failure or ""}
        for one in outcomes
        if one.attribution is None
    ]


def _reasons(outcomes: Sequence[Outcome]) -> Counter[str]:
    """Why attempts came to nothing, and how often."""
    return Counter(one.failure or "" for one in outcomes if one.attribution is None)


def _plot(run: Run, scores: Mapping[str, Score]) -> str | None:
    """The main shares of all methods; None where the plotting package is missing."""
    if not is_available("matplotlib"):
        return None
    series = {}
    for method, one in scores.items():
        found = one.figures
        series[method] = {
            name: (value, shown.low, shown.high)
            for name in _PLOTTED
            if (shown := found.get(name)) is not None
            and (value := shown.share if isinstance(shown, Rate) else shown.value) is not None
        }
    groups = [name for name in _PLOTTED if any(name in bars for bars in series.values())]
    if not groups:
        return None
    return draw_bars(series, groups, run.folder / "report.png", xlabel="share of cases").name


def _headline(one: Score) -> dict[str, Any]:
    """The few figures of the summary line; all are in `scores.json`."""
    body = one.to_dict()
    names = ("exact", "within_1", "error_type", "joint", "name", "f1_multi", "false_blame",
             "abstained", "proved", "flips", "minimal")  # fmt: skip
    return {
        "scored": one.cases - one.unscored, "unscored": one.unscored, "failed": one.failed,
        **{name: body[name]["value"] for name in names if name in body},
        "median_calls": one.costs["model_calls"].median if one.costs else None,
        "median_tokens": one.costs["tokens"].median if one.costs else None,
        "median_ms": round(one.costs["time_ms"].median, 1) if one.costs else None,
    }  # fmt: skip


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(finite(body), indent=2) + "\n"
