"""The verb rtt-demo: plain GRPO and RTT from one shared start, side by side.

One warm start, then each method in a process of its own; out come a table with intervals, a
learning curve (PNG) and one HTML page of responses coloured by token credit.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.rng import seed_for
from rtt.engine.sampler import Sampler
from rtt.run.method import Job, Result, blank_policy, curve, make_base, run_job, steps_to
from rtt.run.schemas import GROUPS
from rtt.show.curves import draw_curves
from rtt.show.html import credit_html
from rtt.show.picking import pick
from rtt.show.terminal import credit_text
from rtt.show.view import CreditView, view_groups
from rtt.train.advantage import Credit
from rtt.train.bootstrap import mean_interval
from rtt.train.local.settings import TrainSettings
from rtt.train.local.trainer import HELDOUT_SEED
from rtt.train.scoring import Scorer
from rtt.train.warm import WarmStart

__all__ = ["METHODS", "DemoConfig", "demo", "main"]

METHODS = {
    "aon": Credit(scheme="none", reward="aon"),
    "csr": Credit(scheme="none", reward="csr"),
    "rtt_aon": Credit(scheme="intra", reward="aon"),
    "rtt_csr": Credit(scheme="intra", reward="csr"),
}


@dataclass(kw_only=True)
class DemoConfig:
    """Configuration of rtt-demo."""

    seed: int = 1
    methods: tuple[str, ...] = tuple(METHODS)
    """Some of aon, csr, rtt_aon, rtt_csr."""
    task: Any = None
    policy: Any = None
    warm_start: WarmStart = field(default_factory=WarmStart)
    train: TrainSettings = field(default_factory=TrainSettings)
    processes: int = 0
    """Methods trained at once, one thread each; 0: as many as there are processors."""
    threshold: float = 0.2
    """All-satisfied rate whose first crossing the table reports."""

    def __post_init__(self) -> None:
        self.methods = tuple(self.methods)
        if not self.methods or (unknown := sorted(set(self.methods) - set(METHODS))):
            raise UserError(
                f"methods: expected some of {', '.join(METHODS)}; "
                f"got {unknown if self.methods else '[]'}"
            )


def demo(config: DemoConfig, run: Run) -> dict[str, Any]:
    """Train with and without token credit and show the difference."""
    require("matplotlib", extra="rtt-llm[plot]")  # refuse now, not after two minutes of training
    torch.set_num_threads(1)
    base = run.folder / "base.pt"
    if not base.exists():
        _note("warm start: supervised steps on partly right responses")
        part = base.with_suffix(".part")
        torch.save(make_base(_job(config, run, Credit(), None)).model.state_dict(), part)
        part.replace(base)
    jobs = [_job(config, run, METHODS[name], base) for name in config.methods]
    results = _run_all(jobs, config.processes or _processors())
    curves = {
        result.label: curve(Run(job.folder).read("metrics"))
        for job, result in zip(jobs, results, strict=True)
    }
    png = draw_curves(
        {label: [points] for label, points in curves.items()},
        run.folder / "learning_curve.png",
        ylabel="held-out prompts with all criteria met",
        title=f"words task, seed {config.seed}",
    )
    views = _views(jobs[-1])
    page = run.folder / "credit.html"
    page.write_text(credit_html(views, title="Which token is to blame?"), encoding="utf-8")
    rows = [_row(result, curves[result.label], config.threshold) for result in results]
    _print_table(run, rows, config.threshold)
    run.console.print(credit_text(views[0]))
    run.console.print(f"learning curve: {png}\ncredit by token: {page}", soft_wrap=True)
    run.report(_report(rows, config))
    return {
        "seed": config.seed,
        "base_all_satisfied": results[0].base_all_satisfied,
        "methods": {row["method"]: row for row in rows},
        "gains": _gains(results),
        "learning_curve": str(png),
        "credit_html": str(page),
    }


def _job(config: DemoConfig, run: Run, credit: Credit, base: Path | None) -> Job:
    slug = credit.label.lower().replace("-", "_").replace(" ", "_")
    return Job(
        seed=config.seed,
        task=config.task,
        policy=config.policy,
        warm_start=config.warm_start,
        credit=credit,
        train=config.train,
        folder=run.folder / slug,
        base=base,
    )


def _run_all(jobs: Sequence[Job], processes: int) -> list[Result]:
    """Run jobs in fresh processes; a progress line a method on standard error."""
    context = get_context("spawn")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by the children as they start
    with ProcessPoolExecutor(min(processes, len(jobs)), mp_context=context) as pool:
        waiting = [pool.submit(run_job, job) for job in jobs]
        _watch(jobs, waiting)
        return [future.result() for future in waiting]


def _watch(jobs: Sequence[Job], waiting: Sequence[Future[Result]]) -> None:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bars = [progress.add_task(job.credit.label, total=job.train.steps) for job in jobs]
        shown = [0] * len(jobs)
        while True:
            is_over = all(future.done() for future in waiting)
            for place, job in enumerate(jobs):
                steps = max(len(_lines(job.folder / "metrics.jsonl")) - 1, 0)
                progress.update(bars[place], completed=steps)
                if not console.is_terminal and steps >= shown[place] + 50:
                    shown[place] = steps - steps % 50
                    _note(f"{job.credit.label}: step {shown[place]} of {job.train.steps}")
            if is_over:
                return
            time.sleep(0.5)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _views(job: Job, *, prompts: int = 8) -> list[CreditView]:
    """A few responses of each prompt, the most telling first."""
    policy = blank_policy(job)
    state = torch.load(job.folder / "checkpoint.pt", weights_only=True)
    policy.model.load_state_dict(state["policy"])
    asked = list(islice(job.task.prompts("heldout", HELDOUT_SEED), prompts))
    groups = Sampler(policy, job.task.max_tokens).sample(
        asked, samples=job.train.samples, seed=seed_for(job.seed, "show")
    )
    views = view_groups(Scorer().score(groups), job.credit)
    return pick(views, "telling", prompts=prompts, samples=3)


def _row(result: Result, points: list[tuple[int, float]], threshold: float) -> dict[str, Any]:
    low, high = mean_interval(result.per_prompt)
    return {
        "method": result.label,
        "all_satisfied": result.all_satisfied,
        "all_satisfied_95": [low, high],
        "satisfied_rate": result.satisfied_rate,
        "steps_to_threshold": steps_to(points, threshold),
        "unscored": result.unscored,
        "cpu_s": round(result.cpu_s, 1),
        "tokens_per_s": round(result.tokens_per_s),
    }


def _gains(results: Sequence[Result]) -> dict[str, dict[str, Any]]:
    """RTT minus plain GRPO with the same reward, paired by held-out prompt."""
    by_label = {result.label: result for result in results}
    gains = {}
    for label, result in by_label.items():
        plain = by_label.get(label.removeprefix("RTT-"))
        if plain is None or plain is result:
            continue
        pairs = zip(result.per_prompt, plain.per_prompt, strict=True)
        difference = [ours - theirs for ours, theirs in pairs]
        low, high = mean_interval(difference)
        gains[f"{label} minus {plain.label}"] = {
            "mean": sum(difference) / max(len(difference), 1),
            "interval_95": [low, high],
        }
    return gains


def _print_table(run: Run, rows: Sequence[dict[str, Any]], threshold: float) -> None:
    from rich.table import Table

    table = Table(title="GRPO with and without token credit, held-out prompts")
    for name in ("method", "all criteria met [95 % over prompts]", "criteria met",
                 f"steps to {threshold:.0%}", "CPU s", "tokens/s"):  # fmt: skip
        table.add_column(name, justify="left" if name == "method" else "right")
    for row in rows:
        low, high = row["all_satisfied_95"]
        table.add_row(
            row["method"],
            f"{row['all_satisfied']:.1%} [{low:.1%}, {high:.1%}]",
            f"{row['satisfied_rate']:.1%}",
            str(row["steps_to_threshold"] or "not reached"),
            f"{row['cpu_s']:.0f}",
            f"{row['tokens_per_s']}",
        )
    run.console.print(table)


def _report(rows: Sequence[dict[str, Any]], config: DemoConfig) -> str:
    lines = [
        f"# GRPO with and without token credit, seed {config.seed}",
        "",
        "| method | all criteria met | 95 % over prompts | criteria met |",
        "|---|---|---|---|",
    ]
    for row in rows:
        low, high = row["all_satisfied_95"]
        lines.append(
            f"| {row['method']} | {row['all_satisfied']:.1%} | {low:.1%} to {high:.1%} "
            f"| {row['satisfied_rate']:.1%} |"
        )
    return "\n".join([*lines, "", "![learning curve](learning_curve.png)", ""])


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


main = entrypoint("rtt/demo", DemoConfig, demo, groups={k: GROUPS[k] for k in ("task", "policy")})

if __name__ == "__main__":
    main()
