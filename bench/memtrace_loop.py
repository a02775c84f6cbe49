"""The closed loop beside its baselines, on pipelines with faulty prompts.

    python bench/memtrace_loop.py run --out rows.jsonl --seeds 9101 9102 --workers 2
    python bench/memtrace_loop.py sum rows.jsonl

A seed makes the histories, their split and every draw. All methods share the evaluator, the
simulated reflection model and the budget; what they spend is counted by the evaluator. `run` adds a
row for each pipeline, seed and method that `--out` does not hold yet; `sum` prints the tables.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from statistics import mean, median
from typing import Any

from lmcommon.rng import random_for
from lmcommon.stats import mcnemar_exact
from memtrace.evaluate.evaluating import evaluate
from memtrace.execution.execution import Execution, execute
from memtrace.faultbench.judges import usual_judge
from memtrace.faultbench.llm import SimulatedConfig
from memtrace.faultbench.prompting import PROMPT_FAULTS, conversations
from memtrace.graph.recording.tracing import record
from memtrace.optimizing import Evaluator, split
from memtrace.optimizing.greedy import mean_score
from memtrace.optimizing.methods import run_method
from memtrace.optimizing.types import Candidate, Optimization, Scored, Splits, digest_of

METHODS = ("memtrace", "gepa", "gepa_blind", "paper", "uniform")
BASELINES = ("gepa_blind", "paper", "uniform")
OURS = ("memtrace", "gepa")
SHARES = (0.3, 0.3, 0.4)
LIMIT, HISTORIES, SIZE = 600, 7, "small"


def base_trace(path: Path, pipeline: str, seed: int) -> None:
    """Record the pipeline over the seed's histories, with its faulty prompts."""
    fault = PROMPT_FAULTS[pipeline]
    make = fault.pipeline().build(SimulatedConfig(name="prompted").bare())
    shared = bool(getattr(make, "needs_processes", False))
    with record(path, processes=shared) as recorder, execute(recorder, Execution()):
        for one in conversations(seed, HISTORIES, SIZE):
            system = make(f"{pipeline}/{one.id}")
            try:
                list(evaluate(system, one, usual_judge()))
            finally:
                system.close()


def run_one(pipeline: str, seed: int, method: str, trace: Path) -> dict[str, Any]:
    """One method on one pipeline and seed."""
    folder = Path(tempfile.mkdtemp(prefix="loop-"))
    started = time.perf_counter()
    try:
        with Evaluator(
            trace, model=SimulatedConfig(name="prompted").bare(), folder=folder,
            max_metric_calls=LIMIT,
        ) as evaluator:  # fmt: skip
            splits = split(evaluator.examples, shares=SHARES, seed=seed)
            reflection = SimulatedConfig(name="reflection").bare()
            made = run_method(method, evaluator, splits, reflection, seed=seed)
            spent = made.spending.to_dict()
        with Evaluator(
            trace, model=SimulatedConfig(name="prompted").bare(), folder=folder,
        ) as judge:  # fmt: skip
            row = described(judge, splits, made)
        return {
            "pipeline": pipeline, "seed": seed, "method": method, "limit": LIMIT, **row,
            "spending": spent, "stopped": made.stopped,
            "seconds": round(time.perf_counter() - started, 1),
        }  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def described(judge: Evaluator, splits: Splits, made: Optimization) -> dict[str, Any]:
    """What came of it: held-out accuracy first and last, and version by version."""
    known: dict[str, Candidate] = {digest_of(made.seed): made.seed}
    steps = []
    for version in made.accepted:
        parent = known[version.parent]
        known[version.digest] = {**parent, **version.texts}
        pair = [judge.evaluate(one, splits.held_out) for one in (parent, known[version.digest])]
        steps.append({
            "metric_calls": version.metric_calls,
            "validation": mean_score(judge.evaluate(known[version.digest], splits.validation)),
            "components": sorted(version.texts), **paired(*pair),
        })  # fmt: skip
    first, last = (judge.evaluate(one, splits.held_out) for one in (made.seed, made.best))
    return {
        "validation_first": made.seed_validation, "validation_last": made.best_validation,
        "held_first": mean_score(first), "held_last": mean_score(last),
        "held_size": len(splits.held_out), "steps": steps,
        "paired": paired(first, last), "changed": list(made.changed),
        "tried": len(made.versions),
        "confirmed": None if made.confirmation is None else made.confirmation.accepted,
        "best": dict(made.best),
    }  # fmt: skip


def paired(left: Sequence[Scored], right: Sequence[Scored]) -> dict[str, Any]:
    """Questions that only one of two candidates has right."""
    pairs = [
        (a.score, b.score) for a, b in zip(left, right, strict=True)
        if a.score is not None and b.score is not None
    ]  # fmt: skip
    won, lost = (sum(a < b for a, b in pairs), sum(a > b for a, b in pairs))
    return {"held_won": won, "held_lost": lost, "held_p": mcnemar_exact(won, lost)}


def work(pipeline: str, seed: int, methods: Sequence[str]) -> Iterator[dict[str, Any]]:
    """All methods on one pipeline and seed: they share the recorded base."""
    folder = Path(tempfile.mkdtemp(prefix="loop-base-"))
    try:
        base_trace(folder / "trace.db", pipeline, seed)
        for method in methods:
            yield run_one(pipeline, seed, method, folder / "trace.db")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def work_all(pipeline: str, seed: int, methods: Sequence[str], out: str) -> int:
    """`work`, its rows added to a file as they are made."""
    count = 0
    for row in work(pipeline, seed, methods):
        with Path(out).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        count += 1
    return count


