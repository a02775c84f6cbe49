"""What a run of rtt-rollout came to: headline figures and report.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from lmcommon.app import Run
from rtt.engine.given import Given
from rtt.records import read_rollouts
from rtt.run.judging import spent_in, verdict_line
from rtt.run.sharing import SharedRun
from rtt.show.tally import Tally, tally, tally_lines

__all__ = ["ReportedRun", "conclude"]


class ReportedRun(Protocol):
    """What is read of the verb's configuration."""

    verdicts: Any
    tokenizer: str | None


def conclude(
    config: ReportedRun, run: Run, given: Given | None, shared: SharedRun, file: Path
) -> dict[str, Any]:
    """Count what a finished run holds, write its report, print it.

    Args:
        config: Of the verb.
        run: Where to report.
        given: What was given instead of sampled; None: a policy sampled.
        shared: The run over its processes.
        file: Of all records.

    Returns:
        Headline figures.
    """
    counted = tally(read_rollouts(file))
    rows = shared.rows()
    # Processes sample at the same time: the time that goes by is a share of their seconds.
    seconds = sum(row["sample_s"] / row["processes"] for row in rows)
    tokens = sum(row["tokens"] for row in rows)
    figures = {
        **counted.figures(),
        "mode": config.verdicts.mode,
        "processes": shared.world,
        "tokens_per_s": round(tokens / seconds) if given is None and seconds else None,
        "score_s": round(sum(row["score_s"] for row in rows), 2),
        **spent_in(shared.folder),
        "rollouts": str(file),
    }
    if given is not None:
        figures["unanswered"] = given.unanswered
        figures["unmatched"] = len(given.unmatched)
    lines = list(_lines(counted, figures, config, given))
    run.report("\n".join(lines) + "\n")
    run.console.print("\n".join(lines[2:]), markup=False, highlight=False, soft_wrap=True)
    run.console.print(f"look: rtt-show {run.folder}", markup=False, soft_wrap=True)
    return figures


def _lines(
    counted: Tally, figures: dict[str, Any], config: ReportedRun, given: Given | None
) -> Iterator[str]:
    yield f"# {counted.responses} responses to {len(counted.complete)} prompts"
    yield ""
    yield verdict_line(config.verdicts)
    if given is None:
        speed = figures["tokens_per_s"]
        yield f"sampled: {speed} tokens/s" if speed else "sampled: nothing new"
    else:
        yield f"tokens: {config.tokenizer or 'whitespace words (no tokenizer was given)'}"
        yield (
            f"prompts without a response: {given.unanswered}; "
            f"rows of no prompt: {len(given.unmatched)}"
        )
        yield from (f"  {one}" for one in given.unmatched[:5])
    yield from tally_lines(counted)
