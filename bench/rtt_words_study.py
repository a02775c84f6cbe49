"""The registered study of docs/experiments.md: token credit on the words task, five seeds.

    python bench/rtt_words_study.py OUT_FOLDER [--seeds 2001 2002 2003 2004 2005] [--processes 2]

Trains every variant from one shared start a seed; prints the tables in Markdown and writes the
curves. Runs that are finished in OUT_FOLDER are read, not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import torch

from lmcommon.rng import random_for
from lmcommon.runlog import Run
from lmcommon.stats import mean_interval, quantile, sign_flip_test
from rtt.policy import TinyPolicy
from rtt.relevance import RandomRelevance, RelevanceSource, SpanRelevance
from rtt.run.method import Job, Result, curve, make_base, run_job, steps_to
from rtt.show.curves import draw_curves
from rtt.tasks import WordsTask
from rtt.train import Credit, TrainSettings, WarmStart
from rtt.train.scoring import Scorer

SEEDS = (2001, 2002, 2003, 2004, 2005)
Curve = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Variant:
    label: str
    credit: Credit
    relevance: RelevanceSource = field(default_factory=SpanRelevance)


VARIANTS = {
    "aon": Variant("AON", Credit(scheme="none", reward="aon")),
    "csr": Variant("CSR", Credit(scheme="none", reward="csr")),
    "gdpo": Variant("GDPO", Credit(scheme="gdpo", reward="csr")),
    "rtt_aon": Variant("RTT-AON", Credit(scheme="intra", reward="aon")),
    "rtt_csr": Variant("RTT-CSR", Credit(scheme="intra", reward="csr")),
    "baseline_aon": Variant(
        "RTT-AON with baseline", Credit(scheme="baseline_intra", reward="aon", weight=1.0)
    ),
    "baseline_csr": Variant(
        "RTT-CSR with baseline", Credit(scheme="baseline_intra", reward="csr", weight=1.0)
    ),
    "random_aon": Variant(
        "RTT-AON, random relevance", Credit(scheme="intra", reward="aon"), RandomRelevance()
    ),
}
COMPARISONS = (
    ("rtt_aon", "aon"), ("baseline_aon", "aon"), ("baseline_aon", "csr"), ("baseline_aon", "gdpo"),
    ("baseline_aon", "rtt_aon"), ("rtt_csr", "csr"), ("baseline_csr", "csr"), ("random_aon", "aon"),
)  # fmt: skip


def job(folder: Path, seed: int, name: str) -> Job:
    variant = VARIANTS[name]
    return Job(
        seed=seed, task=WordsTask(), policy=TinyPolicy(), warm_start=WarmStart(),
        credit=variant.credit, scorer=Scorer(relevance=variant.relevance),
        train=TrainSettings(record_every=0), folder=folder / f"{seed}_{name}",
        base=folder / f"base_{seed}.pt",
    )  # fmt: skip


def warm(folder: Path, seed: int) -> None:
    torch.set_num_threads(1)
    target = folder / f"base_{seed}.pt"
    if not target.exists():
        blank = Job(
            seed=seed, task=WordsTask(), policy=TinyPolicy(), warm_start=WarmStart(),
            credit=Credit(), train=TrainSettings(), folder=folder,
        )  # fmt: skip
        part = target.with_suffix(".part")
        torch.save(make_base(blank).model.state_dict(), part)
        part.replace(target)


class Study:
    """Results and curves of all runs, by variant and seed."""

    def __init__(
        self, results: Mapping[tuple[int, str], Result], curves: Mapping[tuple[int, str], Curve],
        seeds: Sequence[int],
    ) -> None:  # fmt: skip
        self.results, self.curves, self.seeds = results, curves, seeds

    def late(self, name: str) -> list[float]:
        return [self.results[seed, name].late_all_satisfied for seed in self.seeds]

    def mean_curve(self, name: str, seeds: Sequence[int]) -> list[tuple[int, float]]:
        runs = [dict(self.curves[seed, name]) for seed in seeds]
        return [(step, statistics.mean(run[step] for run in runs)) for step in sorted(runs[0])]

    def level(self, seeds: Sequence[int]) -> float:
        """AON's final reward: the mean of its last four evaluations."""
        return statistics.mean(self.results[seed, "aon"].late_all_satisfied for seed in seeds)

    def steps_to_level(self, name: str, seeds: Sequence[int]) -> int | None:
        return steps_to(self.mean_curve(name, seeds), self.level(seeds) - 1e-12)

    def speed_up(self, name: str, seeds: Sequence[int]) -> float:
        """AON's steps to its own final reward over this variant's; 0 where that is never."""
        own, theirs = self.steps_to_level(name, seeds), self.steps_to_level("aon", seeds)
        return 0.0 if own is None or theirs is None else theirs / max(own, 1)

    def speed_up_interval(self, name: str, *, draws: int = 2000) -> tuple[float, float]:
        random = random_for(0, "speed-up", name)
        drawn = [
            self.speed_up(name, random.choices(self.seeds, k=len(self.seeds))) for _ in range(draws)
        ]
        return quantile(drawn, 0.025), quantile(drawn, 0.975)


