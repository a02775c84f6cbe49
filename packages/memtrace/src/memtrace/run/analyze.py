"""`memtrace-analyze`: which error types at which operations, over many attributed failures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.extras import is_available
from lmcommon.runlog import write_atomic
from memtrace.attribution.types import Rate
from memtrace.run.attributing.rows import read_failures
from memtrace.run.tables import as_table
from memtrace.scoring.analysis import KEYS, Cell, Failure, tabulate
from memtrace.show.bars import draw_bars
from memtrace.show.markdown import as_markdown

__all__ = ["AnalyzeConfig", "analyze", "main"]

_TERMINAL_ROWS = 30
_PLOTTED_ROWS = 40


@dataclass(kw_only=True)
class AnalyzeConfig:
    """Which runs, and by what to tell their failures apart."""

    runs: list[str] = field(default_factory=list)
    """Run folders of memtrace-trace or memtrace-attribute, or their attributions.jsonl."""
    method: str | None = None
    """Of runs with several methods: whose attributions to take; null: the only one."""
    by: list[str] = field(default_factory=lambda: ["system"])
    """Some of system, category, length; [] takes all failures together."""

    def __post_init__(self) -> None:
        if unknown := [one for one in self.by if one not in KEYS]:
            raise UserError(f"by: expected some of {', '.join(KEYS)}; got {unknown[0]!r}")
        if len(set(self.by)) != len(self.by):
            raise UserError(f"by: expected each key once; got {self.by}")


def analyze(cfg: AnalyzeConfig, run: Run) -> dict[str, Any]:
    """Tabulate attributed failures: error types, operations, systems, questions, lengths."""
    if not cfg.runs:
        raise UserError("runs: expected run folders; got none; give 'runs=[FOLDER,...]'")
    failures = [one for path in cfg.runs for one in read_failures(Path(path), cfg.method)]
    if not failures:
        raise UserError(f"runs: expected attributed failures in {', '.join(cfg.runs)}; got none")
    cells = tabulate(failures, cfg.by)
    rows = [_row(cell, cfg.by) for cell in cells]
    run.console.print(as_table(rows[:_TERMINAL_ROWS], f"{len(failures)} failures"))
    if len(rows) > _TERMINAL_ROWS:
        run.console.print(f"... and {len(rows) - _TERMINAL_ROWS} more rows in report.md")
    write_atomic(run.folder / "table.csv", _csv(cells, cfg.by))
    plots = _plots(run, failures, cfg.by)
    run.report(_markdown(cfg, failures, rows, plots))
    return {
        "failures": len(failures), "runs": len(cfg.runs), "rows": len(rows),
        "error_types": _types(failures),
        "proved": sum(one.proved for one in failures),
    }  # fmt: skip


def _types(failures: Sequence[Failure]) -> dict[str, dict[str, float | None]]:
    """Of all failures: the share of each error type with its interval."""
    return {
        name: {"share": round(one.share or 0.0, 4), "low": round(one.low, 4),
               "high": round(one.high, 4), "cases": one.hits}
        for name, one in _shares(failures).items()
    }  # fmt: skip


def _shares(failures: Sequence[Failure]) -> dict[str, Rate]:
    found = tabulate((_nameless(one) for one in failures), ())
    return {cell.error_type: cell.share for cell in found}


def _nameless(failure: Failure) -> Failure:
    """Without the operation, so that a table is of error types only."""
    return replace(failure, operation="-")


def _row(cell: Cell, keys: Sequence[str]) -> dict[str, str]:
    share = cell.share
    return {
        **dict(zip(keys, cell.part, strict=True)), "error type": cell.error_type,
        "operation": cell.operation, "failures": f"{share.hits} of {share.trials}",
        "share": f"{share.share or 0.0:.3f} [{share.low:.3f}, {share.high:.3f}]",
        "proved": str(cell.proved),
    }  # fmt: skip


def _csv(cells: Sequence[Cell], keys: Sequence[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*keys, "error_type", "operation", "failures", "of", "share", "low", "high",
                     "proved"])  # fmt: skip
    for cell in cells:
        one = cell.share
        writer.writerow([
            *cell.part, cell.error_type, cell.operation, one.hits, one.trials,
            f"{one.share or 0.0:.6f}", f"{one.low:.6f}", f"{one.high:.6f}", cell.proved,
        ])  # fmt: skip
    return out.getvalue()


def _plots(run: Run, failures: Sequence[Failure], keys: Sequence[str]) -> list[str]:
    """Error types by part, one plot a key; none where the plotting package is missing."""
    if not is_available("matplotlib"):
        return []
    return [_plot(run, failures, key) for key in keys or ("",)]


def _plot(run: Run, failures: Sequence[Failure], key: str) -> str:
    cells = tabulate((_nameless(one) for one in failures), (key,) if key else ())
    parts = list(dict.fromkeys(cell.part for cell in cells))[:_PLOTTED_ROWS]
    series: dict[str, dict[str, tuple[float, float, float]]] = {}
    for cell in cells:
        bar = (cell.share.share or 0.0, cell.share.low, cell.share.high)
        series.setdefault(cell.error_type, {})[_title(cell.part)] = bar
    path = run.folder / (f"errors_by_{key}.png" if key else "errors.png")
    title = f"error types by {key}" if key else "error types"
    draw_bars(
        dict(sorted(series.items())), [_title(part) for part in parts], path,
        xlabel="share of failures", title=title,
    )  # fmt: skip
    return path.name


def _title(part: Sequence[str]) -> str:
    return ", ".join(part) or "all"


def _markdown(
    cfg: AnalyzeConfig, failures: Sequence[Failure], rows: Sequence[Mapping[str, str]],
    plots: Sequence[str],
) -> str:  # fmt: skip
    parts = [
        f"# Where {len(failures)} failures come from\n",
        f"runs: {', '.join(cfg.runs)}; method: {cfg.method or 'the only one'}\n",
        "Shares are of the failures of each part, with 95 % Wilson intervals. Where no operation "
        "was blamed, the verdict stands in place of the error type.\n",
        f"## Error types and operations by {', '.join(cfg.by) or 'nothing'}\n",
        as_markdown([dict(row) for row in rows]),
    ]
    parts += [f"![{plot}]({plot})\n" for plot in plots]
    for title, table in _margins(failures):
        parts += [f"## {title}\n", as_markdown(table)]
    return "\n".join(parts)


def _margins(failures: Sequence[Failure]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Error types alone by each key that tells failures apart."""
    nameless = [_nameless(one) for one in failures]
    for key in KEYS:
        if len({one.key(key) for one in failures}) > 1:
            rows = [_row(cell, (key,)) for cell in tabulate(nameless, (key,))]
            yield (
                f"Error types by {key}",
                [{name: text for name, text in row.items() if name != "operation"} for row in rows],
            )


main = entrypoint("memtrace/analyze", AnalyzeConfig, analyze, groups={})

if __name__ == "__main__":
    main()
