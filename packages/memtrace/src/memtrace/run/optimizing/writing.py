"""The files of an optimisation: prompts with diffs, versions, reports.

In: an `Optimized`. Out: `prompts/`, `versions.jsonl`, `advice.json`, `report.md`, `report.html`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from lmcommon.llm.tally import Spent
from lmcommon.runlog import Run, finite, write_atomic, write_lines
from memtrace.memory.prompt_files import write_prompts
from memtrace.run.optimizing.optimized import Optimized
from memtrace.show.optimization.report import View, markdown, write_html
from memtrace.show.optimization.rows import version_row

__all__ = ["cost_told", "write_results"]


def write_results(run: Run, made: Optimized, facts: Mapping[str, str]) -> None:
    """Write everything.

    Args:
        run: Whose folder.
        made: What came out.
        facts: Label to text, for the head of the reports.
    """
    done = made.optimization
    write_lines(run.folder / "versions.jsonl", [version_row(one) for one in done.versions])
    write_prompts(run.folder / "prompts", done.seed, done.best, {
        "system": made.system.get("name"), "config": made.system.get("config"),
        "method": done.method, "trace": str(made.trace.resolve()),
        "digests": {
            name: {"before": _digest(done.seed[name]), "after": _digest(done.best[name])}
            for name in done.best
        },
        "validation": {"before": done.seed_validation, "after": done.best_validation},
        "held_out": None if made.held_out is None else made.held_out.to_dict(),
    })  # fmt: skip
    if made.advice is not None:
        text = json.dumps(finite(made.advice.to_dict()), indent=2)
        write_atomic(run.folder / "advice.json", text + "\n")
    view = View(
        title=f"Prompts of {made.system.get('name')}", facts=facts, done=done,
        cost=cost_told(made), held_out=made.held_out, by_type=made.by_type, advice=made.advice,
    )  # fmt: skip
    run.report(markdown(view).encode("utf-8", "replace").decode("utf-8"))
    write_html(made.report_path, view)


def cost_told(made: Optimized) -> str:
    """What it cost, in a line."""
    spending = made.optimization.spending
    advice = 0 if made.advice is None else made.advice.metric_calls
    roles = ", ".join(
        f"{role} {one.calls} calls ({one.prompt_tokens} tokens in, {one.completion_tokens} out)"
        for role, one in sorted(made.spent.items())
    )
    total = sum(made.spent.values(), Spent())
    return (
        f"cost: {spending.metric_calls} metric calls in the loop ({spending.evaluations} "
        f"evaluations, {spending.proofs} replays of attribution), {made.held_out_calls} for "
        f"held-out questions, {advice} for advice, {spending.reporting} for reports alone; "
        f"{roles or 'no model was asked'}; "
        f"{total.cost_usd:.4f} USD"
    )


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
