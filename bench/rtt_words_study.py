"""The registered study of docs/experiments.md, section "rtt words task".

    python bench/rtt_words_study.py OUT_FOLDER [--seeds 1000 1001 1002] [--processes 2]

Trains AON, CSR, RTT-AON and RTT-CSR from one shared start a seed; prints the tables in Markdown and
writes `rtt_words_curves.png`. Runs that are finished in OUT_FOLDER are read, not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from lmcommon.runlog import Run
from rtt.policy import TinyPolicy
from rtt.run.demo import METHODS
from rtt.run.method import Job, Result, curve, make_base, run_job, steps_to
from rtt.show.curves import draw_curves
from rtt.tasks import WordsTask
from rtt.train import TrainSettings, WarmStart
from rtt.train.bootstrap import mean_interval

THRESHOLD = 0.2


def job(folder: Path, seed: int, method: str) -> Job:
    return Job(
        seed=seed, task=WordsTask(), policy=TinyPolicy(), warm_start=WarmStart(),
        credit=METHODS[method], train=TrainSettings(), folder=folder / f"{seed}_{method}",
        base=folder / f"base_{seed}.pt",
    )  # fmt: skip


def warm(folder: Path, seed: int) -> None:
    torch.set_num_threads(1)
    target = folder / f"base_{seed}.pt"
    if not target.exists():
        blank = Job(
            seed=seed, task=WordsTask(), policy=TinyPolicy(), warm_start=WarmStart(),
            credit=METHODS["aon"], train=TrainSettings(), folder=folder,
        )  # fmt: skip
        part = target.with_suffix(".part")
        torch.save(make_base(blank).model.state_dict(), part)
        part.replace(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1000, 1001, 1002])
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    folder, seeds = arguments.folder, arguments.seeds
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(warm, [folder] * len(seeds), seeds))
        jobs = {(seed, name): job(folder, seed, name) for seed in seeds for name in METHODS}
        results = dict(zip(jobs, pool.map(run_job, jobs.values()), strict=True))
    curves = {key: curve(Run(job.folder).read("metrics")) for key, job in jobs.items()}
    print_tables(results, curves, seeds)
    draw_curves(
        {METHODS[name].label: [curves[seed, name] for seed in seeds] for name in METHODS},
        folder / "rtt_words_curves.png",
        ylabel="held-out prompts with all criteria met",
        title=f"words task, {len(seeds)} seeds",
    )


def print_tables(
    results: dict[tuple[int, str], Result],
    curves: dict[tuple[int, str], list[tuple[int, float]]],
    seeds: list[int],
) -> None:
    print("| method | base | late rate, mean over seeds | each seed | final, pooled [95 % over "
          "prompts and seeds] | criteria met | steps to 20 % | CPU s a run |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for name in METHODS:
        runs = [results[seed, name] for seed in seeds]
        late = [run.late_all_satisfied for run in runs]
        pooled = [value for run in runs for value in run.per_prompt]
        low, high = mean_interval(pooled)
        reached = [steps_to(curves[seed, name], THRESHOLD) for seed in seeds]
        base = statistics.mean(run.base_all_satisfied for run in runs)
        print(
            f"| {runs[0].label} | {base:.3f} | {statistics.mean(late):.3f} "
            f"| {', '.join(f'{value:.3f}' for value in late)} "
            f"| {statistics.mean(pooled):.3f} [{low:.3f}, {high:.3f}] "
            f"| {statistics.mean(run.satisfied_rate for run in runs):.3f} "
            f"| {', '.join(str(step or 'never') for step in reached)} "
            f"| {statistics.mean(run.cpu_s for run in runs):.0f} |"
        )
    print("\n| paired by seed and prompt | difference of the final rate | 95 % |\n|---|---|---|")
    for ours, plain in (("rtt_aon", "aon"), ("rtt_csr", "csr")):
        pairs = [
            a - b
            for seed in seeds
            for a, b in zip(
                results[seed, ours].per_prompt, results[seed, plain].per_prompt, strict=True
            )
        ]
        low, high = mean_interval(pairs)
        label = f"{METHODS[ours].label} minus {METHODS[plain].label}"
        print(f"| {label} | {statistics.mean(pairs):+.3f} | [{low:+.3f}, {high:+.3f}] |")
    unscored = sum(run.unscored for run in results.values())
    print(f"\nUnscored verdicts or samples over all runs: {unscored}.")
    print(json.dumps({"seeds": seeds, "runs": len(results)}))


if __name__ == "__main__":
    main()
