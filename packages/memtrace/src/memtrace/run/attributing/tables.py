"""The tables of `memtrace-attribute`: methods side by side, breakdowns, confusion, paired tests.

In: outcomes by method. Out: rows for `as_markdown`: mappings with the same keys, texts only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from memtrace.attribution.types import Rate
from memtrace.scoring import Outcome, Score, compare, confusion, score_by
from memtrace.scoring.scores import Mean, group_of

__all__ = [
    "breakdowns", "brief", "comparisons", "confusion_table", "controls", "costs", "figure",
    "headline", "keys_of", "overview", "proofs", "verdicts",
]  # fmt: skip

ByMethod = Mapping[str, Sequence[Outcome]]

_MAIN = {
    "exact": "exact operation", "within_1": "within 1", "within_2": "within 2",
    "error_type": "error type", "joint": "both", "name": "agent or name", "mrr": "MRR",
    "f1_multi": "set F1 (several)", "set_exact": "set exact", "f1": "F1 (all)",
    "abstained": "abstained",
}  # fmt: skip
_TERMINAL = {"exact": "exact %", "error_type": "type %", "f1_multi": "F1 %"}
_SHORT = {"name": "name", "false_blame": "false", "abstained": "abst."}
_CONTROLS = {"false_blame": "false blame", "control_verdict": "verdict right"}
_PROOFS = {"proved": "proved", "flips": "sets that flip", "minimal": "sets that are minimal"}
_COSTS = {"model_calls": "calls", "tokens": "tokens", "cost_usd": "USD", "replays": "replays",
          "time_ms": "ms"}  # fmt: skip
_PARTS = ("exact", "error_type", "f1", "verdict", "abstained")
_MOST_PARTS = 60


def figure(found: Rate | Mean | None) -> str:
    """`0.90 [0.85, 0.94]`; a dash for what does not apply."""
    if found is None:
        return "-"
    value = found.share if isinstance(found, Rate) else found.value
    return "-" if value is None else f"{value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def brief(found: Rate | Mean | None) -> str:
    """The same in per cent, for a terminal: `90.0 [85, 94]`."""
    if found is None:
        return "-"
    value = found.share if isinstance(found, Rate) else found.value
    if value is None:
        return "-"
    return f"{100 * value:.1f} [{100 * found.low:.0f}, {100 * found.high:.0f}]"


def headline(scores: Mapping[str, Score]) -> list[dict[str, str]]:
    """The few columns that a terminal has room for, without what applies to none."""
    known = {name for one in scores.values() for name in one.figures}
    return [
        {
            "method": method,
            "cases": " / ".join(str(one.sorts.get(k, 0)) for k in ("single", "multi", "control")),
            **{title: brief(one.figures.get(name)) for name, title in _TERMINAL.items()
               if name in known},
            **{title: brief(one.figures.get(name)).partition(" ")[0]
               for name, title in _SHORT.items() if name in known},
            "unscored": str(one.unscored),
        }
        for method, one in scores.items()
    ]  # fmt: skip


def overview(scores: Mapping[str, Score]) -> list[dict[str, str]]:
    """One row a method; columns that apply to none are left out."""
    return _metric_rows(scores, _MAIN, sizes=True)


def controls(scores: Mapping[str, Score]) -> list[dict[str, str]]:
    """False blame and right verdicts where nothing of the memory is at fault."""
    shown = {name: one for name, one in scores.items() if one.sorts.get("control")}
    return _metric_rows(shown, {**_CONTROLS, "missed": "memory errors missed"})


def proofs(scores: Mapping[str, Score]) -> list[dict[str, str]]:
    """How much was proved by replay, and what the proofs are worth."""
    proved = {name: one for name, one in scores.items()
              if "proved" in one.rates and one.rates["proved"].hits}  # fmt: skip
    return _metric_rows(proved, _PROOFS)


def costs(scores: Mapping[str, Score]) -> list[dict[str, str]]:
    """Median, mean and 95th percentile a case."""
    return [
        {"method": name, **{
            column: f"{spread.median:.4g} / {spread.mean:.4g} / {spread.p95:.4g}"
            for key, column in _COSTS.items() if (spread := one.costs[key])
        }}
        for name, one in scores.items() if one.costs
    ]  # fmt: skip


def keys_of(outcomes: Iterable[Outcome]) -> list[str]:
    """Keys worth a breakdown: those that tell cases apart, into not too many parts."""
    cases = {one.case: one for one in outcomes}.values()
    keys = [*("sort", "kind", "error_type"), *(key for one in cases for key in one.groups)]
    return [
        key for key in dict.fromkeys(keys)
        if key != "kinds"  # `kind` says it
        and 1 < len({group_of(one, key) for one in cases}) <= _MOST_PARTS
    ]  # fmt: skip


def breakdowns(by_method: ByMethod, key: str) -> list[dict[str, str]]:
    """One row a part and method."""
    rows = []
    for method, outcomes in by_method.items():
        for part, one in score_by(outcomes, key).items():
            found = one.figures
            rows.append({
                key: part, "method": method, "cases": str(one.cases),
                **{name: figure(found.get(name)) for name in _PARTS},
                "unscored": str(one.failed),
            })  # fmt: skip
    return sorted(rows, key=lambda row: row[key])


def confusion_table(outcomes: Sequence[Outcome], key: str) -> list[dict[str, str]]:
    """Rows: what is at fault; columns: what was said."""
    table = confusion(outcomes, key)
    columns = sorted({said for counts in table.values() for said in counts})
    return [
        {key: part, "cases": str(sum(counts.values())),
         **{said: str(counts[said] or "") for said in columns}}
        for part, counts in table.items()
    ]  # fmt: skip


def comparisons(by_method: ByMethod, seed: int) -> list[dict[str, str]]:
    """Every pair of methods on the cases that both have scored."""
    return [
        {
            "left": left, "right": right, "metric": one.metric, "cases": str(one.cases),
            "left value": f"{one.left:.3f}", "right value": f"{one.right:.3f}",
            "difference": f"[{one.low:+.3f}, {one.high:+.3f}]",
            "left ahead": str(one.only_left), "right ahead": str(one.only_right),
            "p": f"{one.p:.2g}", "test": one.test,
        }
        for left, right in combinations(by_method, 2)
        for one in compare(by_method[left], by_method[right], seed=seed)
    ]  # fmt: skip


def verdicts(by_method: ByMethod) -> list[dict[str, str]]:
    """What was blamed, for cases without labels too."""
    rows = []
    for method, outcomes in by_method.items():
        counts = Counter(
            (str(one.error_types[0] if one.operations and one.error_types else one.verdict),
             one.name or "-")
            for one in outcomes if one.verdict is not None
        )  # fmt: skip
        for (said, operation), times in counts.most_common():
            rows.append({
                "method": method, "said": said, "operation": operation, "cases": str(times),
            })  # fmt: skip
    return rows


def _metric_rows(
    scores: Mapping[str, Score], columns: Mapping[str, str], *, sizes: bool = False
) -> list[dict[str, str]]:
    known = {name for one in scores.values() for name in one.figures}
    rows = []
    for method, one in scores.items():
        row = {"method": method}
        if sizes:
            row |= {sort: str(one.sorts.get(sort, 0)) for sort in ("single", "multi", "control")}
        row |= {
            title: figure(one.figures.get(name)) for name, title in columns.items() if name in known
        }
        rows.append(row | ({"unscored": str(one.unscored)} if sizes else {}))
    return rows