def run(options: argparse.Namespace) -> None:
    """Everything that is not in the file yet."""
    out = Path(options.out)
    done = {
        (row["pipeline"], row["seed"], row["method"]) for row in rows_of(out)
    } if out.exists() else set()  # fmt: skip
    jobs = []
    for seed in options.seeds:
        for pipeline in options.pipelines:
            left = [one for one in options.methods if (pipeline, seed, one) not in done]
            if left:
                jobs.append((pipeline, seed, left))
    with ProcessPoolExecutor(max_workers=options.workers) as pool:
        futures = {pool.submit(work_all, *job, str(out)): job for job in jobs}
        for number, future in enumerate(as_completed(futures), 1):
            pipeline, seed, _ = futures[future]
            future.result()
            print(f"{number} of {len(jobs)}: {pipeline}, seed {seed}", file=sys.stderr, flush=True)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def clustered(
    values: Mapping[str, Sequence[float]], statistic: Callable[[list[float]], float],
    draws: int = 2000,
) -> tuple[float, float]:  # fmt: skip
    """Bootstrap interval over pipelines and, within them, seeds."""
    rng, names, found = random_for(0, "bench"), sorted(values), []
    for _ in range(draws):
        drawn: list[float] = []
        for name in rng.choices(names, k=len(names)):
            drawn += rng.choices(values[name], k=len(values[name]))
        found.append(statistic(drawn))
    found.sort()
    return found[int(0.025 * draws)], found[int(0.975 * draws) - 1]


def calls_to(row: Mapping[str, Any], target: float) -> int | None:
    """Metric calls after which a method first had this validation accuracy."""
    if row["validation_first"] is not None and row["validation_first"] >= target:
        return 0
    reached = [one for one in row["steps"] if (one["validation"] or 0) >= target - 1e-9]
    return reached[0]["metric_calls"] if reached else None


def summed(options: argparse.Namespace) -> None:
    """Print the tables."""
    rows = [row for path in options.files for row in rows_of(Path(path))]
    faults = [row for row in rows if PROMPT_FAULTS[row["pipeline"]].at_fault]
    head("method", "runs", "held-out before", "after", "gain, points [95 %]", "metric calls",
         "accepted", "worse for sure", "final below first")  # fmt: skip
    for method in METHODS:
        those = [row for row in faults if row["method"] == method]
        if not those:
            continue
        gains: dict[str, list[float]] = defaultdict(list)
        for row in those:
            gains[row["pipeline"]].append(100 * (row["held_last"] - row["held_first"]))
        every = [gain for found in gains.values() for gain in found]
        low, high = clustered(gains, mean)
        steps = [step for row in those for step in row["steps"]]
        worse = sum(s["held_p"] <= 0.05 and s["held_lost"] > s["held_won"] for s in steps)
        line(
            method, len(those), f"{mean(r['held_first'] for r in those):.3f}",
            f"{mean(r['held_last'] for r in those):.3f}",
            f"{mean(every):+.1f} [{low:+.1f}, {high:+.1f}]",
            f"{mean(r['spending']['metric_calls'] for r in those):.0f}", len(steps), worse,
            sum(r["held_last"] < r["held_first"] for r in those),
        )  # fmt: skip
    head("ours", "baseline", "cases", "ratio of calls, median [95 %]", "ours never there",
         "baseline never rose")  # fmt: skip
    by = {(row["pipeline"], row["seed"], row["method"]): row for row in faults}
    for ours in OURS:
        for baseline in BASELINES:
            told(ours, baseline, by)
    head("pipeline", *METHODS)
    for pipeline in PROMPT_FAULTS:
        cells = []
        for method in METHODS:
            found = [r for r in rows if r["pipeline"] == pipeline and r["method"] == method]
            ends = [(r["held_first"], r["held_last"]) for r in found]
            cells.append(" to ".join(f"{mean(end):.2f}" for end in zip(*ends, strict=True)) or "-")
        line(pipeline, *cells)


def head(*cells: object) -> None:
    """The head of a table."""
    print()
    line(*cells)
    line(*["---"] * len(cells))


def line(*cells: object) -> None:
    """A row of a table."""
    print("| " + " | ".join(map(str, cells)) + " |")


def told(ours: str, baseline: str, by: Mapping[tuple[str, int, str], Mapping[str, Any]]) -> None:
    """One row of the second table."""
    ratios: dict[str, list[float]] = defaultdict(list)
    never = flat = 0
    for (pipeline, seed, method), row in by.items():
        mine = by.get((pipeline, seed, ours))
        if method != baseline or mine is None:
            continue
        best = max((step["validation"] or 0 for step in row["steps"]), default=0)
        if best <= (row["validation_first"] or 0):
            flat += 1
            continue
        theirs, my = calls_to(row, best), calls_to(mine, best)
        assert theirs
        never += my is None
        ratios[pipeline].append((row["limit"] if my is None else my) / theirs)
    every = [one for found in ratios.values() for one in found]
    if every:
        low, high = clustered(ratios, median)
        told_ratio = f"{median(every):.2f} [{low:.2f}, {high:.2f}]"
        line(ours, baseline, len(every), told_ratio, never, flat)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("run")
    one.add_argument("--out", required=True)
    one.add_argument("--seeds", type=int, nargs="+", required=True)
    one.add_argument(
        "--pipelines", nargs="+", default=list(PROMPT_FAULTS), choices=list(PROMPT_FAULTS)
    )
    one.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    one.add_argument("--workers", type=int, default=1)
    one.set_defaults(do=run)
    two = verbs.add_parser("sum")
    two.add_argument("files", nargs="+")
    two.set_defaults(do=summed)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
