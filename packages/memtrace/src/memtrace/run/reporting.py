"""What a run leaves for people: `report.md`, `report.html`, and a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lmcommon.runlog import Run
from memtrace.attribution.types import Attribution
from memtrace.evaluate.types import Episode
from memtrace.run.pipeline import Results
from memtrace.run.tables import as_table, facts_line, overview
from memtrace.show.html import write_html
from memtrace.show.markdown import as_markdown

__all__ = ["worked_example", "write_reports"]


def write_reports(
    run: Run, results: Results, systems: Sequence[str], facts: Mapping[str, str], title: str
) -> Path:
    """Print the table and write both reports; returns the HTML file."""
    rows = overview(results, systems)
    run.console.print(as_table(rows, title))
    html = write_html(
        run.folder / "report.html", title=title, facts=facts, systems=rows, rows=results.rows
    )
    run.report(_markdown(results, rows, facts, title))
    return html


def worked_example(results: Results) -> tuple[Episode, Attribution] | None:
    """The failure that is best worth showing: surest verdict, an operation before the answer."""
    candidates = [
        (episode, results.verdicts[episode.key])
        for episode in results.episodes
        if episode.key in results.verdicts and not results.verdicts[episode.key].abstained
    ]
    if not candidates:
        return None
    return max(
        candidates,
        key=lambda pair: (pair[1].suspects[0].kind not in ("answer", ""), pair[1].confidence),
    )


def _markdown(
    results: Results, rows: list[dict[str, str]], facts: Mapping[str, str], title: str
) -> str:
    failures = [
        {
            "system": episode.system,
            "question": episode.text,
            "answered": episode.prediction or "(nothing)",
            "right": "(none)" if episode.gold is None else episode.gold,
            "blamed": verdict.suspects[0].name or "none" if not verdict.abstained else "abstained",
            "why": verdict.reason,
        }
        for episode in results.episodes
        if (verdict := results.verdicts.get(episode.key))
    ]
    unscored = [
        {"system": e.system, "question": e.text, "why": e.verdict.failure or ""}
        for e in results.episodes
        if e.is_unscored
    ]
    parts = [f"# {title}\n", facts_line(facts) + "\n", as_markdown(rows)]
    parts += ["## Wrong answers\n", as_markdown(failures)]
    if unscored:
        parts += ["## Unscored\n", as_markdown(unscored)]
    return "\n".join(parts)
