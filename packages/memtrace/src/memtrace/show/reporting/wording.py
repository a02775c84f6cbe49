"""Figures and tables of the report in words, the same for Markdown and for HTML.

In: a `Section`. Out: rows of plain text; whoever shows them escapes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from memtrace.attribution.types import Rate
from memtrace.scoring.analysis import Cell
from memtrace.show.reporting.types import Section, Spending, Studied, Summary, WorstOperation

__all__ = [
    "LEGEND", "cell_rows", "facts", "operation_rows", "percent", "share", "spending",
    "summary_note", "type_rows",
]  # fmt: skip

LEGEND = (
    "Shares have 95 % Wilson intervals. Unscored questions are in no share. Error types are of the "
    "wrong answers that are the system's own or unexplained; annotation and judge errors stand "
    "apart. Proved: the operation was repaired, the run replayed, and the answer became right; all "
    "other blame is a suspicion. Of an answering step the repair is the right reply itself, so its "
    "proof says little. Everything here is counted, nothing is estimated."
)


def share(one: Rate) -> str:
    """Such as `3 of 8, 0.375 [0.137, 0.694]`; without a trial a dash."""
    if one.share is None:
        return "-"
    return f"{one.hits} of {one.trials}, {one.share:.3f} [{one.low:.3f}, {one.high:.3f}]"


def percent(one: Rate) -> str:
    """Such as `38 % [14, 69]`; without a trial a dash."""
    if one.share is None:
        return "-"
    return f"{100 * one.share:.0f} % [{100 * one.low:.0f}, {100 * one.high:.0f}]"


def spending(one: Spending | None) -> str:
    """Such as `8 times, 8 calls, 1,370 + 32 tokens, 0.0021 USD, 410 ms`."""
    if one is None:
        return "not told"
    parts = [f"{one.count:,} times"]
    if one.calls or one.prompt_tokens:
        parts.append(f"{one.calls:,} calls")
        parts.append(f"{one.prompt_tokens:,} + {one.completion_tokens:,} tokens")
        parts.append(f"{one.cost_usd:.4f} USD")
    told = f" and {one.model_ms:,.0f} ms of model calls" if one.model_ms >= 1 else ""
    parts.append(f"{one.ms:,.0f} ms{told}")
    if one.errors:
        parts.append(f"{one.errors:,} failed")
    return ", ".join(parts)


def facts(section: Section) -> list[tuple[str, str]]:
    """Label and text of what stands under the heading."""
    studied = section.studied
    found = [
        ("system", studied.system), ("data", studied.data), ("model", studied.model),
        ("seed", ", ".join(studied.seeds)), ("runs", ", ".join(studied.runs)),
        ("versions", ", ".join(f"{name} {one}" for name, one in studied.versions.items()) or "-"),
        ("attributed by", _methods(section)),
        ("cost of the system", _total(section.spent, studied)),
        ("cost of attribution", _attributing(studied.attributing)),
    ]  # fmt: skip
    return [(label, text) for label, text in found if text]


def type_rows(section: Section) -> list[dict[str, str]]:
    """Accuracy by type of question."""
    return [
        {"question type": one.category, "right": share(one.right), "unscored": str(one.unscored)}
        for one in section.types
    ]


def cell_rows(cells: Sequence[Cell], keys: Sequence[str] = ()) -> list[dict[str, str]]:
    """Error types at operations, by some keys."""
    return [
        {
            **dict(zip(keys, cell.part, strict=True)), "operation": cell.operation,
            "error type": cell.error_type, "failures": share(cell.share),
            "proved": str(cell.proved),
        }
        for cell in cells
    ]  # fmt: skip


def operation_rows(operations: Sequence[WorstOperation]) -> list[dict[str, str]]:
    """The operations that were blamed most."""
    return [
        {
            "operation": one.name, "failures blamed on it": share(one.failures),
            "proved": str(one.proved), "error types": ", ".join(one.error_types),
            "facts lost there": "not told" if one.facts_lost is None else str(one.facts_lost),
            "what it came to": spending(one.spent),
        }
        for one in operations
    ]  # fmt: skip


def summary_note(summary: Summary) -> str:
    """Who wrote the summary, and what was left out of it."""
    spent = summary.spent
    note = (
        f"written by {summary.model}, not counted; {spent.calls} calls, {spent.prompt_tokens:,} + "
        f"{spent.completion_tokens:,} tokens, {spent.cost_usd:.4f} USD"
    )
    if summary.uncited or summary.unknown:
        note += (
            f"; {summary.uncited} statements dropped since they name no case, {summary.unknown} "
            "refused since they name a case that is not there"
        )
    return note


def _methods(section: Section) -> str:
    return ", ".join(f"{name} ({count})" for name, count in section.methods.items())


def _total(spent: Spending, studied: Studied) -> str:
    if not studied.costs:
        return "not told: no trace is there"
    return (
        f"{spent.calls:,} calls, {spent.prompt_tokens:,} + {spent.completion_tokens:,} tokens, "
        f"{spent.cost_usd:.4f} USD"
    )


def _attributing(spent: Spending) -> str:
    return (
        f"{spent.count:,} replays, {spent.calls:,} calls, "
        f"{spent.prompt_tokens:,} + {spent.completion_tokens:,} tokens, {spent.cost_usd:.4f} USD, "
        f"{spent.ms / 1000:,.1f} s"
    )
