"""The registered study of docs/experiments.md: a small instruct model on IFEval prompts.

    python bench/rtt_ifeval_study.py IFEVAL_FILE OUT_FOLDER [--seeds 3001 3002] [--processes 2]

Trains SmolLM2-135M-Instruct (out of the package index) with plain GRPO and with token credit;
prints the table in Markdown and writes the reward curve. Finished runs in OUT_FOLDER are read, not
run again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from lmcommon.runlog import Run
from rtt.policy.pretrained import PretrainedPolicy
from rtt.run.method import Job, run_job
from rtt.show.curves import draw_curves
from rtt.tasks.rubrics import RubricsTask
from rtt.train import Credit, TrainSettings, UpdateSettings, WarmStart

STEPS, WINDOW = 40, 10
KINDS = [
    "punctuation:no_comma", "change_case:english_lowercase", "keywords:existence",
    "keywords:forbidden_words", "startend:quotation", "detectable_format:title",
]  # fmt: skip
VARIANTS = {
    "AON": Credit(scheme="none", reward="aon"),
    "RTT-AON": Credit(scheme="intra", reward="aon"),
    "RTT-AON with baseline": Credit(scheme="baseline_intra", reward="aon", weight=1.0),
}


def job(data: Path, folder: Path, seed: int, label: str) -> Job:
    settings = TrainSettings(
        steps=STEPS, prompts=4, samples=4, eval_every=STEPS, heldout=24, checkpoint_every=0,
        record_every=10, update=UpdateSettings(learning_rate=3e-5, minibatches=1),
    )  # fmt: skip
    return Job(
        seed=seed,
        task=RubricsTask(
            data="ifeval", path=str(data), kinds=KINDS, max_chars=350, max_tokens=40
        ),
        policy=PretrainedPolicy(path="bundled:smollm2"), warm_start=WarmStart(),
        credit=VARIANTS[label], train=settings,
        folder=folder / f"{seed}_{label.lower().replace(' ', '_')}",
    )  # fmt: skip


def windows(rows: Sequence[dict[str, Any]], key: str) -> list[float]:
    """Means of a metric over consecutive windows of steps."""
    values = [row[key] for row in rows if "reward" in row]
    return [
        statistics.mean(values[first : first + WINDOW]) for first in range(0, len(values), WINDOW)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3001, 3002])
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    jobs = {
        (seed, label): job(arguments.data, arguments.folder, seed, label)
        for seed in arguments.seeds
        for label in VARIANTS
    }
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        results = dict(zip(jobs, pool.map(run_job, jobs.values()), strict=True))
    rows = {key: Run(one.folder).read("metrics") for key, one in jobs.items()}
    task = next(iter(jobs.values())).task
    assert isinstance(task, RubricsTask)
    print(f"{len(task.rows('train'))} training and {len(task.rows('heldout'))} held-out prompts\n")
    print(
        f"| variant | seed | all satisfied, mean of each {WINDOW} steps | criteria satisfied, the "
        "same | held-out all satisfied: before, after | entropy: first, last | CPU s |"
    )
    print("|---|---|---|---|---|---|---|")
    for (seed, label), result in results.items():
        own = rows[seed, label]
        entropy = [row["entropy"] for row in own if "entropy" in row]
        print(
            f"| {label} | {seed} "
            f"| {', '.join(f'{value:.3f}' for value in windows(own, 'all_satisfied'))} "
            f"| {', '.join(f'{value:.3f}' for value in windows(own, 'satisfied_rate'))} "
            f"| {result.base_all_satisfied:.3f}, {result.all_satisfied:.3f} "
            f"| {entropy[0]:.2f}, {entropy[-1]:.2f} | {result.cpu_s:.0f} |"
        )
    draw_curves(
        {
            label: [
                [(row["step"], row["satisfied_rate"]) for row in rows[seed, label]
                 if "satisfied_rate" in row]
                for seed in arguments.seeds
            ]
            for label in VARIANTS
        },
        arguments.folder / "rtt_ifeval_curves.png",
        ylabel="criteria satisfied, training prompts",
        title="SmolLM2-135M on IFEval prompts",
    )  # fmt: skip
    print(json.dumps({"seeds": arguments.seeds, "runs": len(results)}))


if __name__ == "__main__":
    main()