def print_tables(study: Study) -> None:
    seeds = study.seeds
    print(f"AON's final reward: {study.level(seeds):.3f}\n")
    print("| variant | late rate, mean [95 % over seeds] | each seed | final rate | criteria met | "
          "steps to 20 %, each seed | steps to AON's final reward | AON's over its [95 %] | each "
          "seed, median | entropy | CPU s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, variant in VARIANTS.items():
        runs = [study.results[seed, name] for seed in seeds]
        late = study.late(name)
        low, high = mean_interval(late, seed=0)
        reached = [steps_to(study.curves[seed, name], 0.2) for seed in seeds]
        fast, slow = study.speed_up_interval(name)
        each = [study.speed_up(name, [seed]) for seed in seeds]
        print(
            f"| {variant.label} | {statistics.mean(late):.3f} [{low:.3f}, {high:.3f}] "
            f"| {', '.join(f'{value:.3f}' for value in late)} "
            f"| {statistics.mean(run.all_satisfied for run in runs):.3f} "
            f"| {statistics.mean(run.satisfied_rate for run in runs):.3f} "
            f"| {', '.join(str(step or 'never') for step in reached)} "
            f"| {study.steps_to_level(name, seeds) or 'never'} "
            f"| {study.speed_up(name, seeds):.2f} [{fast:.2f}, {slow:.2f}] "
            f"| {', '.join(f'{value:.2f}' for value in each)}; {statistics.median(each):.2f} "
            f"| {statistics.mean(ENTROPIES[seed, name] for seed in seeds):.2f} "
            f"| {statistics.mean(run.cpu_s for run in runs):.0f} |"
        )
    print("\n| paired by seed | difference of the late rate | 95 % over seeds | each seed | "
          "p (sign flips, exact) |\n|---|---|---|---|---|")  # fmt: skip
    for ours, theirs in COMPARISONS:
        left, right = study.late(ours), study.late(theirs)
        pairs = [a - b for a, b in zip(left, right, strict=True)]
        low, high = mean_interval(pairs, seed=0)
        print(
            f"| {VARIANTS[ours].label} minus {VARIANTS[theirs].label} "
            f"| {statistics.mean(pairs):+.3f} | [{low:+.3f}, {high:+.3f}] "
            f"| {', '.join(f'{pair:+.3f}' for pair in pairs)} "
            f"| {sign_flip_test(left, right, seed=0):.3f} |"
        )
    unscored = sum(run.unscored for run in study.results.values())
    print(f"\nUnscored verdicts or samples over all runs: {unscored}.")


ENTROPIES: dict[tuple[int, str], float] = {}
"""Entropy (nats a token) of each run's last step."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    folder, seeds = arguments.folder, arguments.seeds
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(warm, [folder] * len(seeds), seeds))
        jobs = {(seed, name): job(folder, seed, name) for seed in seeds for name in VARIANTS}
        results = dict(zip(jobs, pool.map(run_job, jobs.values()), strict=True))
    rows = {key: Run(job.folder).read("metrics") for key, job in jobs.items()}
    ENTROPIES.update({key: own[-1]["entropy"] for key, own in rows.items()})
    curves = {key: curve(own) for key, own in rows.items()}
    print_tables(Study(results, curves, seeds))
    draw_curves(
        {
            variant.label: [curves[seed, name] for seed in seeds]
            for name, variant in VARIANTS.items()
        },
        folder / "rtt_words_curves.png",
        ylabel="held-out prompts with all criteria met",
        title=f"words task, {len(seeds)} seeds",
    )
    print(json.dumps({"seeds": seeds, "runs": len(results)}))


if __name__ == "__main__":
    main()
