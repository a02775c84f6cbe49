"""The verb rtt-show: responses with every token coloured by its credit, or learning curves.

Responses go to the terminal and into one HTML file, curves into a PNG and an HTML file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.runlog import write_atomic
from rtt.records import RolloutRecord, read_rollouts, rollouts_in
from rtt.run.schemas import GROUPS
from rtt.show.curves import draw_panels
from rtt.show.html import credit_html
from rtt.show.metrics import METRICS, choose, read_runs, series_of
from rtt.show.picking import PICKS, pick
from rtt.show.ranks import rank_figures, rank_lines, rank_totals
from rtt.show.svg import curves_html
from rtt.show.terminal import credit_text
from rtt.show.view import view_records
from rtt.train.ranks import read_ranks

__all__ = ["ShowConfig", "main", "show"]

_MANY = 500
"""More responses than this take a while."""


@dataclass(kw_only=True)
class ShowConfig:
    """What to show, and how."""

    rollouts: str | None = None
    """A run folder with rollouts (merged or in parts), or a file of them (JSON lines, Parquet)."""
    step: str = "last"
    """A step, last, or all."""
    prompt: str | None = None
    """Id of a prompt; null: any."""
    sample: int | None = None
    """Number of a sample; null: any."""
    pick: str = "telling"
    """telling (mixed verdicts, praise beside blame), best, worst, or first."""
    prompts: int = 4
    """Prompts on the page."""
    samples: int = 4
    """Responses of each, side by side."""
    terminal: int = 1
    """Responses printed here; 0: none."""
    numbers: bool | None = None
    """In the terminal: whether advantages are printed as numbers; null: for short responses."""
    credit: Any = None
    """For responses that carry no advantages."""
    curves: list[str] = field(default_factory=list)
    """Run folders (or folders of them, or patterns) whose curves to draw instead."""
    metrics: list[str] = field(default_factory=list)
    """Names or patterns of metrics; empty: the usual ones."""
    html: bool = True
    png: bool = True
    """Whether curves are drawn as a PNG too (needs rtt-llm[plot])."""
    out: str | None = None
    """The HTML file to write; null: credit.html or curves.html beside what is shown."""

    def __post_init__(self) -> None:
        if (self.rollouts is None) == (not self.curves):
            raise UserError(
                "expected a run folder or a rollouts.jsonl (its responses), or "
                f"curves=[RUN,...]; got {'both' if self.curves else 'neither'}"
            )
        if self.pick not in PICKS:
            raise UserError(f"pick: expected one of {', '.join(PICKS)}; got {self.pick!r}")
        if self.step not in ("last", "all") and not self.step.isdecimal():
            raise UserError(f"step: expected a number, last or all; got {self.step!r}")
        for key, least in (("prompts", 1), ("samples", 1), ("terminal", 0)):
            if getattr(self, key) < least:
                raise UserError(f"{key}: expected at least {least}; got {getattr(self, key)!r}")


def show(config: ShowConfig, run: Run) -> dict[str, Any]:
    """Show responses with every token coloured by its credit, or the learning curves of runs."""
    return _show_curves(config, run) if config.curves else _show_responses(config, run)


def _show_responses(config: ShowConfig, run: Run) -> dict[str, Any]:
    file = rollouts_in(str(config.rollouts))
    records = _wanted(read_rollouts(file), config)
    if not records:
        raise UserError(_nothing(file, config))
    is_slow = len(records) > _MANY
    views = view_records(run.progress(records, "credit") if is_slow else records, config.credit)
    if config.sample is not None:
        views = [view for view in views if view.sample == config.sample]
        if not views:
            raise UserError(f"sample: {file} has no sample {config.sample} of what is asked for")
    chosen = pick(views, config.pick, prompts=config.prompts, samples=config.samples)  # type: ignore[arg-type]
    for view in chosen[: config.terminal]:
        run.console.print(credit_text(view, width=run.console.width, numbers=config.numbers))
    figures: dict[str, Any] = {
        "rollouts": str(file),
        "found": len(views),
        "shown": len(chosen),
        "label": chosen[0].label,
        "advantages": "recorded" if chosen[0].is_recorded else "computed",
    }
    home = file if file.is_dir() else file.parent
    if Path(str(config.rollouts)).is_dir():
        figures |= _show_ranks(home, run)
    if config.html:
        title = f"Credit by token: {home.name or file.name}"
        html = credit_html(chosen, title=title, facts=_facts(figures, config))
        figures["html"] = str(_write(Path(config.out or home / "credit.html"), html))
    return figures


def _show_ranks(folder: Path, run: Run) -> dict[str, Any]:
    """The processes of a run side by side, if there were several."""
    totals = rank_totals(read_ranks(folder))
    lines = rank_lines(totals)
    if lines:
        run.console.print(*lines, sep="\n", markup=False, highlight=False, soft_wrap=True)
    return rank_figures(totals)


def _wanted(records: Iterable[RolloutRecord], config: ShowConfig) -> list[RolloutRecord]:
    """Whole groups of the step and prompt asked for."""
    kept: list[RolloutRecord] = []
    for record in records:
        if config.prompt is not None and record.prompt.id != config.prompt:
            continue
        if config.step == "last" and kept and record.step > kept[0].step:
            kept.clear()
        is_late = not kept or record.step >= kept[0].step
        if is_late if config.step == "last" else config.step in ("all", str(record.step)):
            kept.append(record)
    return kept


def _nothing(file: Path, config: ShowConfig) -> str:
    steps, prompts = set(), set()
    for record in read_rollouts(file):
        steps.add(record.step)
        prompts.add(record.prompt.id)
    if not steps:
        return f"{file}: expected responses; the file is empty"
    return (
        f"{file}: no response of step={config.step} prompt={config.prompt}; there are steps "
        f"{_some(sorted(steps))} and prompts {_some(sorted(prompts))}"
    )


def _some(values: list[Any]) -> str:
    return ", ".join(map(str, values[:8])) + (f", ... ({len(values)})" if len(values) > 8 else "")


def _facts(figures: dict[str, Any], config: ShowConfig) -> list[tuple[str, object]]:
    return [
        ("file", figures["rollouts"]),
        ("responses", f"{figures['shown']} of {figures['found']}"),
        ("picked", config.pick),
        ("step", config.step),
        ("advantages", figures["advantages"]),
    ]


def _show_curves(config: ShowConfig, run: Run) -> dict[str, Any]:
    if config.png:
        require("matplotlib", extra="rtt-llm[plot]")
    runs = read_runs(config.curves)
    series = series_of(runs)
    names = choose(list(series), config.metrics or METRICS)
    if not names:
        raise UserError(
            f"metrics: expected some of {', '.join(sorted(series))}; choose with metrics="
        )
    panels = {name: series[name] for name in names}
    labels = sorted({label for one in panels.values() for label in one})
    page = Path(config.out or _common_folder([one.folder for one in runs]) / "curves.html")
    figures: dict[str, Any] = {"runs": len(runs), "labels": labels, "metrics": names}
    if config.html:
        facts = [("runs", len(runs)), ("metrics", len(names))]
        figures["html"] = str(_write(page, curves_html(panels, facts=facts)))
    if config.png:
        page.parent.mkdir(parents=True, exist_ok=True)
        figures["png"] = str(draw_panels(panels, page.with_suffix(".png")))
    if len(runs) == 1:
        figures |= _show_ranks(runs[0].folder, run)
    run.console.print(*(f"{key}: {figures[key]}" for key in ("html", "png") if key in figures),
                      sep="\n", soft_wrap=True, markup=False, highlight=False)  # fmt: skip
    return figures


def _common_folder(folders: list[Path]) -> Path:
    """The run's own folder, or the one that holds all runs."""
    paths = [folder.resolve() for folder in folders]
    shared = paths[0]
    while not all(path.is_relative_to(shared) for path in paths):
        shared = shared.parent
    return shared


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
    except OSError as error:
        raise UserError(f"out: {path} cannot be written: {error}; give out=FILE") from error
    return path


main = entrypoint(
    "rtt/show", ShowConfig, show, groups={"credit": GROUPS["credit"]}, positional=("rollouts",),
    keeps_run=False,
)  # fmt: skip

if __name__ == "__main__":
    main()
