"""One training run in one folder: start or resume, train, evaluate, write everything down.

In: a `Job`. Out: a `Result`; the folder holds `metrics.jsonl` (one row a step), `rollouts.jsonl`
(scored responses of some steps), `checkpoint.pt` and `result.json`. A job whose result exists is
not run again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from lmcommon.runlog import Run, write_atomic, write_lines
from rtt.engine.base import RolloutSettings
from rtt.engine.settings import TransformersRolloutsSettings
from rtt.policy.tiny import Policy, PolicySource, TinyPolicy
from rtt.relevance.config import RelevanceSettings
from rtt.relevance.policy_scores import PolicyScores
from rtt.tasks.base import SketchingTask, Task
from rtt.train.advantage import Credit
from rtt.train.local.checkpoint import find_checkpoint
from rtt.train.local.engine import LocalEngine
from rtt.train.local.parallel import Alone
from rtt.train.local.settings import TrainSettings
from rtt.train.local.trainer import LocalTrainer
from rtt.train.ranks import RankBook, keep_rank_rows
from rtt.train.scoring import Scorer
from rtt.train.warm import WarmStart

__all__ = [
    "Job",
    "Result",
    "blank_policy",
    "curve",
    "keep_rows",
    "make_base",
    "run_job",
    "steps_to",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything one run depends on; picklable, so that a worker process can take it."""

    seed: int
    task: Task
    policy: PolicySource
    warm_start: WarmStart
    credit: Credit
    train: TrainSettings
    engine: LocalEngine = field(default_factory=LocalEngine)
    sampler: RolloutSettings = field(default_factory=TransformersRolloutsSettings)
    """What samples."""
    folder: Path
    scorer: Scorer = field(default_factory=Scorer)
    """Verdicts and relevances; program checks and their deciding spans by default."""
    relevance: RelevanceSettings | None = None
    """In place of the scorer's own relevances: built once there is a policy to score with."""
    base: Path | None = None
    """Weights of a shared warm start; None: make it."""
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one run came to. Rates are on held-out prompts, sampled at temperature 1."""

    label: str
    seed: int
    steps: int
    base_all_satisfied: float
    all_satisfied: float
    """After the last step, with four times the usual samples."""
    per_prompt: tuple[float, ...]
    """The same by held-out prompt, in one order for all runs."""
    late_all_satisfied: float
    """Mean of the last four evaluations."""
    satisfied_rate: float
    unscored: int
    cpu_s: float
    """Processor seconds of training and evaluation in the first process, without the warm start."""
    tokens_per_s: float


def run_job(
    job: Job, *, progress: Callable[..., Iterable[int]] | None = None, run: Run | None = None
) -> Result:
    """Run a job, or go on where a killed process left it.

    Under torchrun all processes call this; the first one's folder counts, and it alone writes.

    Args:
        job: What to run.
        progress: Wraps the steps, as `Run.progress` does.
        run: Where to record; None: a run of its own in `job.folder`.
    """
    with job.engine.processes() as parallel:
        job = replace(job, folder=parallel.same(job.folder))
        done = job.folder / "result.json"
        result = parallel.same(_read_result(done) if parallel.is_main and done.exists() else None)
        if result is not None:
            return result
        torch.set_num_threads(job.threads)
        if parallel.is_main and run is None:
            run = Run(job.folder, seed=job.seed)
        result = parallel.same(_run(job, parallel, progress, run if parallel.is_main else None))
        assert result is not None, "the first process has a run"
        return result


def _run(
    job: Job, parallel: Alone, progress: Callable[..., Iterable[int]] | None, run: Run | None
) -> Result | None:
    """Train and evaluate; the process that has a run writes, and tells the result."""
    checkpoint = job.folder / "checkpoint.pt"
    with closing(_trainer(job, checkpoint, parallel)) as trainer:
        return _trained(job, trainer, parallel, progress, run)


def _trained(
    job: Job,
    trainer: LocalTrainer,
    parallel: Alone,
    progress: Callable[..., Iterable[int]] | None,
    run: Run | None,
) -> Result | None:
    checkpoint = job.folder / "checkpoint.pt"
    if run is not None:
        keep_rows(run, trainer.step)
    parallel.barrier()  # the first process has tidied up what the others append to
    before = time.process_time()
    steps = trainer.run(
        record=_forget if run is None else run.metrics,
        checkpoint=checkpoint,
        rollouts=job.folder / "rollouts.jsonl",
        share=RankBook(job.folder, parallel.rank, parallel.world).add,
    )
    if progress is not None and run is not None:
        steps = progress(steps, job.credit.label, job.train.steps - trainer.step)
    for _ in steps:
        pass
    final = trainer.evaluate(samples=4 * job.train.eval_samples)
    if run is None:
        return None
    rows = run.read("metrics")
    points = curve(rows)
    speeds = sorted(row["tokens_per_s"] for row in rows if "tokens_per_s" in row)
    result = Result(
        label=job.credit.label,
        seed=job.seed,
        steps=trainer.step,
        base_all_satisfied=points[0][1],
        all_satisfied=final.all_satisfied,
        per_prompt=final.per_prompt,
        late_all_satisfied=_late(points),
        satisfied_rate=final.satisfied_rate,
        unscored=int(sum(row.get("unscored", 0) for row in rows)) + final.unscored,
        cpu_s=time.process_time() - before,
        tokens_per_s=speeds[len(speeds) // 2] if speeds else 0.0,
    )
    write_atomic(job.folder / "result.json", json.dumps(asdict(result)) + "\n")
    return result


def make_base(job: Job) -> Policy:
    """The policy that a job starts from: shared weights if given, else its own warm start.

    A pretrained policy starts as it is: its tokenizer need not know one token a word.
    """
    policy = blank_policy(job)
    if job.base is not None:
        policy.model.load_state_dict(torch.load(job.base, weights_only=True))
    elif isinstance(job.task, SketchingTask) and isinstance(job.policy, TinyPolicy):
        job.warm_start.run(policy, job.task, seed=job.seed)
    return policy


def curve(rows: list[dict[str, Any]]) -> list[tuple[int, float]]:
    """(step, held-out all-satisfied rate) of the evaluations among rows of metrics."""
    return [(row["step"], row["heldout_all_satisfied"]) for row in rows if "heldout_by_kind" in row]


def steps_to(points: list[tuple[int, float]], threshold: float) -> int | None:
    """First evaluated step at or above a threshold; None if it was never reached."""
    return next((step for step, value in points if value >= threshold), None)


def keep_rows(run: Run, step: int) -> None:
    """Drop the rows after a checkpoint: the steps behind them are taken again."""
    for name in ("metrics", "rollouts"):
        rows = [row for row in run.read(name) if row["step"] <= step] if step else []
        if rows or (run.folder / f"{name}.jsonl").exists():
            write_lines(run.folder / f"{name}.jsonl", rows)
    keep_rank_rows(run.folder, lambda row: bool(step) and row["step"] <= step)


def _trainer(job: Job, checkpoint: Path, parallel: Alone) -> LocalTrainer:
    is_begun = parallel.same(find_checkpoint(checkpoint) is not None)
    policy = blank_policy(job) if is_begun else make_base(job)
    job.engine.place(policy)
    trainer = LocalTrainer(
        policy=policy,
        task=job.task,
        credit=job.credit,
        settings=job.train,
        seed=job.seed,
        scorer=_scorer(job, policy, parallel),
        parallel=parallel,
        rollouts=job.sampler.build(
            policy,
            max_tokens=job.task.max_tokens,
            sampling=job.train.sampling,
            row_budget=job.train.row_budget,
            seed=job.seed,
        ),
    )
    if is_begun:
        trainer.load(checkpoint)
    else:
        trainer.save(checkpoint)
    return trainer


def _scorer(job: Job, policy: Policy, parallel: Alone) -> Scorer:
    if job.relevance is None:
        return job.scorer
    scores = PolicyScores(policy=policy, within=parallel.generate)
    return replace(job.scorer, relevance=job.relevance.build(scores))


def _forget(_: Mapping[str, Any]) -> None:
    """Another process writes it down."""


def blank_policy(job: Job) -> Policy:
    """The policy before any training here; a tiny one must know the words of the task."""
    return job.policy.build(getattr(job.task, "tokens", ()), seed=job.seed)


def _late(points: list[tuple[int, float]]) -> float:
    last = [value for _, value in points[-4:]]
    return sum(last) / len(last)


def _read_result(path: Path) -> Result:
    loaded = json.loads(path.read_text(encoding="utf-8"))
    return Result(**{**loaded, "per_prompt": tuple(loaded["per_prompt"])})
