"""The reports of an optimisation: Markdown, and one HTML file that stands alone.

In: a `View`. Out: `report.md` as text, `report.html`. Everything that came from prompts, data or
models is escaped; the file asks nothing of any other machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lmcommon.runlog import write_atomic
from memtrace.memory.prompt_diffs import diff_lines, diff_text
from memtrace.optimizing.advising import Advice
from memtrace.optimizing.comparing import Compared
from memtrace.optimizing.types import Blame, Optimization
from memtrace.show.markdown import as_line, as_markdown
from memtrace.show.optimization.curve import curve
from memtrace.show.optimization.rows import (
    advice_cells,
    advice_summary,
    compared_cells,
    mass_rows,
    share,
    version_cells,
)

__all__ = ["View", "markdown", "write_html"]

Rows = Sequence[Mapping[str, str]]
_SHOWN_FAILURES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that the reports tell.

    Example: `View(title="Prompts of rag_bm25", facts={"seed": "0"}, done=done, cost="8 calls")`
    """

    title: str
    facts: Mapping[str, str]
    done: Optimization
    cost: str
    """What it cost, in a line."""
    held_out: Compared | None = None
    by_type: Mapping[str, Compared] = field(default_factory=dict)
    advice: Advice | None = None

    @property
    def headline(self) -> str:
        """The result in a sentence or two."""
        done = self.done
        if not done.changed:
            gone = "None was confirmed" if done.accepted else "No version was accepted"
            return f"{gone}: the prompts stay as they are. {_ended(done)}"
        told = (
            f"{len(done.accepted)} of {len(done.versions)} versions were accepted; validation "
            f"accuracy went from {share(done.seed_validation)} to {share(done.best_validation)} in "
            f"{done.spending.metric_calls} metric calls."
        )
        if self.held_out is not None:
            cells = compared_cells(self.held_out)
            told += (
                f" On held-out questions: {cells['before']} before, {cells['after']} after, "
                f"difference {cells['difference']}, p = {cells['p']}."
            )
        return f"{told} {_ended(done)}"

    @property
    def versions(self) -> Rows:
        """The table of versions."""
        return [version_cells(one) for one in self.done.versions]

    @property
    def comparisons(self) -> Rows:
        """Held-out questions, all and by type."""
        if self.held_out is None:
            return []
        parts = {"all": self.held_out, **self.by_type}
        return [{"question type": name, **compared_cells(one)} for name, one in parts.items()]

    @property
    def mass(self) -> Rows:
        """Blame before and after."""
        return mass_rows(self.done)

    @property
    def effects(self) -> Rows:
        """The table of the advice."""
        return [] if self.advice is None else [advice_cells(one) for one in self.advice.effects]

    @property
    def advice_lines(self) -> Sequence[str]:
        """What the advice comes to."""
        return [] if self.advice is None else advice_summary(self.advice)

    @property
    def unmended(self) -> Rows:
        """Failures that neither a prompt nor a setting mended."""
        failures = [] if self.advice is None else self.advice.unmended
        return [_failure(one) for one in failures[:_SHOWN_FAILURES]]


def markdown(view: View) -> str:
    """The report as Markdown."""
    done = view.done
    facts = ", ".join(f"{label}: {text}" for label, text in view.facts.items())
    parts = [f"{as_line(text)}\n" for text in (f"# {view.title}", facts, view.headline)]
    if view.comparisons:
        parts += ["## Held-out questions\n", as_markdown(view.comparisons), _NOTE]
    parts += ["## Versions\n", as_markdown(view.versions)]
    for name in done.changed:
        fence = _fence(done.seed[name] + done.best[name])
        patch = diff_text(done.seed[name], done.best[name], name)
        parts += [f"## Prompt {as_line(name)}\n", f"{fence}diff\n{patch}{fence}\n"]
    if view.mass:
        parts += ["## Blame\n", as_markdown(view.mass)]
    if view.advice is not None:
        parts += ["## Advice\n", as_line(" ".join(view.advice_lines)) + "\n"]
        parts += [as_markdown(view.effects)] if view.effects else []
        if view.unmended:
            parts += ["### Failures that nothing mended\n", as_markdown(view.unmended)]
    return "\n".join([*parts, "## Cost\n", as_line(view.cost) + "\n"])


def write_html(path: Path, view: View) -> Path:
    """Write the report as one HTML file.

    Args:
        path: Where.
        view: What it tells.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("memtrace.show", "templates"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    done = view.done
    diffs = {name: list(diff_lines(done.seed[name], done.best[name])) for name in done.changed}
    template = environment.get_template("optimization.html")
    html = template.render(view=view, diffs=diffs, curve=curve(done), note=_NOTE.strip())
    write_atomic(path, html.encode("utf-8", "replace").decode("utf-8"))
    return path


_NOTE = (
    "Differences with 95 % paired bootstrap intervals over questions; p of McNemar's exact test, "
    "two-sided. These questions were locked until the loop had ended.\n"
)


def _ended(done: Optimization) -> str:
    told = f"The loop ended: {done.stopped}." if done.stopped else ""
    if done.confirmation is not None:
        told += f" On all validation questions, best beside first: {done.confirmation.reason}."
    return told


def _failure(blame: Blame) -> dict[str, str]:
    example = blame.scored.example
    blamed = max(blame.elsewhere, key=lambda name: blame.elsewhere[name], default="nobody")
    return {
        "question": example.text, "answered": blame.scored.prediction or "(nothing)",
        "right": "(none)" if example.gold is None else example.gold, "blamed": blamed,
        "why": blame.attribution.reason, "where": example.key,
    }  # fmt: skip


def _fence(text: str) -> str:
    """Longer than any row of backticks in a text."""
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return "`" * max(3, longest + 1)
