"""`memtrace-stats`: what a trace holds, in tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmcommon.app import Run, entrypoint
from memtrace.graph.reading.statistics import Statistics, statistics

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["StatsConfig", "main", "stats"]

_BARS = " ▁▂▃▄▅▆▇█"


@dataclass(kw_only=True)
class StatsConfig:
    """Which trace to count."""

    trace: str
    """The trace file."""


def stats(config: StatsConfig, run: Run) -> dict[str, Any]:
    """Count what a trace holds: operations, variables, errors, models, tokens, time and bytes."""
    found = statistics(config.trace)
    for table in _tables(found):
        run.console.print(table)
    return {"trace": config.trace, **found.to_dict()}


def _tables(found: Statistics) -> Iterator[Table]:
    yield _table(
        "operations", ["kind", "count", "errors", "total", "longest"],
        [[kind.kind, f"{kind.count:,}", f"{kind.errors or ''}", _time(kind.total_ms / 1e3),
          _time(kind.longest_ms / 1e3)] for kind in found.operations],
    )  # fmt: skip
    yield _table(
        "variables", ["kind", "count", "distinct", "recorded", "largest"],
        [[kind.kind, f"{kind.count:,}", f"{kind.distinct:,}", _bytes(kind.recorded_bytes),
          _bytes(kind.largest_bytes)] for kind in found.variables],
    )  # fmt: skip
    if found.errors or found.unfinished:
        rows = [[name, f"{count:,}"] for name, count in found.errors.items()]
        rows += [["(unfinished)", f"{found.unfinished:,}"]] if found.unfinished else []
        yield _table("errors", ["type", "count"], rows)
    for model, sums in found.models.items():
        yield _table(f"model {model}", ["what", "sum"],
                     [[name, f"{number:,.6g}" if number % 1 else f"{number:,.0f}"]
                      for name, number in sums.items()])  # fmt: skip
    if found.largest:
        rows = [[name, kind, _bytes(size)] for name, kind, size in found.largest]
        yield _table("largest values", ["variable", "kind", "size"], rows)
    yield _table("as a whole", ["what", "figure"], list(_whole(found)))


def _whole(found: Statistics) -> Iterator[list[str]]:
    yield ["time from first to last", _time(found.seconds)]
    yield ["memory items", f"{found.items:,}"]
    yield ["versions of them", f"{found.versions:,}, of which {found.deletions:,} deletions"]
    yield ["distinct values", f"{found.values:,}"]
    yield ["recorded, each value every time", _bytes(found.recorded_bytes)]
    yield ["recorded, each value once", _bytes(found.distinct_bytes)]
    share = (
        f" ({found.file_bytes / found.recorded_bytes:.2f} of it)" if found.recorded_bytes else ""
    )
    yield ["file", _bytes(found.file_bytes) + share]
    most = max(found.growth) or 1
    bars = "".join(_BARS[-(-part * (len(_BARS) - 1) // most)] for part in found.growth)
    yield ["recorded over the run, in tenths", f"|{bars}| up to {_bytes(max(found.growth))}"]


def _table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # a kind may look like markup
    return table


def _bytes(number: int) -> str:
    """Such as `12.3 KB`; a KB is 1,000 bytes."""
    size = float(number)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


main = entrypoint(
    "memtrace/stats", StatsConfig, stats, groups={}, positional=("trace",), keeps_run=False
)

if __name__ == "__main__":
    main()
